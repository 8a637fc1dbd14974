# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from foundation_stereo_ros.benchmarking import peak_product
from foundation_stereo_ros.benchmarking.peak_product import ProductRates, product_rate


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_product, "_SIDE", {"cpu": 64})
    monkeypatch.setattr(peak_product, "_ENOUGH_S", 0.0)


def test_any_processor_multiplies_more_than_a_million_numbers_a_second() -> None:
    assert 1e6 < product_rate(torch.device("cpu"), torch.float32) < 1e16


def test_the_best_of_all_measurements_counts() -> None:
    rates, cpu = ProductRates(), torch.device("cpu")
    rates.best["cpu"] = {"float32": 1e18}
    rates.measure(cpu, torch.float32)
    assert rates.best["cpu"].keys() == {"float32", "bfloat16"}
    assert rates.best["cpu"]["float32"] == 1e18
    rates.measure(cpu, torch.float64)
    assert "float64" in rates.best["cpu"]
