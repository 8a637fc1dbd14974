# SPDX-License-Identifier: Apache-2.0
"""One training step of the published networks in double precision, and what the lean one learns from."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from posed_scenes import small_clip
from seeded_network import REFERENCE
from seeded_video import seeded_video_network

from foundation_stereo_ros.nets.parts import imagenet
from foundation_stereo_ros.nets.video import LeanVideo
from foundation_stereo_ros.nets.video.lean.sweep import Planes
from foundation_stereo_ros.train.feed.clips import stacked
from foundation_stereo_ros.train.lean_loss import Truth
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_loss import (
    PosedBatch,
    VideoLoss,
    depth_errors,
    lean_clip_loss,
    pair_loss,
    sequence_loss,
    truth_of_frame,
)
from foundation_stereo_ros.train.video_start import video_start

FILE = REFERENCE / "dvmvs" / "training.npz"
EXACT = 1e-6


def test_errors_of_a_prediction() -> None:
    truth = torch.tensor([[[2.0, 0.0, 4.0]]])
    errors = depth_errors(torch.tensor([[[1.5, 7.0, 8.0]]]), truth)
    assert [float(value) for value in errors] == pytest.approx(
        [4.5, 0.125 + 3.5, 1 / 1.5 - 0.5 + 0.125, 0.25 + 1.0, 2]
    )


@pytest.mark.skipif(not FILE.is_file(), reason=f"no reference outputs in {FILE}")
@pytest.mark.parametrize("name", ["pairnet", "fusionnet"])
def test_a_step_in_double_precision(name: str) -> None:
    case = np.load(FILE)
    model = copy.deepcopy(seeded_video_network(name == "fusionnet")).double().train()
    views = [_view(case, indices) for indices in case[f"{name}_batch"]]
    intrinsics = torch.from_numpy(case["K"]).double().expand(2, 3, 3)
    found: VideoLoss
    if name == "pairnet":
        first, second = views
        found = pair_loss(model, (first, second), intrinsics, tuple(case["pairnet_flip"]))
    else:
        found = sequence_loss(model, views, intrinsics)
    found.loss.backward()
    assert float(found.loss.detach()) == pytest.approx(float(case[f"{name}.loss_fp64"]), rel=EXACT)
    expected = case[f"{name}.meters_l1_huber_l1inv_l1rel"]
    for row, meter in enumerate(("absolute", "huber", "inverse", "relative")):
        assert sum(float(getattr(e, meter)) for e in found.errors) == pytest.approx(
            expected[row, 0], rel=1e-4
        )
        assert sum(int(e.pixels) for e in found.errors) == expected[row, 1]
    _compare_gradients(model, case, name)
    buffers = dict(model.named_buffers())
    for key, norm in zip(case[f"{name}.buffer_names"], case[f"{name}.buffer_norm"], strict=True):
        assert float(buffers[key].double().norm()) == pytest.approx(norm, rel=1e-3), key


def _view(case: np.lib.npyio.NpzFile, indices: np.ndarray) -> PosedBatch:
    images = torch.from_numpy(case["images"][indices]).permute(0, 3, 1, 2)
    # The reference normalised in single precision; these values come out of our normalisation as those did.
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (imagenet.MEAN, imagenet.STD))
    images = ((((images / 255 - mean) / std).double() * std.double()) + mean.double()) * 255
    depth = torch.from_numpy(case["depth_mm"][indices].astype(np.float32) / np.float32(1000)).double()
    return PosedBatch(images, depth, torch.from_numpy(case["poses"][indices]).double())


def _compare_gradients(model: torch.nn.Module, case: np.lib.npyio.NpzFile, name: str) -> None:
    expected = dict(zip(case[f"{name}.grad_names"], case[f"{name}.grad_norm_fp64"], strict=True))
    assert expected.keys() == {key for key, _ in model.named_parameters()}
    typical = np.median([norm for norm in expected.values() if norm >= 0])
    for key, parameter in model.named_parameters():
        norm = expected[key]
        if norm < 0:
            assert parameter.grad is None, key
        elif norm > 1e-3 * typical:
            assert parameter.grad is not None, key
            assert float(parameter.grad.norm()) == pytest.approx(norm, rel=EXACT), key


PLANES = Planes(farthest=0.05, step=0.0625, number=64)


def _frame(depth: torch.Tensor, other: torch.Tensor, metres: float = 0.5) -> Truth:
    """The truth of a frame beside that of a camera so far to the right; focal length 40 pixels."""
    move = torch.eye(4)[None].clone()
    move[:, 0, 3] = -metres
    k = torch.tensor([[[40.0, 0, 24], [0, 40, 16], [0, 0, 1]]])
    return truth_of_frame(depth, [(other, move)], k, PLANES, VideoTrainingConfig(hidden=0.5, edges=1.0))


def test_truth_of_a_frame_counts_in_quarters_of_a_plane_and_knows_what_is_hidden() -> None:
    wall = torch.full((1, 32, 48), 4.0)
    truth = _frame(wall, wall)  # 5 pixels to the left
    assert truth.disparity[0, 0, 16, 24] == pytest.approx(4 * (0.25 - 0.05) / 0.0625)
    assert not truth.seen[..., :5].any()  # outside the other view
    assert truth.seen[..., 5:].all()
    assert truth.weight[0, 0, 16, 2] == 0.5
    before = wall.clone()
    before[:, :, 10:20] = 1.0  # something near, in the other view alone
    assert not _frame(wall, before).seen[..., 15:25].any()
    assert _frame(wall, before).seen[..., 25:].all()


def test_truth_out_of_the_planes_and_unknown_truth_do_not_count() -> None:
    depth = torch.full((1, 32, 48), 4.0)
    depth[:, 0], depth[:, 1], depth[:, 2] = 0.0, 30.0, 0.2
    truth = _frame(depth, torch.full_like(depth, 4.0))
    assert (truth.weight[:, :, :3] == 0).all()
    assert not truth.valid[:, :, :3].any()
    assert truth.valid[:, :, 3:].all()


def test_the_lean_network_learns_one_clip() -> None:
    torch.manual_seed(0)
    config = VideoTrainingConfig(network={"widths": (8, 8, 8, 8), "matching_width": 8, "groups": 2})
    model = video_start(config).model
    assert isinstance(model, LeanVideo)
    clip = stacked([small_clip(3, 0, 64, 96)])
    views, k = clip.views(torch.device("cpu")), clip.intrinsics
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(15):
        found = lean_clip_loss(model, views, k, config)
        optimizer.zero_grad()
        found.loss.backward()
        optimizer.step()
        losses.append(float(found.loss.detach()))
    assert len(found.errors) == 2
    assert losses[-1] < 0.8 * losses[0]
    assert all(p.grad is not None for p in model.parameters())
