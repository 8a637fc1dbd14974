# SPDX-License-Identifier: Apache-2.0
"""A progress bar of frames on stderr; silent where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class FrameProgress:
    """Frames done, of how many, and frames per second; a context manager.

    Args:
        total: how many there will be at most; None: not known.
    """

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._bar: Any = None

    def step(self) -> None:
        """One more frame is done."""
        self._bar.update()

    def __enter__(self) -> FrameProgress:
        from tqdm import tqdm

        self._bar = tqdm(total=self._total, unit="frame", disable=not sys.stderr.isatty())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
