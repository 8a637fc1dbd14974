# SPDX-License-Identifier: Apache-2.0
"""One line on stderr that tells how it goes."""

from __future__ import annotations

import logging
import re
import shutil
import sys

_DIGITS = re.compile(r"\d+(\.\d+)?")


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
