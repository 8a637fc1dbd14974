# SPDX-License-Identifier: Apache-2.0
"""Processes of the system tests, what they say, and how they end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from waiting import PATIENCE_S, wait_until

_CAMERA = Path(__file__).with_name("camera_process.py")
_COUNTED = Path(__file__).with_name("counted_process.py")


class Talk:
    """Lines of a process as they come."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = Condition()

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def add(self, line: str) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def wait_for(self, count: int, what: str = "", timeout: float = PATIENCE_S) -> list[str]:
        """Wait for so many lines with this pattern, and return them."""

        def found() -> list[str]:
            return [line for line in self.lines if re.search(what, line)]

        with self._changed:
            there = self._changed.wait_for(lambda: len(found()) >= count, timeout)
        assert there, f"{len(found())} of {count} lines with {what!r} in {timeout:g} s; it said:\n{self}"
        return found()


class RosProcess:
    """A process in a ROS domain of its own, with its output collected.

    Args:
        command: what to run.
        domain: of ROS.
        folder: working directory, also of logs.
        environment: more of its environment.
        counted: whether it runs in `counted_process`; for ``python -m``.
    """

    def __init__(
        self,
        command: Sequence[str],
        domain: int,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        counted: bool = False,
    ) -> None:
        if counted:
            python, _, *words = command
            command = [python, str(_COUNTED), *words]
        settings = {
            "ROS_DOMAIN_ID": str(domain),
            "ROS_LOG_DIR": str(folder / "ros_log"),
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "RCUTILS_COLORIZED_OUTPUT": "0",
        }
        self.popen = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **settings, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said, self.log = Talk(), Talk()
        self._readers = [
            Thread(target=_copy, args=(pipe, talk), daemon=True)
            for pipe, talk in ((self.popen.stdout, self.said), (self.popen.stderr, self.log))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    @property
    def threads(self) -> int:
        """How many it has."""
        return len(list(Path(f"/proc/{self.popen.pid}/task").iterdir()))

    def wait(self, timeout: float = PATIENCE_S) -> int:
        """Wait for its end, and return the exit code."""
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {timeout:g} s; its log:\n{self.log}") from None
        for reader in self._readers:
            reader.join()
        return code

    def interrupt(self) -> None:
        """Send what Ctrl-C sends."""
        self.popen.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it, and all that it started, at once and without a word."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """End it as a user does, and see that it ends well."""
        if self.alive:
            self.interrupt()
            code = self.wait()
            assert code == 0, f"ended with {code}; its log:\n{self.log}"
        assert "Traceback" not in str(self.log), str(self.log)


class CameraProcess(RosProcess):
    """The process of `camera_process`: a publisher of stereo pairs.

    Args:
        domain: of ROS.
        folder: working directory.
        kind: ``raw``, ``compressed``, ``misplaced``.
        qos: ``sensor``, ``reliable``.
        words: more of ``--ros-args``.
    """

    def __init__(self, domain: int, folder: Path, kind: str, qos: str, words: Sequence[str]) -> None:
        super().__init__([sys.executable, str(_CAMERA), kind, qos, *words], domain, folder)

    def send(self, **orders: Any) -> None:
        """Change what it sends, see `camera_process.Orders`."""
        assert self.popen.stdin
        self.popen.stdin.write(json.dumps(orders, default=str) + "\n")
        self.popen.stdin.flush()

    @property
    def stamps(self) -> list[int]:
        """Left stamps of all pairs sent so far, nanoseconds."""
        return [int(line) for line in self.said.lines]

    def has_sent(self, stamps: Collection[int]) -> bool:
        """Return whether all these are its own; it may tell of a pair after the pair has come."""
        return bool(stamps) and wait_until("all are told of", lambda: set(stamps) <= set(self.stamps))

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more pairs are sent."""
        self.said.wait_for(len(self.said.lines) + count)

    def stop(self) -> None:
        if self.alive:
            assert self.popen.stdin
            self.popen.stdin.close()
            assert self.wait() == 0, str(self.log)


def _copy(pipe: Any, talk: Talk) -> None:
    with pipe:
        for line in pipe:
            talk.add(line.rstrip("\n"))
