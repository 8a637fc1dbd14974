# SPDX-License-Identifier: Apache-2.0
"""How often something happened lately."""

from __future__ import annotations

from collections import deque


class SlidingRate:
    """Counts events within the last seconds.

    Args:
        window: length of "lately" in seconds.
        capacity: how many events are remembered at most; bounds the memory.
    """

    def __init__(self, window: float = 10.0, capacity: int = 10_000) -> None:
        self._window = window
        self._times: deque[float] = deque(maxlen=capacity)
        self._begin: float | None = None

    def note(self, now: float) -> None:
        """Count one event; ``now`` is in seconds and ascends."""
        if self._begin is None:
            self._begin = now
        self._times.append(now)
        self._forget(now)

    def count(self, now: float) -> int:
        """Events lately."""
        self._forget(now)
        return len(self._times)

    def rate(self, now: float) -> float:
        """Events a second lately, Hz; 0 when none came within the window."""
        count = self.count(now)
        if self._begin is None or not count:
            return 0.0
        # Soon after the first event the window is not full yet; one event alone tells no rate.
        return count / min(self._window, max(now - self._begin, 1.0))

    def _forget(self, now: float) -> None:
        while self._times and self._times[0] <= now - self._window:
            self._times.popleft()
