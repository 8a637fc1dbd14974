# SPDX-License-Identifier: Apache-2.0
"""Messages of several streams in, complete sets of them out, on one thread and without a clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, Literal, TypeVar

from foundation_stereo_ros.ros.sync.calibrations import CameraCalibrations, Stamped
from foundation_stereo_ros.ros.sync.matching import StampMatcher

T = TypeVar("T")

Policy = Literal["every", "newest"]
Reset = Literal["", "time went back", "calibration changed"]

_PATIENCE: dict[Policy, int] = {"every": 4, "newest": 1}
"""How many sets may wait for their calibrations."""

_REMEMBERED = 64


@dataclass(frozen=True, eq=False)
class MessageSet(Generic[T]):
    """One message of every stream, whose stamps match, with the calibrations that belong to them.

    Attributes:
        stamp_ns: of the first stream's message, nanoseconds.
        messages: by stream.
        calibrations: by stream; only those of which one has come.
        missing: the calibrated streams of which none has come.
        reset: why whoever remembers earlier sets must forget them first; empty: nothing happened. Time went
            back, or another calibration came, since the last set.
    """

    stamp_ns: int
    messages: Mapping[str, T]
    calibrations: Mapping[str, T]
    missing: tuple[str, ...] = ()
    reset: Reset = ""

    @property
    def leading(self) -> T:
        """The first stream's message."""
        return next(iter(self.messages.values()))


@dataclass(frozen=True, eq=False)
class _Matched(Generic[T]):
    messages: dict[str, Stamped[T]]
    lap: int


class Synchronizer(Generic[T]):
    """Puts messages of several streams together by their stamps (`StampMatcher`), with their calibrations.

    Calibrations come before or after their images, or once for all. So a matched set waits for those with its
    stamps until later ones come, or more sets than may wait, or time goes back. Sets come out in the order in
    which they matched.

    Args:
        streams: their names; the stamp of the first one is the set's.
        calibrated: those with calibrations; None: all.
        policy: ``every``, for recordings: up to four sets wait for late calibrations. ``newest``, for live
            topics: one set waits at most, and only where its own calibrations can be expected; what comes out
            goes through a `NewestPlace`.
        tolerance_ns: largest difference of a stamp from the first stream's.
        queue_size: how many messages of a stream wait for their counterparts at most.
        step: take the first of this many sets and drop the others at once.
        numbers: what of a calibration must not change without a reset.

    Attributes:
        received: messages of each stream so far, without calibrations.
        sets: how many sets matched so far.
        dropped: those of them dropped by `drop`.
        nearest_ns: how near to each other the stamps of all streams came since the last set, nanoseconds;
            None where not all have come since.

    Raises:
        ConfigError: as `StampMatcher`.
    """

    def __init__(
        self,
        streams: Sequence[str],
        *,
        calibrated: Sequence[str] | None = None,
        policy: Policy = "every",
        tolerance_ns: int = 0,
        queue_size: int = 30,
        step: int = 1,
        numbers: Callable[[T], object] = lambda calibration: calibration,
    ) -> None:
        self._matcher: StampMatcher[Stamped[T]] = StampMatcher(streams, tolerance_ns, queue_size)
        self._policy, self._step, self._numbers = policy, step, numbers
        self._calibrations: dict[str, CameraCalibrations[T]] = {
            stream: CameraCalibrations() for stream in (streams if calibrated is None else calibrated)
        }
        self._reference = streams[0]
        self._stamps: dict[str, deque[int]] = {stream: deque(maxlen=_REMEMBERED) for stream in streams}
        self._waiting: deque[_Matched[T]] = deque()
        self._last_lap: int | None = None
        self._last_numbers: dict[str, object] = {}
        self.received = dict.fromkeys(streams, 0)
        self.sets = self.dropped = 0
        self.nearest_ns: int | None = None

    @property
    def unmatched(self) -> dict[str, int]:
        """Messages of each stream that were dropped without counterparts; counts on in place."""
        return self._matcher.unmatched

    @property
    def waiting(self) -> dict[str, int]:
        """Messages of each stream that wait for counterparts or calibrations."""
        return {stream: count + len(self._waiting) for stream, count in self._matcher.waiting.items()}

    @property
    def tolerance_ns(self) -> int:
        """Largest difference of a stamp from the first stream's."""
        return self._matcher.tolerance_ns

    @property
    def time_jumps(self) -> int:
        """How often time went back."""
        return self._matcher.time_jumps

    @property
    def calibrations_received(self) -> dict[str, int]:
        """How many calibrations of each stream have come."""
        return {stream: calibrations.count for stream, calibrations in self._calibrations.items()}

    def step_ns(self, stream: str) -> int | None:
        """Return the usual difference of a stream's last stamps; None before the second.

        It is the lower quartile: with lost messages some are greater, with messages in bursts a few less.
        """
        stamps = sorted(set(self._stamps[stream]))
        steps = sorted(after - before for before, after in pairwise(stamps))
        return steps[len(steps) // 4] if steps else None

    def push(self, stream: str, stamp_ns: int, message: T) -> list[MessageSet[T]]:
        """Take a message that is no calibration; return the sets that are now complete, oldest first."""
        complete = []
        jumped = self._matcher.goes_back(stream, stamp_ns)
        if jumped:
            # No better calibration will come for the sets that wait.
            complete += self._release(0)
            self._stamps[stream].clear()
        if stream in self._calibrations:
            self._calibrations[stream].note_image(stamp_ns, jumped=jumped)
        self.received[stream] += 1
        self._stamps[stream].append(stamp_ns)
        self._note_nearest(stamp_ns)
        messages = self._matcher.push(stream, stamp_ns, Stamped(stamp_ns, message))
        if messages is not None:
            if self.sets % self._step == 0:
                self._waiting.append(_Matched(messages, self.time_jumps))
            self.sets += 1
            self.nearest_ns = None
        return complete + self._release(_PATIENCE[self._policy])

    def push_calibration(self, stream: str, stamp_ns: int, calibration: T) -> list[MessageSet[T]]:
        """Take a calibration of a stream; return the sets that are now complete, oldest first."""
        self._calibrations[stream].push(stamp_ns, calibration)
        return self._release(_PATIENCE[self._policy])

    def finish(self) -> list[MessageSet[T]]:
        """Return the sets that wait, at the end of a recording; what has no counterpart becomes unmatched."""
        self._matcher.drop()
        return self._release(0)

    def drop(self) -> None:
        """Drop all that waits but the calibrations; counters stay."""
        self._matcher.drop()
        self.dropped += len(self._waiting)
        self._waiting.clear()

    def configure(self, tolerance_ns: int, queue_size: int) -> None:
        """Use other limits for matching; where they differ, what waits for counterparts is dropped.

        Raises:
            ConfigError: as `StampMatcher`.
        """
        if (tolerance_ns, queue_size) != (self._matcher.tolerance_ns, self._matcher.queue_size):
            self._matcher.configure(tolerance_ns, queue_size)
            self._matcher.drop()

    def _note_nearest(self, stamp_ns: int) -> None:
        if all(self._stamps.values()):
            near = max(min(abs(stamp - stamp_ns) for stamp in stamps) for stamps in self._stamps.values())
            self.nearest_ns = near if self.nearest_ns is None else min(near, self.nearest_ns)

    def _release(self, patience: int) -> list[MessageSet[T]]:
        released = []
        while self._waiting and (len(self._waiting) > patience or self._settled(self._waiting[0])):
            released.append(self._complete(self._waiting.popleft()))
        return released

    def _settled(self, matched: _Matched[T]) -> bool:
        return all(
            calibrations.settled(matched.messages[stream].stamp_ns)
            or (self._policy == "newest" and not calibrations.expected)
            for stream, calibrations in self._calibrations.items()
        )

    def _complete(self, matched: _Matched[T]) -> MessageSet[T]:
        best = {
            stream: calibrations.choose(matched.messages[stream].stamp_ns)
            for stream, calibrations in self._calibrations.items()
        }
        chosen = {stream: calibration for stream, calibration in best.items() if calibration is not None}
        return MessageSet(
            matched.messages[self._reference].stamp_ns,
            {stream: stamped.message for stream, stamped in matched.messages.items()},
            chosen,
            tuple(stream for stream in best if stream not in chosen),
            self._why_reset(matched.lap, chosen),
        )

    def _why_reset(self, lap: int, calibrations: Mapping[str, T]) -> Reset:
        """Compare a set with the last one: jumps of time and changes in between add up to one reset."""
        numbers = {stream: self._numbers(calibration) for stream, calibration in calibrations.items()}
        went_back = self._last_lap is not None and lap != self._last_lap
        changed = any(self._last_numbers.get(stream, new) != new for stream, new in numbers.items())
        self._last_lap = lap
        self._last_numbers.update(numbers)
        if went_back:
            return "time went back"
        return "calibration changed" if changed else ""
