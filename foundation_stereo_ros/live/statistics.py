# SPDX-License-Identifier: Apache-2.0
"""How the worker does: rates and times over the last seconds, and counters since the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, NamedTuple

SkipReason = Literal["no subscriber", "disabled", "rate limit"]


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
        result_age: seconds since the last result, or since the start where there is none.
        recent_results: results lately.
        rejected: pairs that could not be used so far.
        recent_rejected: pairs rejected lately.
        reason: why the last one was rejected; empty before the first.
        skipped: pairs not computed so far, by reason.
        saved: results written to disk so far.
        latency: stamp to publication, seconds; None without a result lately.
        compute: the worker's time for a pair from taking it to its publication, seconds.
        stages: the same of each stage, in their order: the pipeline's, then "encode" and "publish".
    """

    results: int = 0
    output_rate: float = 0.0
    result_age: float = 0.0
    recent_results: int = 0
    rejected: int = 0
    recent_rejected: int = 0
    reason: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    saved: int = 0
    latency: Quantiles | None = None
    compute: Quantiles | None = None
    stages: Mapping[str, Quantiles] = field(default_factory=dict)


class LiveStatistics:
    """Counts what the worker does; may be used from any thread.

    Args:
        window: seconds that count as lately.
        clock: seconds that never go back.
    """

    def __init__(self, window: float = 10.0, clock: Callable[[], float] = monotonic) -> None:
        raise NotImplementedError

    def note_result(self, latency: float, compute: float, stages: Mapping[str, float]) -> None:
        """Count a computed pair with its times in seconds, see `StatisticsSnapshot`."""
        raise NotImplementedError

    def note_rejected(self, reason: str) -> None:
        """Count a pair that could not be used."""
        raise NotImplementedError

    def note_skipped(self, reason: SkipReason) -> None:
        """Count a pair that nobody wanted."""
        raise NotImplementedError

    def note_saved(self) -> None:
        """Count a result written to disk."""
        raise NotImplementedError

    def snapshot(self) -> StatisticsSnapshot:
        """Return all numbers of this moment."""
        raise NotImplementedError
