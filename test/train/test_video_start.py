# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_runs import small_video_network

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


def test_fusionnet_begins_with_all_of_pairnet_but_the_decoder(tmp_path: Path) -> None:
    sizes = small_video_network()
    torch.manual_seed(3)
    pairnet = video_start(VideoTrainingConfig(preset="pairnet", views=2, network=sizes)).model
    save_checkpoint(tmp_path / "pairnet.safetensors", pairnet, {"licence": "MIT"})
    file = str(tmp_path / "pairnet.safetensors")
    torch.manual_seed(4)
    began = video_start(VideoTrainingConfig(preset="fusionnet", network=sizes, start_from=file))
    theirs = pairnet.state_dict()
    for name, value in began.model.state_dict().items():
        if name.startswith(("feature_extractor.", "feature_pyramid.", "encoder.")):
            assert torch.equal(value, theirs[name]), name
    name = next(n for n, value in theirs.items() if n.startswith("decoder.") and value.ndim == 4)
    assert not torch.equal(began.model.state_dict()[name], theirs[name])
    assert (began.notes["licence"], began.notes["started_from"]) == ("MIT", "pairnet.safetensors")
