# SPDX-License-Identifier: Apache-2.0
"""Two processes that train one network for posed video, as torchrun starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from small_runs import SMALL_VIDEO, small_video_network

from foundation_stereo_ros.train.distributed import Group, Place
from foundation_stereo_ros.train.feed.clips import ClipSteps
from foundation_stereo_ros.train.run_files import STATE_NAME
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_trainer import VideoTrainer

HOUSE = Path(__file__).parents[2]
COMMAND = [
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"),
    str(HOUSE / "test" / "support" / "train_video_together.py"),
]
STILL = {"clip": 0.0, "validate_every": 100, "weight_decay": 0.0}
RUNS: dict[str, dict[str, Any]] = {
    "lean": {**SMALL_VIDEO, **STILL},
    "fusionnet": {
        **SMALL_VIDEO,
        **STILL,
        "preset": "fusionnet",
        "network": small_video_network(),
        "views": 3,
        "stages": [{"steps": 1, "train": ["lstm_fusion", "decoder"]}, {}],
    },
}


def train(folder: Path, values: dict[str, Any], *words: str) -> str:
    (folder / "run.yaml").write_text(yaml.safe_dump({"system": "video", **values}))
    options = ["--quiet", "--device", "cpu", "--config", folder / "run.yaml", "-o", folder / "run", *words]
    done = subprocess.run(
        [*COMMAND, folder, "train", *options],
        env={**os.environ, "PYTHONPATH": str(HOUSE), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("preset", list(RUNS))
def test_two_processes_have_shares_of_their_own_and_the_same_weights(tmp_path: Path, preset: str) -> None:
    values = {**RUNS[preset], "steps": 2}
    assert train(tmp_path, values).count("complete after 2 steps") == 1
    before = load_file(tmp_path / "run" / STATE_NAME)
    kept = (tmp_path / "run" / STATE_NAME).read_bytes()
    train(tmp_path, {**values, "steps": 3}, "--resume")
    after = load_file(tmp_path / "run" / STATE_NAME)
    first, second = (load_file(tmp_path / f"process{rank}.safetensors") for rank in (0, 1))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert all(torch.equal(value, after[f"model.{name}"]) for name, value in first.items())

    # The step's gradients are the mean of those of both shares, computed by one process each.
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / STATE_NAME).write_bytes(kept)
    config = VideoTrainingConfig.from_dict({**values, "steps": 3})
    gradients = []
    for rank in (0, 1):
        trainer = VideoTrainer(config, tmp_path / "alone", "cpu", resume=True)
        trainer._descent.step(ClipSteps(config, 2, Place(rank, 2))[0], 2, 0, 1e-9)
        gradients.append({n: p.grad for n, p in trainer.model.named_parameters() if p.grad is not None})
    largest = 0.0
    for name in gradients[0]:
        mean = (gradients[0][name] + gradients[1][name]) / 2
        key = f"adam.exp_avg.{name}"
        found = 10 * (after[key] - 0.9 * before.get(key, torch.zeros_like(mean)))
        scale = float(mean.abs().max())
        torch.testing.assert_close(found, mean, rtol=1e-2, atol=1e-2 * scale + 1e-5)
        largest = max(largest, scale)
    assert largest > 1e-3


def test_shares_follow_on_and_are_those_of_one_process_with_all() -> None:
    config = VideoTrainingConfig.from_dict(SMALL_VIDEO)
    both = ClipSteps(VideoTrainingConfig.from_dict({**SMALL_VIDEO, "batch": 2}), 5)[0]
    for rank in (0, 1):
        share = ClipSteps(config, 5, Place(rank, 2))[0]
        assert torch.equal(share.images[:, 0], both.images[:, rank])


def test_alone_a_network_stays_as_it_is() -> None:
    model = torch.nn.Linear(1, 1)
    assert Group().wrap(model, every_weight=False) is model
