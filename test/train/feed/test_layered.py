# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from small_runs import SMALL

from foundation_stereo_ros.nets.stereo import LeanStereo
from foundation_stereo_ros.scenes.layered.config import LayeredConfig
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import describe
from foundation_stereo_ros.train.distributed import ALONE, Place
from foundation_stereo_ros.train.feed.layered import LayeredGenerator, PaintedSteps
from foundation_stereo_ros.train.feed.mixture import Mixture
from foundation_stereo_ros.train.trainer import Trainer
from foundation_stereo_ros.weights import load_checkpoint

PAINTED = [{"dataset": "layered"}]
LEAN = {**SMALL, "preset": "lean", "network": {"max_disp": 64}, "data": PAINTED, "height": 64, "width": 128}


def test_a_batch_has_the_ray_casters_form() -> None:
    generator = LayeredGenerator(LayeredConfig(), max_disparity=20.0)
    batch = generator.generate(3, 2, 64, 128)
    assert batch.left.shape == batch.right.shape == (2, 3, 64, 128)
    assert batch.left.dtype == batch.disparity.dtype == torch.float32
    assert 100 < batch.left.max() <= 255
    assert batch.disparity.shape == batch.valid.shape == (2, 1, 64, 128)
    assert torch.equal(batch.valid, batch.disparity < 20)
    assert batch.occluded is not None
    assert batch.occluded.shape == (2, 1, 64, 128)
    assert batch.camera.isnan().all()
    one = generator.generate([4], height=64, width=128)
    assert torch.equal(one.left[0], batch.left[1])


def test_each_process_paints_pairs_of_its_own() -> None:
    config = TrainingConfig.from_dict({**LEAN, "data": [*PAINTED, {"dataset": "scenes"}], "batch": 3})

    def first_pixels(place: Place) -> list[float]:
        steps = PaintedSteps(config, Mixture(config, place), 0)
        made = [pairs for step in range(4) if (pairs := steps[step]) is not None]
        return [float(view.float().mean()) for pairs in made for view in pairs.left]

    alone = first_pixels(ALONE)
    assert len(alone) == 6  # half of four steps of three
    assert len(set(alone)) == 6
    shared = [*first_pixels(Place(0, 2)), *first_pixels(Place(1, 2))]
    assert set(alone) < set(shared)
    assert len(set(shared)) == 12


def test_a_resumed_run_sees_the_same_pairs() -> None:
    config = TrainingConfig.from_dict(LEAN)
    mixture = Mixture(config, ALONE)
    later, whole = PaintedSteps(config, mixture, 2)[0], PaintedSteps(config, mixture, 0)[2]
    assert later is not None
    assert whole is not None
    assert torch.equal(later.left, whole.left)


@pytest.mark.parametrize("data", [PAINTED, [*PAINTED, {"dataset": "scenes"}]])
def test_a_lean_network_learns_from_painted_scenes(data: list[dict[str, str]], tmp_path: Path) -> None:
    trainer = Trainer(TrainingConfig.from_dict({**LEAN, "data": data}), tmp_path, "cpu")
    assert trainer.run(show_progress=False).finished
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert all(line["train/loss"] > 0 for line in lines if "train/loss" in line)
    found = trainer.validate()
    assert {"painted/epe", "painted/noc_bp2", "painted/edge_bp1"} <= set(found)
    assert ("held_back/epe" in found) == (len(data) == 2)
    network = load_checkpoint(tmp_path / "weights.safetensors")
    assert isinstance(network, LeanStereo)
    assert network.config.max_disp == 64


def test_a_lean_run_that_stops_and_goes_on_ends_where_it_would_have(tmp_path: Path) -> None:
    config = TrainingConfig.from_dict({**LEAN, "schedule": "flat", "warmup": 0.0})
    straight = Trainer(config, tmp_path / "a", "cpu")
    straight.run(show_progress=False)
    first = Trainer(config, tmp_path / "b", "cpu")
    inner = first._step

    def stopped(*arguments: Any) -> None:
        inner(*arguments)
        if first.progress.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    first._step = stopped  # type: ignore[method-assign]
    assert first.run(show_progress=False).interrupted
    second = Trainer(config, tmp_path / "b", "cpu", resume=True)
    assert second.progress.step == 2
    assert second.run(show_progress=False).finished
    for name, value in straight.averaged.state_dict().items():
        torch.testing.assert_close(second.averaged.state_dict()[name], value, rtol=1e-4, atol=1e-5)


def test_files_say_what_they_were_trained_on() -> None:
    assert describe(TrainingConfig.from_dict(LEAN).data) == "painted scenes"
    assert describe(()) == "ray-cast scenes"
