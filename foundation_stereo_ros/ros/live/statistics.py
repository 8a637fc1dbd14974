# SPDX-License-Identifier: Apache-2.0
"""How the worker does: rates and times over the last seconds, and counters since the start."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

import numpy as np

from foundation_stereo_ros.estimate.remarks import Remark
from foundation_stereo_ros.ros.live.rates import SlidingRate

SkipReason = Literal["no subscriber", "disabled", "rate limit"]
SKIP_REASONS: tuple[SkipReason, ...] = get_args(SkipReason)

_REMEMBERED = 1000


class Quantiles(NamedTuple):
    """Median and 95th percentile of lately measured times, seconds."""

    p50: float
    p95: float


@dataclass(frozen=True)
class StatisticsSnapshot:
    """What `LiveStatistics` held at one moment. "Lately" is its window.

    Attributes:
        results: pairs computed so far.
        output_rate: results a second lately, Hz.
        result_age: seconds since the last result, or since the worker started where there is none since then.
        recent_results: results lately.
        rejected: pairs that could not be used so far.
        recent_rejected: pairs rejected lately.
        reason: why the last one was rejected; empty before the first.
        without_result: sets of images that were looked at and get no result so far: frames of a video that
            are no keyframes.
        resets: how often everything was forgotten, where that matters: by a video.
        event: why it was so the last time, a sentence.
        skipped: pairs not computed so far, by reason.
        saved: results written to disk so far.
        latency: stamp to publication, seconds; None without a result lately, or where the
            clock was behind the stamps.
        compute: the worker's time for a pair from taking it to its publication, seconds.
        stages: the same of each stage, in their order: the pipeline's, then "encode" and "publish".
        refinements: of the last result; None before it, and where the model does not say.
        remarks: of the last result.
    """

    results: int = 0
    output_rate: float = 0.0
    result_age: float = 0.0
    recent_results: int = 0
    rejected: int = 0
    recent_rejected: int = 0
    reason: str = ""
    without_result: int = 0
    resets: int = 0
    event: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    saved: int = 0
    latency: Quantiles | None = None
    compute: Quantiles | None = None
    stages: Mapping[str, Quantiles] = field(default_factory=dict)
    refinements: int | None = None
    remarks: tuple[Remark, ...] = ()


class _Times(NamedTuple):
    """Times of one result, seconds."""

    noted: float
    latency: float | None
    compute: float
    stages: Mapping[str, float]


class LiveStatistics:
    """Counts what the worker does; may be used from any thread.

    Args:
        window: seconds that count as lately.
        clock: seconds that never go back.
    """

    def __init__(self, window: float = 10.0, clock: Callable[[], float] = monotonic) -> None:
        self._lock = Lock()
        self._clock = clock
        self._window = window
        self._last_result = clock()
        self._rate = SlidingRate(window)
        self._rejections = SlidingRate(window)
        self._times: deque[_Times] = deque(maxlen=_REMEMBERED)
        self._results = self._rejected = self._saved = 0
        self._without_result = self._resets = 0
        self._reason = self._event = ""
        self._refinements: int | None = None
        self._remarks: tuple[Remark, ...] = ()
        self._skipped: dict[str, int] = dict.fromkeys(SKIP_REASONS, 0)

    def note_result(
        self,
        latency: float | None,
        compute: float,
        stages: Mapping[str, float],
        refinements: int | None = None,
        remarks: tuple[Remark, ...] = (),
    ) -> None:
        """Count a computed pair with its times in seconds, see `StatisticsSnapshot`."""
        with self._lock:
            now = self._clock()
            self._results += 1
            self._refinements, self._remarks = refinements, remarks
            self._last_result = now
            self._rate.note(now)
            self._times.append(_Times(now, latency, compute, dict(stages)))

    def note_rejected(self, reason: str) -> None:
        """Count a pair that could not be used."""
        with self._lock:
            self._rejected += 1
            self._reason = reason
            self._rejections.note(self._clock())

    def note_skipped(self, reason: SkipReason) -> None:
        """Count a pair that nobody wanted."""
        with self._lock:
            self._skipped[reason] += 1

    def note_without_result(self) -> None:
        """Count a set of images that gets no result, as a frame that is no keyframe."""
        with self._lock:
            self._without_result += 1

    def note_reset(self, event: str) -> None:
        """Count that everything was forgotten; the sentence says why."""
        with self._lock:
            self._resets += 1
            self._event = event

    def note_saved(self) -> None:
        """Count a result written to disk."""
        with self._lock:
            self._saved += 1

    def restart(self) -> None:
        """Forget the times of lately, as when the worker starts; counters stay."""
        with self._lock:
            self._last_result = self._clock()
            self._rate = SlidingRate(self._window)
            self._rejections = SlidingRate(self._window)
            self._times.clear()

    def snapshot(self) -> StatisticsSnapshot:
        """Return all numbers of this moment."""
        with self._lock:
            now = self._clock()
            while self._times and self._times[0].noted <= now - self._window:
                self._times.popleft()
            return StatisticsSnapshot(
                results=self._results,
                output_rate=self._rate.rate(now),
                result_age=now - self._last_result,
                recent_results=self._rate.count(now),
                rejected=self._rejected,
                recent_rejected=self._rejections.count(now),
                reason=self._reason,
                without_result=self._without_result,
                resets=self._resets,
                event=self._event,
                skipped=MappingProxyType(dict(self._skipped)),
                saved=self._saved,
                latency=_quantiles([times.latency for times in self._times if times.latency is not None]),
                compute=_quantiles([times.compute for times in self._times]),
                stages=MappingProxyType(_stage_quantiles(self._times)),
                refinements=self._refinements,
                remarks=self._remarks,
            )


def _quantiles(seconds: Sequence[float]) -> Quantiles | None:
    if not seconds:
        return None
    p50, p95 = np.percentile(seconds, (50, 95))
    return Quantiles(float(p50), float(p95))


def _stage_quantiles(all_times: Iterable[_Times]) -> dict[str, Quantiles]:
    measured: dict[str, list[float]] = {}
    for times in all_times:
        for stage, seconds in times.stages.items():
            measured.setdefault(stage, []).append(seconds)
    quantiles = {stage: _quantiles(seconds) for stage, seconds in measured.items()}
    return {stage: value for stage, value in quantiles.items() if value}
