# SPDX-License-Identifier: Apache-2.0
"""The same thing said again and again: said once, and after a while with a count."""

from __future__ import annotations

import re
from collections.abc import Callable
from time import monotonic

_DIGITS = re.compile(r"\d+")


class Repeats:
    """Decides which of many sentences are worth a line in the log.

    Sentences that differ in their numbers alone are the same one. Not for more than one thread.

    Args:
        period: seconds before the same sentence is due again.
        capacity: how many different sentences are remembered.
        clock: seconds that never go back.
    """

    def __init__(
        self, period: float = 30.0, capacity: int = 100, clock: Callable[[], float] = monotonic
    ) -> None:
        self._period = period
        self._capacity = capacity
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}

    def due(self, sentence: str) -> int:
        """Take note of a sentence.

        Returns:
            0 where it should not be said now, otherwise how often it came since it was said last, this time
            included.
        """
        key, now = _DIGITS.sub("0", sentence), self._clock()
        said, silent = self._said.get(key, (float("-inf"), 0))
        if now - said < self._period:
            self._said[key] = (said, silent + 1)
            return 0
        self._said.pop(key, None)
        self._said[key] = (now, 0)
        if len(self._said) > self._capacity:
            del self._said[next(iter(self._said))]
        return silent + 1

    def forget(self) -> None:
        """Let every sentence be new again."""
        self._said.clear()


def with_count(sentence: str, count: int) -> str:
    """Return the sentence, with how often it came if that was more than once."""
    return sentence if count == 1 else f"{sentence} ({count} times since this was said last)"
