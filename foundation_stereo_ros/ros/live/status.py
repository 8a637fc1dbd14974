# SPDX-License-Identifier: Apache-2.0
"""How it goes, in one sentence and a table: the contents of a diagnostic message."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from foundation_stereo_ros.estimate.interface import Engine
from foundation_stereo_ros.ros.live.advice import remark_in_words
from foundation_stereo_ros.ros.live.counts import IntakeCounts, PoseCounts
from foundation_stereo_ros.ros.live.statistics import StatisticsSnapshot
from foundation_stereo_ros.ros.live.worker import State

OK, WARN, ERROR, STALE = range(4)
"""Levels, numbered as in diagnostic_msgs/DiagnosticStatus."""


_AT_REST: dict[State, str] = {
    "stopped": "inactive: nothing is computed until the node is activated",
    "warming up": "warming up: the network runs once before the first images",
    "disabled": "disabled: nothing is computed until it is enabled again",
    "idle": "idle: nobody subscribes to an output",
}

_OLD_S = 3600.0
"""No network takes so long: the images are of another day, or the clocks disagree."""


_UNKNOWN = Engine()


class Status(NamedTuple):
    """One diagnostic status.

    Attributes:
        level: OK, WARN, ERROR or STALE.
        message: one sentence.
        values: (key, value) in the order to show them.
    """

    level: int
    message: str
    values: tuple[tuple[str, str], ...] = ()


def status_of(
    state: State,
    counts: IntakeCounts,
    statistics: StatisticsSnapshot,
    *,
    subscribed: Collection[str] = (),
    advice: Sequence[str] = (),
    oddities: Sequence[str] = (),
    engine: Engine = _UNKNOWN,
    still: str = "",
) -> Status:
    """Tell how it goes.

    Args:
        state: the worker's.
        counts: the intake's.
        statistics: the worker's.
        subscribed: outputs that somebody subscribes to.
        advice: why nothing comes out, see `advice.why_no_output`; empty while all is well.
        oddities: what is unusual about the cameras.
        engine: what computes.
        still: that a camera does not move, a sentence; empty: it does.
    """
    at_rest = _AT_REST.get(state)
    level, message = (
        (OK, at_rest) if at_rest else _at_work(state, counts.what, statistics, advice, oddities, still)
    )
    values = (
        ("state", state),
        *_rates_and_times(counts, statistics),
        *_counters(counts, statistics),
        ("subscribers", ", ".join(sorted(subscribed)) or "none"),
        ("weights", engine.weights),
        ("device", engine.device),
        ("precision", engine.precision),
        ("memory", engine.memory),
    )
    return Status(level, message, values)


def _at_work(
    state: State,
    what: str,
    statistics: StatisticsSnapshot,
    advice: Sequence[str],
    oddities: Sequence[str],
    still: str,
) -> tuple[int, str]:
    results, rejected = statistics.recent_results, statistics.recent_rejected
    if rejected and not results:
        return ERROR, f"no {what} can be used: {statistics.reason}"
    if advice:
        return WARN, f"no output: {advice[0]}"
    if rejected:
        return WARN, f"{rejected} of the last {results + rejected} {what}s were rejected: {statistics.reason}"
    if oddities:
        return WARN, oddities[0]
    if results:
        rate = f"running: {statistics.output_rate:.1f} results a second"
        if statistics.remarks:
            return WARN, f"{rate}, but {remark_in_words(statistics.remarks[0])}"
        return OK, f"{rate}{_lateness(statistics)}"
    if still:
        return OK, still
    return OK, "waiting for images" if state == "waiting" else "computing"


def _lateness(statistics: StatisticsSnapshot) -> str:
    if statistics.latency is None:
        return ""
    seconds = statistics.latency.p50
    if seconds > _OLD_S:
        hours = f"{seconds / 3600:.0f} hours"
        return f", of images {hours} old; for a recording, set use_sim_time and publish its time on /clock"
    return f", {seconds * 1000:.0f} ms after the images"


def _rates_and_times(counts: IntakeCounts, statistics: StatisticsSnapshot) -> list[tuple[str, str]]:
    values = [
        *((f"input rate {stream}", f"{one.image_rate:.1f} Hz") for stream, one in counts.cameras.items()),
        ("output rate", f"{statistics.output_rate:.1f} Hz"),
    ]
    times = {"latency": statistics.latency, "compute": statistics.compute}
    stages = {f"stage {name}": quantiles for name, quantiles in statistics.stages.items()}
    for name, quantiles in {**times, **stages}.items():
        for key, seconds in zip(("p50", "p95"), quantiles or (None, None), strict=True):
            values.append((f"{name} {key}", "none lately" if seconds is None else f"{seconds * 1000:.1f} ms"))
    return values


def _counters(counts: IntakeCounts, statistics: StatisticsSnapshot) -> list[tuple[str, str]]:
    several = counts.cameras if len(counts.cameras) > 1 else {}
    unmatched = [(f"unsynchronized {stream}", str(one.unmatched)) for stream, one in several.items()]
    return [
        ("results", str(statistics.results)),
        ("refinements", "unknown" if statistics.refinements is None else str(statistics.refinements)),
        ("dropped", str(counts.overtaken)),
        *unmatched,
        ("rejected", str(statistics.rejected)),
        ("last reason", statistics.reason or "none"),
        ("remarks", "; ".join(map(remark_in_words, statistics.remarks)) or "none"),
        ("rejected messages", f"{counts.rejected} {counts.reason}".rstrip()),
        *((f"skipped, {reason}", str(count)) for reason, count in statistics.skipped.items()),
        ("saved", str(statistics.saved)),
        ("time jumps", str(counts.time_jumps)),
        *(_of_poses(counts.poses, statistics) if counts.poses else ()),
    ]


def _of_poses(poses: PoseCounts, statistics: StatisticsSnapshot) -> list[tuple[str, str]]:
    return [
        ("poses", poses.source or "not known yet"),
        ("pose messages", str(poses.messages)),
        ("refused poses", str(poses.refused)),
        ("last refused pose", poses.reason or "none"),
        ("images with a pose", str(poses.posed)),
        *((f"images without a pose, {reason}", str(count)) for reason, count in poses.without.items()),
        ("no keyframe", str(statistics.without_result)),
        ("resets", str(statistics.resets)),
        ("last reset", statistics.event or "none"),
    ]
