# SPDX-License-Identifier: Apache-2.0
"""Training for posed video on a CUDA device: losses against the CPU's, and runs of a few steps.

With DEVICE=cpu in the environment the tests themselves are tried, on the CPU (`device_tests`).
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from device_tests import DEVICE, MARKS, full_float32
from small_runs import SMALL_VIDEO, small_video_network
from torch import Tensor

from foundation_stereo_ros.nets.video import VideoNetwork
from foundation_stereo_ros.train.distributed import Group
from foundation_stereo_ros.train.feed.clips import ClipSteps
from foundation_stereo_ros.train.optimisation import Precision
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_descent import VideoDescent
from foundation_stereo_ros.train.video_start import video_start
from foundation_stereo_ros.train.video_trainer import VideoTrainer

pytestmark = MARKS

CPU = torch.device("cpu")
PRESETS = ["lean", "pairnet", "fusionnet"]


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    with full_float32():
        yield


def settings(preset: str, **values: Any) -> VideoTrainingConfig:
    sizes = {} if preset == "lean" else {"network": small_video_network()}
    views = 2 if preset == "pairnet" else 3
    return VideoTrainingConfig.from_dict({**SMALL_VIDEO, "preset": preset, "views": views, **sizes, **values})


def one_step(
    made: VideoNetwork, config: VideoTrainingConfig, device: torch.device
) -> tuple[float, dict[str, Tensor]]:
    model = copy.deepcopy(made).to(device)
    descent = VideoDescent(config, model, Precision("fp32", device), Group())
    descent.begin(1.0)
    loss = descent.step(ClipSteps(config, 0)[0], 0, 7, 1e-3).loss
    return float(loss.detach()), {n: p.grad.cpu() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("preset", PRESETS)
def test_gradients_of_a_step_are_those_of_the_cpu(preset: str) -> None:
    config = settings(preset, batch=2, clip=0.0)
    torch.manual_seed(1)
    made = video_start(config).model
    loss, expected = one_step(made, config, CPU)
    found_loss, found = one_step(made, config, DEVICE)
    assert found_loss == pytest.approx(loss, rel=1e-3)
    assert set(found) == set(expected) and len(expected) > 20
    whole = math.sqrt(sum(float(g.square().sum()) for g in expected.values()))
    apart = math.sqrt(sum(float((found[name] - g).square().sum()) for name, g in expected.items()))
    assert apart < 0.03 * whole


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_can_be_resumed(tmp_path: Path, preset: str, precision: str) -> None:
    values = {"precision": precision, "height": 96, "width": 96, "validate_every": 2, "validation_clips": 1}
    for steps in (2, 4):
        config = settings(preset, steps=steps, **values)
        assert VideoTrainer(config, tmp_path, DEVICE, resume=steps > 2).run(show_progress=False).finished
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "train/loss" in line] == [1, 2, 3, 4]
    assert all(math.isfinite(value) for line in lines for value in line.values())
