# SPDX-License-Identifier: Apache-2.0
"""Items of several streams put together by their stamps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from foundation_stereo_ros.errors import ConfigError

T = TypeVar("T")


class StampMatcher(Generic[T]):
    """Matches one item of every stream: those with equal stamps, or the nearest within a tolerance.

    Each stream is expected in the order of its stamps; the streams may lag behind one another by
    ``queue_size`` items. Matches come out in the order of the stamps of every stream. An item that has lost
    its chance (a newer one was matched, the queue overflowed, its stamp came again, or time went back) is
    dropped and counted in ``unmatched``.

    Time going back, as when a recording is looped, starts that stream afresh: what was waiting on it can
    never match.

    Args:
        streams: their names. The first is the reference: an item of another stream matches when its stamp is
            near enough to the reference's.
        tolerance_ns: largest difference from the reference's stamp, in nanoseconds; 0: equal stamps only.
        queue_size: how many items of a stream wait at most.

    Attributes:
        unmatched: items dropped so far, by stream.

    Raises:
        ConfigError: no streams, a name twice, a negative tolerance, or a queue without room.
    """

    def __init__(self, streams: Sequence[str], tolerance_ns: int = 0, queue_size: int = 30) -> None:
        if not streams or len(set(streams)) < len(streams):
            raise ConfigError(f"streams is {list(streams)}; expected one name or more, each once")
        self.configure(tolerance_ns, queue_size)
        self._reference = streams[0]
        self.unmatched = dict.fromkeys(streams, 0)
        self._waiting: dict[str, dict[int, T]] = {stream: {} for stream in streams}
        self._latest: dict[str, int] = {}
        self._jumps = dict.fromkeys(streams, 0)

    def configure(self, tolerance_ns: int, queue_size: int) -> None:
        """Match by other limits from now on; what waits was judged by the old ones, see `drop`.

        Raises:
            ConfigError: as the constructor.
        """
        if tolerance_ns < 0:
            raise ConfigError(f"tolerance_ns is {tolerance_ns}; expected 0 or more")
        if queue_size < 1:
            raise ConfigError(f"queue_size is {queue_size}; expected 1 or more")
        self.tolerance_ns = tolerance_ns
        self.queue_size = queue_size

    @property
    def time_jumps(self) -> int:
        """How often time went back; a jump that several streams make counts once."""
        return max(self._jumps.values())

    @property
    def waiting(self) -> dict[str, int]:
        """Items of each stream that may still find their counterparts."""
        return {stream: len(queue) for stream, queue in self._waiting.items()}

    def goes_back(self, stream: str, stamp_ns: int) -> bool:
        """Whether an item with this stamp would be a jump back in time."""
        return stamp_ns < self._latest.get(stream, stamp_ns)

    def push(self, stream: str, stamp_ns: int, item: T) -> dict[str, T] | None:
        """Take an item and return the match that it completes, by stream; None where it has to wait."""
        if self.goes_back(stream, stamp_ns):
            self._restart(stream, stamp_ns)
        self._latest[stream] = stamp_ns
        self._enqueue(stream, stamp_ns, item)
        references = [stamp_ns] if stream == self._reference else self._near(self._reference, stamp_ns)
        for reference in references:
            stamps = {other: self._near(other, reference) for other in self._waiting}
            if all(stamps.values()):
                return self._pop({other: near[0] for other, near in stamps.items()})
        self._bound(stream)
        return None

    def drop(self) -> None:
        """Drop what waits, as at the end of a recording, and count it as unmatched."""
        for stream, queue in self._waiting.items():
            self._drop(stream, list(queue))

    def _near(self, stream: str, stamp_ns: int) -> list[int]:
        """Return the stamps that wait within the tolerance of another one, nearest first."""
        queue = self._waiting[stream]
        if not self.tolerance_ns:
            return [stamp_ns] if stamp_ns in queue else []
        near = [stamp for stamp in queue if abs(stamp - stamp_ns) <= self.tolerance_ns]
        return sorted(near, key=lambda stamp: abs(stamp - stamp_ns))

    def _pop(self, stamps: dict[str, int]) -> dict[str, T]:
        match = {stream: self._waiting[stream].pop(stamp) for stream, stamp in stamps.items()}
        for stream, stamp in stamps.items():
            self._drop(stream, [older for older in self._waiting[stream] if older < stamp])
        # They are at the same time, so whatever jumps next makes a jump of its own.
        self._jumps = dict.fromkeys(self._jumps, self.time_jumps)
        return match

    def _enqueue(self, stream: str, stamp_ns: int, item: T) -> None:
        queue = self._waiting[stream]
        if queue.pop(stamp_ns, None) is not None:
            self.unmatched[stream] += 1
        queue[stamp_ns] = item

    def _bound(self, stream: str) -> None:
        queue = self._waiting[stream]
        if len(queue) > self.queue_size:
            # The first is the oldest: what came before a jump back in time is gone by now.
            self._drop(stream, [next(iter(queue))])

    def _restart(self, stream: str, stamp_ns: int) -> None:
        self._jumps[stream] += 1
        self._drop(stream, list(self._waiting[stream]))
        # What waits on streams that have not jumped yet, from after the new time, is from before the jump.
        limit = stamp_ns + self.tolerance_ns
        for other, queue in self._waiting.items():
            if self._jumps[other] < self._jumps[stream]:
                self._drop(other, [stamp for stamp in queue if stamp > limit])

    def _drop(self, stream: str, stamps: Iterable[int]) -> None:
        for stamp in stamps:
            del self._waiting[stream][stamp]
            self.unmatched[stream] += 1
