# SPDX-License-Identifier: Apache-2.0
"""A benchmark as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foundation_stereo_ros.bench.measurement import CaseResult, Measured
from foundation_stereo_ros.bench.report import (
    arithmetic,
    best_rate_of,
    part_flops,
    part_times,
    peak_share,
    percentiles,
    speedup,
)
from foundation_stereo_ros.bench.stages import STAGES

_PARTS = {**{stage: stage.replace("_", " ") for stage in STAGES}, "loop": "refinement loop"}
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
        f"{machine['processor']}, {machine['usable_cores']} cores, {machine['threads']} threads, "
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
        f"{case.source.name}, {case.height} x {case.width}, {result.iterations} refinements, "
        f"{arithmetic(result)}, {result.device}{', compiled' if case.compiled else ''}"
    )
    heads = ["p50 ms", "p95 ms", "GFLOP", "of peak"]
    heads += ["plain ms", "GFLOP", "speed-up"] if result.plain else []
    yield f"{'':<17}" + "".join(f"{head:>{_WIDTH}}" for head in heads)
    for part, name in {**_PARTS, **_TOTALS}.items():
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
