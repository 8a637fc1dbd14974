# SPDX-License-Identifier: Apache-2.0
"""Commands of this package as processes that meet each other on this computer, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO

from foundation_stereo_ros.errors import WireError

DOMAIN = 101
"""The last one whose ports lie below those that Linux hands out to others."""

_END_S = 10.0
_OTHERS = ("CYCLONEDDS_URI", "ROS_LOCALHOST_ONLY", "ROS_STATIC_PEERS", "ROS_SECURITY_ENABLE", "ROS_DISTRO")


def private_environment(name: str) -> dict[str, str]:
    """Return an environment for a graph that is this computer's alone, and of those who have this name.

    Args:
        name: letters, digits and underscores.
    """
    kept = {key: value for key, value in os.environ.items() if key not in _OTHERS}
    # Who has another tag is not seen, also where the domain is the same.
    tag = f"<CycloneDDS><Domain><Discovery><Tag>{name}</Tag></Discovery></Domain></CycloneDDS>"
    return {
        **kept,
        "ROS_DOMAIN_ID": str(DOMAIN),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "CYCLONEDDS_URI": tag,
    }


class Processes:
    """Runs commands of this package beside this process; a context manager that ends them.

    Args:
        environment: theirs.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._running: list[tuple[subprocess.Popen[bytes], str, IO[bytes]]] = []

    def start(self, *words: str) -> None:
        """Start ``foundation_stereo WORDS``."""
        errors = TemporaryFile()  # noqa: SIM115 (closed by `end`)
        process = subprocess.Popen(
            [sys.executable, "-m", "foundation_stereo_ros.cli.main", *words],
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        self._running.append((process, words[0], errors))

    def check(self) -> None:
        """See that all run.

        Raises:
            WireError: one has ended, with the last line that it said.
        """
        for process, name, errors in self._running:
            if process.poll() is not None:
                errors.seek(0)
                lines = errors.read().decode(errors="replace").strip().splitlines()
                raise WireError(f"{name} ended with {process.returncode}: {lines[-1] if lines else ''}")

    def end(self) -> None:
        """End them as a user does, in the order of their start."""
        for process, _, errors in self._running:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
            process.kill()
            process.wait()
            errors.close()
        self._running = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
