# SPDX-License-Identifier: Apache-2.0
"""Left and right images put together by their stamps; the same code live and offline."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from foundation_stereo_ros.errors import ConfigError

T = TypeVar("T")
Side = Literal["left", "right"]
_OTHER: dict[Side, Side] = {"left": "right", "right": "left"}


class StampPairer(Generic[T]):
    """Pairs items of two streams whose stamps are equal, or nearest within a tolerance.

    Each stream is expected in the order of its stamps; the streams may lag behind one another by
    ``queue_size`` items. Pairs come out in the order of both stamps. An item that has lost its chance (a
    newer one was paired, the queue overflowed, its stamp came again, or time went back) is dropped and
    counted in ``unmatched``.

    Time going back, as when a recording is looped, starts that stream afresh: what was waiting on it can
    never match.

    Args:
        tolerance_ns: largest difference of the stamps of a pair, in nanoseconds; 0: equal stamps only.
        queue_size: how many items wait on each side at most.

    Attributes:
        unmatched: items dropped so far on each side.
        time_jumps: how often time went back.

    Raises:
        ConfigError: a negative tolerance, or a queue without room.
    """

    def __init__(self, tolerance_ns: int = 0, queue_size: int = 30) -> None:
        if tolerance_ns < 0:
            raise ConfigError(f"tolerance_ns is {tolerance_ns}; expected 0 or more")
        if queue_size < 1:
            raise ConfigError(f"queue_size is {queue_size}; expected 1 or more")
        self.tolerance_ns = tolerance_ns
        self.queue_size = queue_size
        self.unmatched: dict[Side, int] = {"left": 0, "right": 0}
        self._waiting: dict[Side, dict[int, T]] = {"left": {}, "right": {}}
        self._latest: dict[Side, int] = {}
        self._jumps: dict[Side, int] = {"left": 0, "right": 0}

    @property
    def time_jumps(self) -> int:
        """How often time went back; a jump that both streams make counts once."""
        return max(self._jumps.values())

    @property
    def waiting(self) -> dict[Side, int]:
        """Items on each side that may still find a counterpart."""
        return {side: len(queue) for side, queue in self._waiting.items()}

    def push(self, side: Side, stamp_ns: int, item: T) -> list[tuple[T, T]]:
        """Take an item and return the pairs (left, right) that it completes: one or none."""
        if stamp_ns < self._latest.get(side, stamp_ns):
            self._restart(side, stamp_ns)
        self._latest[side] = stamp_ns
        match = self._nearest(_OTHER[side], stamp_ns)
        if match is None:
            self._wait(side, stamp_ns, item)
            return []
        other = self._waiting[_OTHER[side]].pop(match)
        self._drop_older(_OTHER[side], match)
        self._drop_older(side, stamp_ns)
        return [(item, other) if side == "left" else (other, item)]

    def clear(self) -> None:
        """Drop what is waiting, as at the end of a recording, and count it as unmatched."""
        for side in _OTHER:
            self._drop(side, list(self._waiting[side]))
        self._latest.clear()

    def _nearest(self, side: Side, stamp_ns: int) -> int | None:
        queue = self._waiting[side]
        if not self.tolerance_ns:
            return stamp_ns if stamp_ns in queue else None
        nearest = min(queue, key=lambda stamp: abs(stamp - stamp_ns), default=None)
        return nearest if nearest is not None and abs(nearest - stamp_ns) <= self.tolerance_ns else None

    def _wait(self, side: Side, stamp_ns: int, item: T) -> None:
        queue = self._waiting[side]
        if queue.pop(stamp_ns, None) is not None:
            self.unmatched[side] += 1
        queue[stamp_ns] = item
        if len(queue) > self.queue_size:
            # The one that came first goes, not the one with the oldest stamp: after a jump back in time
            # leftovers with newer stamps would otherwise fill the queue for ever.
            del queue[next(iter(queue))]
            self.unmatched[side] += 1

    def _restart(self, side: Side, stamp_ns: int) -> None:
        self._jumps[side] += 1
        self._drop(side, list(self._waiting[side]))
        other = _OTHER[side]
        if self._jumps[side] > self._jumps[other]:
            # The other stream has not jumped yet: what waits there from after the new time is from before the
            # jump.
            limit = stamp_ns + self.tolerance_ns
            self._drop(other, [stamp for stamp in self._waiting[other] if stamp > limit])

    def _drop_older(self, side: Side, stamp_ns: int) -> None:
        self._drop(side, [stamp for stamp in self._waiting[side] if stamp <= stamp_ns])

    def _drop(self, side: Side, stamps: list[int]) -> None:
        for stamp in stamps:
            del self._waiting[side][stamp]
        self.unmatched[side] += len(stamps)
