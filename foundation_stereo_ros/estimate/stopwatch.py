# SPDX-License-Identifier: Apache-2.0
"""How long each stage of a frame took."""

from __future__ import annotations

import time


class Stopwatch:
    """Names the time since the previous lap.

    Attributes:
        seconds: stage -> seconds, in the order of the laps; a stage that comes twice is summed.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
