# SPDX-License-Identifier: Apache-2.0
"""Which calibration belongs to an image, when they come as messages of their own; live and offline."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _Entry(Generic[T]):
    stamp_ns: int
    calibration: T


class CalibrationHistory(Generic[T]):
    """The last calibrations of one camera.

    An image takes the one with its own stamp, else the newest from before it, else the first from after it.

    Args:
        length: how many are kept.
    """

    def __init__(self, length: int = 64) -> None:
        self._entries: deque[_Entry[T]] = deque(maxlen=length)

    def push(self, stamp_ns: int, calibration: T) -> None:
        """Take the next calibration of the stream."""
        self._entries.append(_Entry(stamp_ns, calibration))

    def clear(self) -> None:
        """Forget all, as when time went back."""
        self._entries.clear()

    def has(self, stamp_ns: int) -> bool:
        """Whether there is one with this very stamp."""
        return any(entry.stamp_ns == stamp_ns for entry in self._entries)

    def settled(self, stamp_ns: int) -> bool:
        """Whether no later calibration can be the better one for an image with this stamp."""
        if not self._entries:
            return False
        # Stamps ascend, so once a later one is there the image's own will not come any more.
        return self._entries[-1].stamp_ns >= stamp_ns or self.has(stamp_ns)

    def best(self, stamp_ns: int) -> T | None:
        """Return the calibration for an image with this stamp; None while there is none at all."""
        # Newest first: of two with one stamp, as from a driver that never sets it, the later one counts.
        before = [entry for entry in reversed(self._entries) if entry.stamp_ns <= stamp_ns]
        if before:
            return max(before, key=lambda entry: entry.stamp_ns).calibration
        first = min(self._entries, key=lambda entry: entry.stamp_ns, default=None)
        return first.calibration if first else None
