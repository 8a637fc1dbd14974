# SPDX-License-Identifier: Apache-2.0
"""Figures of a measurement: percentiles, rates and ratios."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from foundation_stereo_ros.bench.best_rates import Rates
from foundation_stereo_ros.bench.measurement import CaseResult, Measured
from foundation_stereo_ros.bench.stages import LOOP_STAGES, NETWORK_STAGES, STAGES, WHOLE_NETWORK

PARTS: dict[str, Collection[str]] = {
    "frame": (*STAGES, WHOLE_NETWORK),
    "network": (*NETWORK_STAGES, WHOLE_NETWORK),
    "loop": LOOP_STAGES,
    **{stage: (stage,) for stage in STAGES},
}
"""Everything that has a time: the whole frame, the network, its refinement loop, and each stage."""


def part_times(measured: Measured, part: str) -> list[float]:
    """Return the milliseconds of a part in each run; empty where it was not measured."""
    stages = PARTS[part]
    if not any(stage in run for run in measured.runs for stage in stages):
        return []
    return [sum(run.get(stage, 0.0) for stage in stages) for run in measured.runs]


def part_flops(measured: Measured, part: str) -> float:
    """Return the floating-point operations of a part in one frame."""
    return sum(measured.flops.get(stage, 0.0) for stage in PARTS[part])


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """Return p50 and p95 of one or more times, in between by linear interpolation."""
    return {f"p{p}": float(np.percentile(times, p)) for p in (50, 95)}


def speedup(result: CaseResult, part: str) -> float | None:
    """Return how many times as long the plain form takes: the median of the runs' ratios, pair by pair."""
    if result.plain is None:
        return None
    pairs = zip(part_times(result.plain, part), part_times(result.fast, part), strict=False)
    ratios = [plain / fast for plain, fast in pairs if fast > 0]
    return float(np.median(ratios)) if ratios else None


def peak_share(measured: Measured, part: str, rate: float | None) -> float | None:
    """Return operations per second in a part, as a share of the machine's best rate."""
    times = part_times(measured, part)
    if not times or not rate or not part_flops(measured, part):
        return None
    return part_flops(measured, part) / (1e-3 * percentiles(times)["p50"]) / rate


def best_rate_of(result: CaseResult, rates: Rates) -> float | None:
    """Return the most that the case's device reaches in its arithmetic; ``rates``: `BestRates.best`."""
    return max(rates.get(str(result.device), {}).get(arithmetic(result), {}).values(), default=None)


def arithmetic(result: CaseResult) -> str:
    """Return the name of the case's arithmetic, as "float32"."""
    return str(result.dtype).removeprefix("torch.")


def case_facts(result: CaseResult, rates: Rates) -> dict[str, Any]:
    """Return all of a case as JSON has it.

    Args:
        result: the case.
        rates: `BestRates.best`.
    """
    case, rate = result.case, best_rate_of(result, rates)
    facts: dict[str, Any] = {
        **case.source.facts(),
        "height": case.height,
        "width": case.width,
        "iterations": result.iterations,
        "precision": arithmetic(result),
        "device": str(result.device),
        "compiled": case.compiled,
        "fast": _form(result.fast, rate),
        "plain": _form(result.plain, rate) if result.plain else None,
        "speedup_over_plain": None,
        "difference_px": None,
    }
    if result.plain and result.difference:
        ratios = {part: speedup(result, part) for part in PARTS}
        facts["speedup_over_plain"] = {part: ratio for part, ratio in ratios.items() if ratio is not None}
        facts["difference_px"] = dict(zip(("max", "mean"), result.difference, strict=True))
    return facts


def _form(measured: Measured, rate: float | None) -> dict[str, Any]:
    timed = [part for part in PARTS if part_times(measured, part)]
    shares = {part: peak_share(measured, part, rate) for part in timed}
    return {
        "ms": {part: percentiles(part_times(measured, part)) for part in timed},
        "flops": {part: part_flops(measured, part) for part in PARTS if part_flops(measured, part)},
        "peak_share": {part: share for part, share in shares.items() if share is not None},
        "memory_bytes": measured.memory,
        "runs_ms": measured.runs,
    }
