# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from posed_scenes import small_clip

from foundation_stereo_ros.errors import CheckpointError, ConfigError, ImageError
from foundation_stereo_ros.geometry.poses import motion
from foundation_stereo_ros.nets.video import (
    DeepVideoMVS,
    LeanVideo,
    LeanVideoConfig,
    Motion,
    VideoNetwork,
    VideoOutput,
    build_video_network,
    video_preset,
)
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
from foundation_stereo_ros.weights.video import load_video_checkpoint

SMALL = LeanVideoConfig(widths=(4, 8, 8, 8), matching_width=8, groups=2, planes=16)


def _tensor(matrix: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(matrix).float()[None]


def predict(model: VideoNetwork, frames: int = 3, size: tuple[int, int] = (96, 128)) -> list[VideoOutput]:
    """Predict a clip's frames, each from those before it and the last prediction."""
    clip = small_clip(frames, 0, *size)
    images = [torch.from_numpy(image).permute(2, 0, 1)[None].float() for image in clip.images]
    found: list[VideoOutput] = []
    with torch.inference_mode():
        features = [model.encode(image) for image in images]
        for index in range(1, frames):
            pose, last = clip.poses[index], clip.poses[index - 1]
            views = [(model.kept(features[i]), _tensor(motion(pose, clip.poses[i]))) for i in range(index)]
            moves = Motion(_tensor(motion(last, pose)), _tensor(motion(pose, last)))
            previous = (found[-1].memory, moves) if found and found[-1].memory is not None else None
            k = _tensor(clip.camera.matrix)
            found.append(model.predict(images[index], features[index], views, k, previous))
    return found


def test_depths_lie_in_range_and_the_memory_counts() -> None:
    torch.manual_seed(0)
    model = LeanVideo(SMALL).eval()
    first, second = predict(model)
    for output in (first, second):
        depth, certainty = output.depths[0], output.certainty
        assert depth.shape == (1, 96, 128)
        assert (depth >= SMALL.min_depth - 1e-4).all()
        assert (depth <= SMALL.max_depth + 1e-3).all()
        assert certainty is not None
        assert certainty.shape == (1, 24, 32)
        assert ((certainty >= 0) & (certainty <= 1)).all()
    torch.manual_seed(0)
    forgetful = LeanVideo(SMALL).eval()
    with torch.no_grad():
        forgetful.hourglass.enter.weight[:, -1] = 0  # the channel of what was seen before
    other = predict(forgetful)
    torch.testing.assert_close(other[0].depths[0], first.depths[0])
    assert not torch.allclose(other[1].depths[0], second.depths[0])


def test_the_weights_that_ship_see_depth() -> None:
    """On a generated clip, two images on: better than the scene's median by far."""
    clip = small_clip(6, 0, 192, 256)
    found = predict(load_video_checkpoint(""), 6, (192, 256))[-1].depths[0][0].numpy()
    truth = clip.depths[5]
    known = truth > 0
    error = np.abs(found - truth)[known] / truth[known]
    guess = np.abs(np.median(truth[known]) - truth)[known] / truth[known]
    assert error.mean() < 0.4 * guess.mean()


def test_both_kinds_share_one_interface_and_one_door(tmp_path: Path) -> None:
    for network in (LeanVideo(SMALL), DeepVideoMVS()):
        file = tmp_path / f"{type(network).__name__}.safetensors"
        save_checkpoint(file, network)
        loaded = load_video_checkpoint(file)
        assert type(loaded) is type(network)
        assert loaded.config == network.config
    with pytest.raises(CheckpointError, match="for posed video; expected some for stereo"):
        load_checkpoint(file)


def test_half_precision_weights_load_as_single(tmp_path: Path) -> None:
    model = LeanVideo(SMALL).half()
    save_checkpoint(tmp_path / "a.safetensors", model)
    loaded = load_video_checkpoint(tmp_path / "a.safetensors")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"planes": 63}, "network planes is 63; expected a multiple of 4"),
        ({"planes": 4}, "network planes is 4; expected a whole number from 8 to 1024"),
        ({"min_depth": 0.0}, r"network min_depth is 0\.0; expected a positive number of metres"),
        ({"max_depth": 0.1}, r"network max_depth is 0\.1; expected a finite number of metres, more than"),
        ({"max_depth": "far"}, "network max_depth is 'far'; expected a number of metres"),
        ({"groups": 5}, "network matching_width is 48; expected a positive multiple of 10"),
    ],
)
def test_sizes_out_of_their_range_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LeanVideoConfig(**values)  # type: ignore[arg-type]


def test_presets_of_both_kinds_are_found_by_name() -> None:
    model = build_video_network(video_preset("lean", planes=32))
    assert isinstance(model, LeanVideo)
    assert model.planes.number == 32
    assert sum(p.numel() for p in model.parameters()) < 700_000
    assert isinstance(build_video_network(video_preset("pairnet")), DeepVideoMVS)
    with pytest.raises(ConfigError, match="preset is 'huge'; expected one of fusionnet, pairnet, lean"):
        video_preset("huge")
    with pytest.raises(ImageError, match="multiples of 32"):
        model.encode(torch.zeros(1, 3, 60, 64))
