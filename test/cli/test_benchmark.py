# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch._dynamo

from foundation_stereo_ros.bench import machine
from foundation_stereo_ros.bench.measurement import CaseMeasurement
from foundation_stereo_ros.cli import benchmark
from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.nets.stereo.kinds import PRESETS
from foundation_stereo_ros.nets.video.kinds import VIDEO_PRESETS


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foundation_stereo_ros.estimate.heap.keep_freed_memory", lambda: True)
    monkeypatch.setattr(machine, "_SIDE", {"cpu": 64})
    monkeypatch.setattr(machine, "_CHANNELS", {"cpu": 16})


def measured(path: Path, *words: str, precision: str = "fp32") -> tuple[int, dict[str, Any]]:
    short = ["--size", "32x64", "--repeats", "2", "--threads", "1"]
    usual = ["--device", "cpu", "--precision", precision]
    code = main(["benchmark", *short, *usual, "--json", str(path), *words])
    return code, json.loads(path.read_text()) if path.exists() else {}


def test_the_shipped_network_beside_its_plain_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, facts = measured(tmp_path / "figures.json", "--checkpoint", "tiny", "--plain", "--iterations", "2")
    assert code == 0
    (case,) = facts["cases"]
    assert case["name"] == "tiny.safetensors"
    assert len(case["weights_sha256"]) == 64
    assert (case["height"], case["width"], case["iterations"]) == (32, 64, 2)
    assert len(case["fast"]["runs_ms"]) == len(case["plain"]["runs_ms"]) == 2
    assert case["difference_px"]["max"] < 1e-2
    assert {"frame", "network", "loop", "filtering"} <= set(case["speedup_over_plain"])
    assert case["fast"]["peak_share"]["network"] > 0
    assert facts["best_flops_per_second"]["cpu"].keys() >= {"float32"}
    assert {"processor", "threads", "ram_bytes", "load_average"} <= set(facts["machine"])
    assert {"torch", "commit"} <= set(facts["versions"])
    assert (facts["repeats"], facts["failed"], facts["interrupted"]) == (2, [], False)
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert "tiny.safetensors, 32 x 64, 2 refinements, float32, cpu" in lines
    (frame,) = (line.split() for line in lines if line.startswith("frame"))
    p50, p95 = (case["fast"]["ms"]["frame"][p] for p in ("p50", "p95"))
    assert frame[1:3] == [f"{p50:.1f}", f"{p95:.1f}"]
    assert frame[-1] == f"{case['speedup_over_plain']['frame']:.2f}"
    assert "tiny.safetensors, 32 x 64, 2 refinements, fp32, cpu: run 1 of 2" in captured.err


def test_what_is_given_twice_is_combined(tmp_path: Path) -> None:
    words = ["--preset", "tiny", "--size", "64x32", "--iterations", "1", "--iterations", "2"]
    code, facts = measured(tmp_path / "figures.json", *words)
    assert code == 0
    names = ("height", "iterations")
    assert [tuple(case[name] for name in names) for case in facts["cases"]] == [
        (height, iterations) for height in (32, 64) for iterations in (1, 2)
    ]


def test_half_precision_is_measured_against_products_in_half_precision(tmp_path: Path) -> None:
    words = ("--checkpoint", "tiny", "--iterations", "1", "--processor-time")
    _, facts = measured(tmp_path / "figures.json", *words, precision="bf16")
    assert facts["clock"] == "processor"
    (case,) = facts["cases"]
    assert case["precision"] == "bfloat16"
    done = case["fast"]["flops"]["gru"] / (1e-3 * case["fast"]["ms"]["gru"]["p50"])
    rate = max(facts["best_flops_per_second"]["cpu"]["bfloat16"].values())
    assert case["fast"]["peak_share"]["gru"] == pytest.approx(done / rate)


def test_a_case_that_fails_is_named_and_the_others_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.safetensors"
    words = ("--checkpoint", str(missing), "--preset", "tiny")
    code, facts = measured(tmp_path / "figures.json", *words)
    assert code == 3
    assert [case["name"] for case in facts["cases"]] == ["tiny"]
    assert facts["failed"] == [
        {"case": "missing.safetensors, 32 x 64, fp32, cpu", "reason": f"no weights file at {missing}"}
    ]
    err = capsys.readouterr().err
    assert f"failed: missing.safetensors, 32 x 64, fp32, cpu: no weights file at {missing}\n" in err
    code, facts = measured(tmp_path / "none.json", "--checkpoint", str(missing))
    assert (code, facts) == (1, {})


def test_after_ctrl_c_the_cases_done_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = CaseMeasurement.__call__

    def interrupted(self: CaseMeasurement, repeats: int) -> Any:
        if self._case.iterations == 2:
            raise KeyboardInterrupt
        return real(self, repeats)

    monkeypatch.setattr(CaseMeasurement, "__call__", interrupted)
    code, facts = measured(tmp_path / "figures.json", "--iterations", "1", "--iterations", "2")
    assert code == 130
    assert facts["interrupted"]
    assert [case["iterations"] for case in facts["cases"]] == [1]
    assert "interrupted: the figures are those of the cases done" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--size", "480*640"], "'480*640'; expected rows x columns, as 480x640"),
        (["--repeats", "0"], "'0'; expected a whole number, 1 or more"),
        (["--preset", "huge"], "invalid choice: 'huge'"),
    ],
)
def test_wrong_usage(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", *words]) == 2
    assert complaint in capsys.readouterr().err


def test_every_preset_can_be_named() -> None:
    assert set(benchmark._PRESETS) == {*PRESETS, *VIDEO_PRESETS}


def test_the_compiled_network_is_one_stage_beside_the_eager_one(tmp_path: Path) -> None:
    # As `foundation_stereo benchmark --compile` does, but nothing is compiled, which would take minutes.
    with torch._dynamo.config.patch(disable=True):
        code, facts = measured(
            tmp_path / "figures.json", "--checkpoint", "tiny", "--compile", "--plain", "--iterations", "1"
        )
    assert code == 0
    eager, compiled = facts["cases"]
    assert (eager["compiled"], compiled["compiled"]) == (False, True)
    assert {"features", "gru", "network", "frame"} <= eager["fast"]["ms"].keys()
    before_and_after = {"decode", "preprocess", "geometry", "messages"}
    assert compiled["fast"]["ms"].keys() == {"network", "frame", *before_and_after}
    assert compiled["fast"]["flops"] == eager["fast"]["flops"]
    assert "network" in compiled["speedup_over_plain"]
    assert compiled["difference_px"]["max"] < 1e-2
