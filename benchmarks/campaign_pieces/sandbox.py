# SPDX-License-Identifier: Apache-2.0
"""One reading in a process of its own, with limits, and what came of it."""

from __future__ import annotations

import faulthandler
import hashlib
import os
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from foundation_stereo_ros.errors import FoundationStereoError

OUTCOMES = ("ok", "clear error", "traceback", "hang", "memory", "output unreadable", "input changed")
SECONDS = 10.0  # of a processor that a reading may take
_WAITING = 60.0  # seconds by the clock: other work on the machine is no hang, but waiting for ever is
MEMORY = 2 << 30  # bytes of resident memory that a reading may take
_ROOM = 6 << 30  # of addresses, so that a reading that takes too much ends before the machine does
_LONGEST = 4100
# What only programmers read.
_FOREIGN = re.compile(r"Traceback|weights_only|torch\.load| at 0x[0-9a-f]{6}|site-packages|<class '")


class Outcome(NamedTuple):
    """What came of a reading: one of `OUTCOMES`, what was said, its time in seconds, its memory in bytes."""

    kind: str
    said: str
    seconds: float
    memory: int


def observe(work: Callable[[], str], log: Path, watched: Path) -> Outcome:
    """Run in a child process.

    Args:
        work: reads; returns "" or what is wrong with its output.
        log: file for what the child says.
        watched: input, or folder of inputs, that must stay as it is.
    """
    before = _digest(watched)
    begin = time.monotonic()
    child = os.fork()
    if not child:
        _in_child(work, log)
    status, usage = _wait(child, begin)
    seconds, memory = time.monotonic() - begin, usage.ru_maxrss * 1024
    said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    kind, _, said = said.partition("\n")
    if status == -signal.SIGKILL:
        kind, said = "hang", f"longer than {SECONDS:g} s; {said}"
    elif status:
        kind, said = (
            "traceback",
            f"died of signal {-status}" if status < 0 else f"exit status {status}: {said}",
        )
    if memory > MEMORY:
        kind, said = "memory", f"{memory >> 20} MiB; {said}"
    if _digest(watched) != before:
        kind, said = "input changed", said
    return Outcome(kind, said, seconds, memory)


def _in_child(work: Callable[[], str], log: Path) -> None:
    stack = log.open("w", encoding="utf-8")
    try:
        _limit()
        stack.write("hang\n")
        stack.flush()
        faulthandler.dump_traceback_later(0.9 * SECONDS, repeat=True, file=stack)
        wrong = work()
        kind, said = ("output unreadable", wrong) if wrong else ("ok", "")
    except FoundationStereoError as error:
        said = str(error)
        unclear = _FOREIGN.search(said) or len(said) > _LONGEST or not said.replace("\n", "").isprintable()
        kind = "traceback" if unclear or not said else "clear error"
    except BaseException:
        kind, said = "traceback", traceback.format_exc()
    log.write_text(f"{kind}\n{said}", encoding="utf-8", errors="replace")
    sys.stdout.flush()
    os._exit(0)


def _limit() -> None:
    os.setsid()
    most, (_, hard) = _ROOM + _addresses(), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(
        resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
    )
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)


def _wait(child: int, begin: float) -> tuple[int, resource.struct_rusage]:
    step = 0.001
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), usage
        if _processor_s(child) > SECONDS or time.monotonic() - begin > _WAITING:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            return os.waitstatus_to_exitcode(status), usage
        time.sleep(step)
        step = min(step * 1.5, 0.05)


def _processor_s(process: int) -> float:
    """Return the processor time that a process has taken, seconds."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _addresses() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _digest(path: Path) -> str:
    """Return what a file holds, or all files of a folder; pipes and devices by name alone."""
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        digest.update(f"{file}{file.is_file()}".encode())
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()
