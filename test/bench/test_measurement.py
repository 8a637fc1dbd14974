# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from foundation_stereo_ros.bench.inputs import NetworkSource
from foundation_stereo_ros.bench.measurement import Case, CaseMeasurement, CaseResult
from foundation_stereo_ros.bench.stages import STAGES
from foundation_stereo_ros.errors import CheckpointError, ConfigError
from foundation_stereo_ros.nets.stereo import NetworkConfig
from foundation_stereo_ros.ros.messages.cdr import message_types

TINY = NetworkSource(preset="tiny")


def measured(case: Case, *, plain: bool, repeats: int = 2) -> tuple[CaseResult, list[str]]:
    said: list[str] = []
    return CaseMeasurement(case, message_types(), plain, said.append)(repeats), said


def test_both_forms_are_measured_alike_and_agree() -> None:
    result, said = measured(Case(TINY, 50, 70, 2, "fp32", "cpu"), plain=True, repeats=3)
    assert result.plain is not None
    assert result.difference is not None
    assert 0 < result.difference[1] <= result.difference[0] < 1e-2
    for form in (result.fast, result.plain):
        assert [set(run) for run in form.runs] == [set(STAGES) - {"monocular", "refinement"}] * 3
        assert all(ms >= 0 for run in form.runs for ms in run.values())
        assert form.flops["gru"] > form.flops["decode"] == 0
        assert form.memory.keys() == {"resident_growth"}
    # The padded picture is what counts, and the plain form makes as many refinements.
    assert result.plain.flops["gru"] == pytest.approx(result.fast.flops["gru"], rel=0.3)
    assert said[-1] == "run 3 of 3"
    assert "warming up, plain form" in said


def test_without_the_plain_form_and_with_the_networks_own_refinements() -> None:
    result, _ = measured(Case(TINY, 32, 32, 0, "fp32", "cpu"), plain=False, repeats=1)
    assert (result.plain, result.difference) == (None, None)
    assert result.iterations == NetworkConfig.preset("tiny").iterations
    assert (result.dtype, result.device) == (torch.float32, torch.device("cpu"))
    twice = 2 * result.iterations
    more, _ = measured(Case(TINY, 32, 32, twice, "fp32", "cpu"), plain=False, repeats=1)
    # The context's share and the mask features are made once.
    assert 1.9 * result.fast.flops["gru"] < more.fast.flops["gru"] < 2 * result.fast.flops["gru"]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    missing = NetworkSource(checkpoint=tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match=r"none\.safetensors"):
        measured(Case(missing, 32, 32), plain=False)
    with pytest.raises(ConfigError, match="device is 'cuda:99'"):
        measured(Case(TINY, 32, 32, device="cuda:99"), plain=False)


def test_lean_has_a_plain_form_too() -> None:
    result, _ = measured(Case(NetworkSource(preset="lean"), 64, 64, 1, "fp32", "cpu"), plain=True, repeats=1)
    assert result.plain is not None and result.difference is not None
    assert result.difference[0] < 1e-2
    assert result.fast.runs[0].keys() == result.plain.runs[0].keys() >= {"refinement", "upsampling"}
