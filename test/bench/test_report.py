# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
import torch

from foundation_stereo_ros.bench.inputs import NetworkSource
from foundation_stereo_ros.bench.measurement import Case, CaseResult, Measured
from foundation_stereo_ros.bench.report import (
    case_facts,
    part_flops,
    part_times,
    peak_share,
    percentiles,
    speedup,
)

FAST = Measured(
    runs=[{"decode": 1.0, "lookup": 2.0, "gru": 3.0}, {"decode": 1.0, "lookup": 4.0, "gru": 5.0}],
    flops={"decode": 0.0, "lookup": 1e6, "gru": 1e9},
    memory={"resident_growth": 100},
)
PLAIN = Measured(
    runs=[{"decode": 1.0, "lookup": 10.0, "gru": 10.0}, {"decode": 3.0, "lookup": 9.0, "gru": 9.0}],
    flops={"gru": 2e9},
)
CASE = Case(NetworkSource(preset="tiny"), 480, 640, 3)
RATES = {"cpu": {"float32": {"product": 5e11, "convolution": 1e12}}}


def result(plain: Measured | None) -> CaseResult:
    return CaseResult(
        CASE, 3, torch.float32, torch.device("cpu"), FAST, plain, (0.5, 0.25) if plain else None
    )


def test_parts_are_sums_of_stages() -> None:
    assert part_times(FAST, "frame") == [6.0, 10.0]
    assert part_times(FAST, "network") == part_times(FAST, "loop") == [5.0, 9.0]
    assert part_times(FAST, "gru") == [3.0, 5.0]
    assert part_times(FAST, "context") == []
    assert part_flops(FAST, "loop") == 1e9 + 1e6


def test_a_compiled_network_has_a_time_but_no_stages() -> None:
    compiled = Measured(runs=[{"decode": 1.0, "network": 7.0}], flops={"gru": 1e9})
    assert part_times(compiled, "network") == [7.0]
    assert part_times(compiled, "frame") == [8.0]
    assert part_times(compiled, "loop") == []
    assert peak_share(compiled, "network", 1e12) == pytest.approx(1e9 / 7e-3 / 1e12)


def test_percentiles() -> None:
    assert percentiles([3.0]) == {"p50": 3.0, "p95": 3.0}
    assert percentiles(list(range(101))) == {"p50": 50.0, "p95": 95.0}


def test_the_speedup_is_that_of_neighbouring_runs() -> None:
    assert speedup(result(PLAIN), "loop") == pytest.approx((20 / 5 + 18 / 9) / 2)
    assert speedup(result(PLAIN), "context") is None
    assert speedup(result(None), "loop") is None


def test_the_share_of_the_peak() -> None:
    # 1e9 operations in 4 ms are a quarter of 1e12 a second.
    assert peak_share(FAST, "gru", 1e12) == pytest.approx(0.25)
    assert peak_share(FAST, "decode", 1e12) is None
    assert peak_share(FAST, "gru", None) is None


def test_facts_are_json_and_complete() -> None:
    facts = json.loads(json.dumps(case_facts(result(PLAIN), RATES), allow_nan=False))
    assert (facts["name"], facts["height"], facts["width"], facts["iterations"]) == ("tiny", 480, 640, 3)
    assert (facts["precision"], facts["device"], facts["compiled"]) == ("float32", "cpu", False)
    assert facts["fast"]["ms"]["frame"] == {"p50": 8.0, "p95": 9.8}
    assert facts["fast"]["peak_share"]["gru"] == pytest.approx(0.25)
    assert facts["fast"]["runs_ms"] == FAST.runs
    assert facts["speedup_over_plain"]["loop"] == pytest.approx(3)
    assert facts["difference_px"] == {"max": 0.5, "mean": 0.25}
    alone = case_facts(result(None), {})
    assert (alone["plain"], alone["speedup_over_plain"], alone["fast"]["peak_share"]) == (None, None, {})
