# SPDX-License-Identifier: Apache-2.0
"""A training run for posed video: it learns, stops, goes on, and leaves weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small_runs import SMALL_VIDEO as SMALL
from small_runs import small_video_network

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.train.feed.clips import ClipSteps
from foundation_stereo_ros.train.run_files import STATE_NAME, read_about
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_trainer import VideoTrainer
from foundation_stereo_ros.weights.checkpoint import read_checkpoint
from foundation_stereo_ros.weights.video import load_video_checkpoint


def test_a_run_in_two_parts_is_the_run_in_one(tmp_path: Path) -> None:
    whole = VideoTrainer(VideoTrainingConfig.from_dict(SMALL), tmp_path / "whole", "cpu")
    assert whole.run(show_progress=False).finished
    VideoTrainer(VideoTrainingConfig.from_dict({**SMALL, "steps": 2}), tmp_path / "parts", "cpu").run(
        show_progress=False
    )
    again = VideoTrainer(VideoTrainingConfig.from_dict(SMALL), tmp_path / "parts", "cpu", resume=True)
    assert again.progress.step == 2
    again.run(show_progress=False)
    for one, other in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_the_state_of_an_earlier_version_goes_on(root: Path, tmp_path: Path) -> None:
    """It knows neither stages nor changes to clips; and it is compact, which says ``validate_on``."""
    shutil.copy(root / "config" / "video_run" / STATE_NAME, tmp_path / STATE_NAME)
    begin = load_file(tmp_path / STATE_NAME)
    words = [
        "--height",
        "64",
        "--width",
        "64",
        "--batch",
        "1",
        "--steps",
        "1046",
        "--device",
        "cpu",
        "--quiet",
    ]
    assert main(["train", "--resume", "-o", str(tmp_path), *words]) == 0
    config = read_about(tmp_path / STATE_NAME)["config"]
    assert (config["preset"], config["learning_rate"], config["views"]) == ("lean", 5e-4, 4)
    after = load_file(tmp_path / STATE_NAME)
    apart = max(
        float((after[name] - value).abs().max()) for name, value in begin.items() if value.is_floating_point()
    )
    assert 0 < apart < 0.1
    assert {float(value) for name, value in after.items() if name.startswith("adam.step.")} == {1.0}


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    values = {**SMALL, "steps": 2, "validate_every": 1, "keep_best": "generated/abs_rel"}
    VideoTrainer(VideoTrainingConfig.from_dict(values), tmp_path, "cpu").run(show_progress=False)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    lowest = min(line["generated/abs_rel"] for line in lines if "generated/abs_rel" in line)
    said = read_checkpoint(tmp_path / "best.safetensors").metadata
    assert float(said["generated/abs_rel"]) == pytest.approx(lowest, rel=1e-4)


def test_it_leaves_a_log_and_weights(tmp_path: Path) -> None:
    outcome = VideoTrainer(VideoTrainingConfig.from_dict(SMALL), tmp_path, "cpu").run(show_progress=False)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 4]
    assert 0 < lines[-1]["generated/abs_rel"] < 10
    assert load_video_checkpoint(outcome.weights).config.widths == (4, 8, 8, 8)


def test_clips_follow_from_seed_and_step() -> None:
    config = VideoTrainingConfig.from_dict(SMALL)
    torch.testing.assert_close(ClipSteps(config, 2)[1].images, ClipSteps(config, 3)[0].images)
    assert not torch.equal(ClipSteps(config, 2)[0].images, ClipSteps(config, 3)[0].images)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"views": 1}, "training views is 1; expected 2 or more"),
        ({"preset": "pairnet", "views": 4}, "training views is 4; expected 2 for pairnet"),
        ({"edges": -1.0}, r"training edges is -1\.0; expected 0 or more"),
        ({"height": 100}, "training height is 100; expected a multiple of 32"),
        ({"colour": 1}, "unknown training setting 'colour'"),
        ({"scenes": {"room": 1}}, "unknown training setting scenes.'room'"),
        ({"preset": "stereo"}, "expected one of fusionnet, pairnet, lean"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VideoTrainingConfig.from_dict(values)


@pytest.mark.parametrize("preset", ["pairnet", "fusionnet"])
def test_published_networks_train_by_the_published_losses(tmp_path: Path, preset: str) -> None:
    views = 2 if preset == "pairnet" else 3
    values = {
        **SMALL,
        "preset": preset,
        "network": small_video_network(),
        "views": views,
        "steps": 2,
        "validate_every": 2,
    }
    trainer = VideoTrainer(VideoTrainingConfig.from_dict(values), tmp_path, "cpu")
    before = [p.clone() for p in trainer.model.parameters()]
    assert trainer.run(show_progress=False).finished
    assert any(not torch.equal(a, b) for a, b in zip(before, trainer.model.parameters(), strict=True))
