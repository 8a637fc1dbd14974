# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from foundation_stereo_ros.bench import best_rates
from foundation_stereo_ros.bench.best_rates import BestRates, convolution_rate, product_rate

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_rates, "_SIDE", {"cpu": 64})
    monkeypatch.setattr(best_rates, "_CHANNELS", {"cpu": 16})
    monkeypatch.setattr(best_rates, "_ENOUGH_S", 0.0)


@pytest.mark.parametrize("rate", [product_rate, convolution_rate])
def test_any_processor_does_more_than_a_million_operations_a_second(rate: Any) -> None:
    assert 1e6 < rate(CPU, torch.float32, time.perf_counter) < 1e16


def test_a_rate_is_operations_over_seconds() -> None:
    ticks = iter(range(1000))
    # Every run takes one tick of this clock.
    assert product_rate(CPU, torch.float32, lambda: next(ticks)) == 2 * 64**3
    assert convolution_rate(CPU, torch.float32, lambda: next(ticks)) == 2 * 16 * 16 * 9 * 40 * 56


@pytest.mark.parametrize("native", [True, False])
def test_the_best_of_all_measurements_counts(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_rates, "multiplies_bf16", lambda: native)
    rates = BestRates()
    rates.best["cpu"] = {"float32": {"product": 1e18}}
    rates.measure(CPU, torch.float32)
    assert rates.best["cpu"].keys() == ({"float32", "bfloat16"} if native else {"float32"})
    assert rates.best["cpu"]["float32"].keys() == {"product", "convolution"}
    assert rates.best["cpu"]["float32"]["product"] == 1e18
    rates.measure(CPU, torch.float64)
    assert "float64" in rates.best["cpu"]
