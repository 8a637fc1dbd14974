# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM for commands that run until they are told to end."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any


class ExitOnce:
    """Raises SystemExit for the first signal; more of them must not disturb the end.

    Not KeyboardInterrupt: one that is raised inside an import can make Python end itself by SIGINT later,
    although it was caught.

    Attributes:
        seen: whether a signal has come.
    """

    def __init__(self) -> None:
        self.seen = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self)

    def __call__(self, *_: Any) -> None:
        """Take a signal."""
        if not self.seen:
            self.seen = True
            raise SystemExit(0)

    def leave(self) -> None:
        """End the process now, if a signal has come.

        The interpreter's own end takes longer than all the rest to unload torch, and may hang or abort with a
        thread inside the network.
        """
        if self.seen:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
