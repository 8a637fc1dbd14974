# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from foundation_stereo_ros.bench import machine as machine_module
from foundation_stereo_ros.bench.machine import (
    BestRates,
    commit,
    convolution_rate,
    machine,
    product_rate,
    versions,
)


def git(folder: Path, *words: str) -> None:
    author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(["git", "-C", str(folder), *author, *words], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_the_commit_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git(tmp_path, "init")
    assert commit(tmp_path) is None  # nothing is committed yet
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    git(tmp_path, "tag", "-a", "v1", "-m", "a name that says less than the commit")
    assert re.fullmatch(r"[0-9a-f]{40}", commit(tmp_path) or "")
    (tmp_path / "file").write_text("two")
    assert re.fullmatch(r"[0-9a-f]{40}-dirty", commit(tmp_path) or "")


def test_the_machine_is_described() -> None:
    facts = machine([torch.device("cpu")])
    assert facts["processor"]
    assert 1 <= facts["usable_cores"] <= facts["cores"]
    assert facts["threads"] == torch.get_num_threads()
    assert facts["ram_bytes"] > 2**28
    assert facts["gpus"] == {}
    assert versions()["torch"] == torch.__version__


CPU = torch.device("cpu")


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "_SIDE", {"cpu": 64})
    monkeypatch.setattr(machine_module, "_CHANNELS", {"cpu": 16})
    monkeypatch.setattr(machine_module, "_ENOUGH_S", 0.0)


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("rate", [product_rate, convolution_rate])
def test_any_processor_does_more_than_a_million_operations_a_second(rate: Any) -> None:
    assert 1e6 < rate(CPU, torch.float32, time.perf_counter) < 1e16


@pytest.mark.usefixtures("_small")
def test_a_rate_is_operations_over_seconds() -> None:
    ticks = iter(range(1000))
    # Every run takes one tick of this clock.
    assert product_rate(CPU, torch.float32, lambda: next(ticks)) == 2 * 64**3
    assert convolution_rate(CPU, torch.float32, lambda: next(ticks)) == 2 * 16 * 16 * 9 * 40 * 56


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("native", [True, False])
def test_the_best_of_all_measurements_counts(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "multiplies_bf16", lambda: native)
    rates = BestRates()
    rates.best["cpu"] = {"float32": {"product": 1e18}}
    rates.measure(CPU, torch.float32)
    assert rates.best["cpu"].keys() == ({"float32", "bfloat16"} if native else {"float32"})
    assert rates.best["cpu"]["float32"].keys() == {"product", "convolution"}
    assert rates.best["cpu"]["float32"]["product"] == 1e18
    rates.measure(CPU, torch.float64)
    assert "float64" in rates.best["cpu"]
