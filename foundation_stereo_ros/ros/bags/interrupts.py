# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM that never tear a file."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """While this context is open, SIGINT and SIGTERM raise KeyboardInterrupt, but not inside `shield`: there
    they wait for its end. Outside of the main thread, where Python takes no signals, it does nothing."""

    def __init__(self) -> None:
        self._shields = 0
        self._received = False
        self._raised = False
        self._previous: dict[signal.Signals, Any] = {}

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Hold signals back until the block ends."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self._received and not self._shields and not self._raised:
            self._raise()

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._received = True
        # After the first one only the file is being finished, which no second one shall stop.
        if not self._shields and not self._raised:
            self._raise()

    def _raise(self) -> None:
        self._raised = True
        raise KeyboardInterrupt
