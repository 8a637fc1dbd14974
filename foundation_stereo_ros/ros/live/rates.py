# SPDX-License-Identifier: Apache-2.0
"""How often something happened lately, and how often it may happen."""

from __future__ import annotations

from collections import deque

_EARLY = 0.6
"""Part of its period that an event may come early: twice a jitter of 30 %."""


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


class RateLimit:
    """Lets through so many events a second, on average.

    An event may be a little early and then counts as if in time: a camera at the very rate of the limit loses
    nothing to its jitter.
    """

    def __init__(self) -> None:
        self._limit = 0.0
        self._due = 0.0

    def allows(self, limit: float, now: float) -> bool:
        """Whether an event may happen now, which then counts as having happened.

        Args:
            limit: events a second; 0: no limit. A new one counts from now on.
            now: seconds that ascend.
        """
        if limit != self._limit:
            self._limit, self._due = limit, now
        if not limit:
            return True
        period = 1 / limit
        if now < self._due - _EARLY * period:
            return False
        self._due = max(self._due, now) + period
        return True
