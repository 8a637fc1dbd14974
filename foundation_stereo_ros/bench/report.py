# SPDX-License-Identifier: Apache-2.0
"""The figures of a measurement: percentiles, rates and ratios, for JSON and as text for the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from foundation_stereo_ros.bench.machine import Rates
from foundation_stereo_ros.bench.measurement import CaseResult, Measured
from foundation_stereo_ros.bench.stages import LOOP_STAGES, NETWORK_STAGES, STAGES, WHOLE_NETWORK
from foundation_stereo_ros.errors import counted

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


_ROW_NAMES = {**{stage: stage.replace("_", " ") for stage in STAGES}, "loop": "refinement loop"}
_TOTALS = {"network": "network", "frame": "frame"}
_WIDTH = 9


def tables(results: Sequence[CaseResult], facts: Mapping[str, Any]) -> str:
    """Return a block for each case, one line a stage, below what it all ran on.

    Args:
        results: one or more.
        facts: as JSON has them.
    """
    rates = facts["best_flops_per_second"]
    blocks = ["\n".join(_heading(facts))]
    blocks += ["\n".join(_block(result, best_rate_of(result, rates))) for result in results]
    return "\n\n".join(blocks)


def _heading(facts: Mapping[str, Any]) -> Iterator[str]:
    machine, versions = facts["machine"], facts["versions"]
    load = machine["load_average"][0]
    yield (
        f"{machine['processor']}, "
        f"{counted(machine['usable_cores'], 'core')}, {counted(machine['threads'], 'thread')}, "
        f"load {load:.1f}; torch {versions['torch']}; {facts['repeats']} timed frames a case"
        + ("; processor time" if facts["clock"] == "processor" else "")
    )
    for device, gpu in machine["gpus"].items():
        yield f"{device}: {gpu['name']}"
    for device, arithmetics in facts["best_flops_per_second"].items():
        for name, rates in arithmetics.items():
            best = ", ".join(f"{kind} {_giga(rate)} GFLOP/s" for kind, rate in rates.items())
            yield f"best on {device}, {name}: {best}"


def _block(result: CaseResult, rate: float | None) -> Iterator[str]:
    case = result.case
    yield (
        f"{case.source.name}, {case.height} x {case.width}, {counted(result.iterations, 'refinement')}, "
        f"{arithmetic(result)}, {result.device}{', compiled' if case.compiled else ''}"
    )
    heads = ["p50 ms", "p95 ms", "GFLOP", "of peak"]
    heads += ["plain ms", "GFLOP", "speed-up"] if result.plain else []
    yield f"{'':<17}" + "".join(f"{head:>{_WIDTH}}" for head in heads)
    for part, name in {**_ROW_NAMES, **_TOTALS}.items():
        if part in ("loop", "network"):
            yield "-" * (17 + _WIDTH * len(heads))
        if part_times(result.fast, part) or (result.plain and part_times(result.plain, part)):
            yield f"{name:<17}" + "".join(f"{cell:>{_WIDTH}}" for cell in _cells(result, part, rate))
    yield f"{'peak memory':<17}{_memory(result.fast)}" + (
        f"; plain: {_memory(result.plain)}" if result.plain else ""
    )
    if result.difference:
        yield "difference       max {:.1e} px, mean {:.1e} px".format(*result.difference)


def _cells(result: CaseResult, part: str, rate: float | None) -> Iterator[str]:
    times = part_times(result.fast, part)
    p = percentiles(times) if times else {}
    share = peak_share(result.fast, part, rate)
    yield from (_ms(p.get("p50")), _ms(p.get("p95")), _giga(part_flops(result.fast, part)))
    yield "" if share is None else f"{100 * share:.0f} %"
    if result.plain:
        times, ratio = part_times(result.plain, part), speedup(result, part)
        yield from (_ms(percentiles(times)["p50"] if times else None), _giga(part_flops(result.plain, part)))
        yield "" if ratio is None else f"{ratio:.2f}"


def _memory(measured: Measured) -> str:
    told = [(name, value) for name, value in measured.memory.items() if value is not None]
    return ", ".join(f"{value / 2**20:.0f} MiB {name.replace('_', ' ')}" for name, value in told) or "unknown"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _giga(value: float) -> str:
    return "" if not value else f"{value / 1e9:.3g}" if value < 1e11 else f"{value / 1e9:.0f}"
