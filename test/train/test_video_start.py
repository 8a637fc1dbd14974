# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from foundation_stereo_ros.errors import CheckpointError, ConfigError
from foundation_stereo_ros.nets.video import LeanVideo
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_start import video_start
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
from foundation_stereo_ros.weights.shipped import shipped_checkpoint


def test_a_lean_stereo_network_is_a_start() -> None:
    model = video_start(VideoTrainingConfig(start_from="lean")).model
    assert isinstance(model, LeanVideo)
    stereo = load_checkpoint(shipped_checkpoint("lean"))
    ours, theirs = model.state_dict(), stereo.state_dict()
    entrance = "hourglass.enter.weight"
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name][:, :4] if name == entrance else ours[name], value)
    assert (ours[entrance][:, 4:] == 0).all()


def test_weights_of_the_same_network_are_a_start_and_others_are_named(tmp_path: Path) -> None:
    small = {"widths": (4, 8, 8, 8), "matching_width": 8, "groups": 2}
    torch.manual_seed(3)
    begin = video_start(VideoTrainingConfig(network=small)).model
    file = tmp_path / "a.safetensors"
    save_checkpoint(file, begin)
    again = video_start(VideoTrainingConfig(network=small, start_from=str(file))).model
    torch.testing.assert_close(again.state_dict(), begin.state_dict())
    with pytest.raises(CheckpointError, match=r"a\.safetensors"):
        video_start(VideoTrainingConfig(start_from=str(file)))
    with pytest.raises(ConfigError, match="a lean stereo network; expected preset lean"):
        video_start(VideoTrainingConfig(preset="pairnet", views=2, start_from="lean"))


def test_a_run_that_goes_on_needs_no_start(tmp_path: Path) -> None:
    config = VideoTrainingConfig(start_from=str(tmp_path / "gone.safetensors"))
    assert isinstance(video_start(config, {}).model, LeanVideo)
