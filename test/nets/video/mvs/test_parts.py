# SPDX-License-Identifier: Apache-2.0
"""The plane sweep and the memory against numbers of the published functions (small random inputs)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.geometry.poses import motion
from foundation_stereo_ros.nets.video import DeepVideoMVS, VideoConfig
from foundation_stereo_ros.nets.video.depth_range import inverse_depths
from foundation_stereo_ros.nets.video.mvs.config import PRESETS
from foundation_stereo_ros.nets.video.mvs.memory import ConvLSTMCell, depth_hypothesis, warp_hidden
from foundation_stereo_ros.nets.video.mvs.sweep import plane_sweep

CASE = np.load(Path(__file__).parents[3] / "data" / "video_functions.npz")


def _t(name: str) -> Tensor:
    return torch.from_numpy(CASE[name])[None]


def _move(source: np.ndarray, target: np.ndarray) -> Tensor:
    return torch.from_numpy(motion(source, target)).float()[None]


def _volume(*views: int) -> np.ndarray:
    pose = CASE["cv.pose_ref"]
    chosen = [(_t("cv.meas")[:, i], _move(pose, CASE["cv.poses_meas"][i])) for i in views]
    planes = inverse_depths(64, 0.25, 20.0)
    return plane_sweep(_t("cv.ref"), chosen, _t("cv.K"), planes)[0].numpy()


def test_planes_begin_far_away() -> None:
    np.testing.assert_allclose(1 / inverse_depths(64, 0.25, 20.0), CASE["plane_depths"], rtol=1e-6)


def test_plane_sweep() -> None:
    np.testing.assert_allclose(_volume(0)[::3], CASE["cv.single"], atol=1e-4)
    np.testing.assert_allclose(_volume(1)[::9], CASE["cv.behind"], atol=1e-4)
    np.testing.assert_allclose(_volume(0, 1)[::9], CASE["cv.fused_every_9th"], atol=1e-4)


@pytest.mark.parametrize("name", ["near", "behind"])
def test_depth_hypothesis(name: str) -> None:
    moved = _move(CASE[f"hyp.{name}.pose_prev"], CASE[f"hyp.{name}.pose_ref"])
    found = depth_hypothesis(_t("hyp.depth"), moved, _t("hyp.K_full"))[0].numpy()
    np.testing.assert_allclose(found, CASE[f"hyp.{name}.out"], atol=1e-3)


def test_of_two_points_on_a_pixel_the_farther_one_stays() -> None:
    depth = torch.tensor([[[1.0, 1.0], [3.0, 2.0]]])
    intrinsics = torch.tensor([[[0.01, 0.0, 0.0], [0.0, 0.01, 0.0], [0.0, 0.0, 1.0]]])  # all on one pixel
    found = depth_hypothesis(depth, torch.eye(4)[None], intrinsics)
    assert found.tolist() == [[[3.0]]]


def test_hidden_state_in_another_view_and_its_gradient() -> None:
    hidden = _t("lstm.h").requires_grad_()
    moved = _move(CASE["lstm.pose_cur"], CASE["lstm.pose_prev"])
    warped = warp_hidden(hidden, _t("lstm.depth"), moved, _t("lstm.K"))
    np.testing.assert_allclose(warped[0].detach(), CASE["lstm.h_warped"], atol=1e-4)
    cell = ConvLSTMCell(6)
    cell.load_state_dict({"conv.weight": torch.from_numpy(CASE["lstm.weight"])})
    out, state = cell(_t("lstm.x"), warped, _t("lstm.c"))
    np.testing.assert_allclose(out[0].detach(), CASE["lstm.h_out"], atol=1e-4)
    np.testing.assert_allclose(state[0].detach(), CASE["lstm.c_out"], atol=1e-4)
    (out * _t("lstm.grad_target")).sum().backward()  # holes are zeroed, and their gradient is not
    assert hidden.grad is not None
    np.testing.assert_allclose(hidden.grad[0], CASE["lstm.grad_h"], atol=1e-4)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_narrow_network_runs_from_start_to_end(preset: str) -> None:
    sizes = {"width": 4, "pyramid_width": 8, "planes": 8, "trunk_widths": (8, 8, 16, 24, 40)}
    config = VideoConfig(**{**PRESETS[preset], **sizes})
    model = DeepVideoMVS(config).eval()
    image = 255 * torch.rand(1, 3, 64, 96)
    intrinsics = torch.tensor([[[60.0, 0.0, 48.0], [0.0, 60.0, 32.0], [0.0, 0.0, 1.0]]])
    features = model.encode(image)
    volume = model.sweep(features, [(model.kept(features), torch.eye(4)[None])], intrinsics)
    assert volume.shape == (1, 8, 32, 48)
    output = model(image, features, volume)
    assert [tuple(depth.shape) for depth in output.depths] == [
        (1, 64, 96),
        (1, 32, 48),
        (1, 16, 24),
        (1, 8, 12),
        (1, 4, 6),
    ]
    assert all(
        (depth >= config.min_depth).all() and (depth <= config.max_depth).all() for depth in output.depths
    )
    assert (output.memory is None) == (preset != "fusionnet")


def test_wrong_sizes_are_named() -> None:
    with pytest.raises(ImageError, match="multiples of 32"):
        DeepVideoMVS(VideoConfig(width=4)).encode(torch.zeros(1, 3, 60, 64))
    with pytest.raises(ConfigError, match=r"max_depth is 0\.1; expected a finite number of metres, more"):
        VideoConfig(max_depth=0.1)
