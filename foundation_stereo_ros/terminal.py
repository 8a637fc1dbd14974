# SPDX-License-Identifier: Apache-2.0
"""What a long command does with its terminal: progress, a line of status, and Ctrl-C."""

from __future__ import annotations

import logging
import re
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM."""

_DIGITS = re.compile(r"\d+(\.\d+)?")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class FrameProgress:
    """Frames done, of how many, and frames per second; a context manager.

    Args:
        total: how many there will be at most; None: not known.
    """

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._bar: Any = None

    def step(self, frames: int = 1) -> None:
        """One more frame is done, or several."""
        self._bar.update(frames)

    def say(self, sentence: str) -> None:
        """Write a line to stderr, above the bar."""
        self._bar.write(sentence, file=sys.stderr)

    def __enter__(self) -> FrameProgress:
        from tqdm import tqdm

        self._bar = tqdm(total=self._total, unit="frame", disable=not sys.stderr.isatty())
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


class StatusLine:
    """Shows a sentence: on a terminal it is written over, elsewhere only what differs in words is written."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._said = ""
        if self._live:
            for handler in logging.getLogger().handlers:
                handler.addFilter(self._make_room)

    def show(self, sentence: str) -> None:
        """Show this sentence from now on."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{sentence[:width]}")
        elif _DIGITS.sub("0", sentence) != _DIGITS.sub("0", self._said):
            sys.stderr.write(f"{sentence}\n")
        self._said = sentence
        sys.stderr.flush()

    def close(self) -> None:
        """Leave the last sentence where it is."""
        if self._live and self._said:
            sys.stderr.write("\n")

    def _make_room(self, _: logging.LogRecord) -> bool:
        sys.stderr.write("\r\x1b[K")
        return True


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

    def __exit__(self, *_: object) -> None:
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
