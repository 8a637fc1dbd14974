# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from foundation_stereo_ros.nets.parts.cost_volume import groupwise_correlation
from foundation_stereo_ros.nets.video.lean.sweep import (
    Descriptors,
    PlaneMatcher,
    Planes,
    Seen,
    as_channel,
    expected,
    group_sweep,
    seen_by_views,
    unit_groups,
)

FOCAL, HEIGHT, WIDTH = 40.0, 12, 20
PLANES = Planes(farthest=0.05, step=0.1, number=16)


def intrinsics(focal: float = FOCAL) -> torch.Tensor:
    return torch.tensor([[[focal, 0.0, 9.0], [0.0, focal, 5.0], [0.0, 0.0, 1.0]]])


def to_the_right(metres: float) -> torch.Tensor:
    """A camera so far to the right sees points so far to the left."""
    move = torch.eye(4)[None].clone()
    move[:, 0, 3] = -metres
    return move


def random_move(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    axis = 0.05 * torch.randn(3, generator=generator)
    skew = torch.tensor([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    move = torch.eye(4)
    move[:3, :3] = torch.matrix_exp(skew)
    move[:3, 3] = 0.2 * torch.randn(3, generator=generator)
    return move[None]


def descriptors(seed: int, channels: int = 12, groups: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return unit_groups(torch.randn(1, channels, HEIGHT, WIDTH, generator=generator), groups)


def test_to_the_side_planes_are_disparities() -> None:
    """With a pixel of disparity from plane to plane the sweep is the stereo network's volume."""
    ours, theirs = descriptors(0), descriptors(1)
    planes = Planes(farthest=0.0, step=0.1, number=8)
    volume = group_sweep(ours, [(theirs, to_the_right(0.25))], intrinsics(), planes, 3)
    torch.testing.assert_close(volume, groupwise_correlation(ours, theirs, 8, 3), atol=1e-4, rtol=0)


def test_it_agrees_with_a_lookup_plane_by_plane_and_counts_only_views_that_see() -> None:
    ours, others = descriptors(0), [(descriptors(1), random_move(1)), (descriptors(2), random_move(2))]
    volume = group_sweep(ours, others, intrinsics(), PLANES, 3)
    v, u = torch.meshgrid(torch.arange(HEIGHT * 1.0), torch.arange(WIDTH * 1.0), indexing="ij")
    k = intrinsics()[0]
    rays = torch.linalg.inv(k) @ torch.stack([u, v, torch.ones_like(u)]).flatten(1)
    for plane in range(PLANES.number):
        total, count = torch.zeros(3, HEIGHT, WIDTH), torch.zeros(HEIGHT, WIDTH)
        for theirs, move in others:
            points = rays / (PLANES.farthest + plane * PLANES.step)
            x, y, z = k @ (move[0, :3, :3] @ points + move[0, :3, 3:])
            grid = torch.stack([2 * x / z / (WIDTH - 1) - 1, 2 * y / z / (HEIGHT - 1) - 1], -1)
            inside = ((grid.abs() <= 1).all(-1) & (z > 0)).view(HEIGHT, WIDTH)
            warped = F.grid_sample(theirs, grid.view(1, HEIGHT, WIDTH, 2), align_corners=True)[0]
            total += (warped * ours[0]).unflatten(0, (3, 4)).sum(1) * inside
            count += inside
        expected_volume = total / count.clamp(min=1)
        torch.testing.assert_close(volume[0, ..., plane], expected_volume, atol=1e-4, rtol=0)
    assert (count < 2).any()


def test_images_of_a_batch_do_not_mix() -> None:
    ours, theirs = (torch.cat([descriptors(a), descriptors(b)]) for a, b in ((0, 1), (2, 3)))
    move = torch.cat([random_move(1), random_move(2)])
    both = group_sweep(ours, [(theirs, move)], intrinsics().expand(2, 3, 3), PLANES, 3)
    for i in range(2):
        alone = group_sweep(ours[i : i + 1], [(theirs[i : i + 1], move[i : i + 1])], intrinsics(), PLANES, 3)
        torch.testing.assert_close(both[i : i + 1], alone)


def test_what_lies_behind_the_other_camera_is_not_seen() -> None:
    move = torch.eye(4)[None].clone()
    move[:, 2, 3] = -5.0  # five metres ahead
    near = torch.full((1, HEIGHT, WIDTH), 15.0)  # at 0.65 m
    far = torch.zeros(1, HEIGHT, WIDTH)  # at 20 m
    views = [(Descriptors(descriptors(0), descriptors(0)), move)]
    assert not seen_by_views(near, views, intrinsics(), PLANES).any()
    assert seen_by_views(far, views, intrinsics(), PLANES)[0, 5, 9] == 1
    volume = group_sweep(descriptors(0), [(descriptors(0), move)], intrinsics(), PLANES, 3)
    assert (volume[..., 15] == 0).all()


def test_the_matcher_at_half_the_size_finds_the_same_cosines() -> None:
    ours, theirs, move = descriptors(0, groups=1), descriptors(1, groups=1), random_move(3)
    volume = group_sweep(ours, [(theirs, move)], intrinsics(), PLANES, 1)[:, 0]  # b h w d
    own, other = Descriptors(ours, ours), Descriptors(theirs, theirs)
    image = intrinsics()
    image[:, :2] *= 2
    matcher = PlaneMatcher(own, [(other, move)], image, PLANES)
    places = 2.0 * torch.arange(PLANES.number).view(1, -1, 1, 1).expand(1, -1, HEIGHT, WIDTH)
    torch.testing.assert_close(matcher.at(places), volume.permute(0, 3, 1, 2), atol=1e-5, rtol=0)
    around = matcher.around(torch.full((1, 1, HEIGHT, WIDTH), 8.0), 2)
    torch.testing.assert_close(around[:, ::2], volume[..., 3:6].permute(0, 3, 1, 2), atol=1e-5, rtol=0)


def test_gradients_reach_the_reference_view_alone() -> None:
    ours, theirs = descriptors(0).requires_grad_(), descriptors(1).requires_grad_()
    group_sweep(ours, [(theirs, random_move(1))], intrinsics(), PLANES, 3).square().sum().backward()
    assert ours.grad is not None
    assert ours.grad.abs().sum() > 0
    assert theirs.grad is None


def test_what_was_found_stands_where_it_is_in_the_next_view() -> None:
    place = torch.full((1, HEIGHT, WIDTH), 1.5)
    certainty = torch.full((1, HEIGHT, WIDTH), 0.5)
    place[0, 5, 10], certainty[0, 5, 10] = 9.5, 1.0  # 1 m away: 2 pixels to the left by 0.05 m
    seen = expected(Seen(place, certainty), to_the_right(0.05), intrinsics(), PLANES)
    assert seen.place[0, 5, 8] == pytest.approx(9.5, abs=1e-3)  # before the wall that is there as well
    assert seen.certainty[0, 5, 8] == 1
    assert seen.place[0, 5, 3] == pytest.approx(1.5, abs=1e-3)
    assert seen.certainty[0, 5, 10] == 0  # nothing is known of what it hid


def test_its_depth_changes_with_the_way_ahead() -> None:
    move = torch.eye(4)[None].clone()
    move[:, 2, 3] = -1.0
    place = torch.full((1, HEIGHT, WIDTH), 4.5)  # 2 m
    seen = expected(Seen(place, torch.ones_like(place)), move, intrinsics(), PLANES)
    assert seen.place[0, 5, 9] == pytest.approx(9.5, abs=1e-3)  # 1 m


def test_its_channel_is_a_bell() -> None:
    seen = Seen(torch.full((1, 1, 1), 3.0), torch.full((1, 1, 1), 0.5))
    found = as_channel(seen, 8)
    assert found.shape == (1, 1, 1, 1, 8)
    assert found.flatten().argmax() == 3
    assert found.max() == 0.5
    assert (as_channel(seen._replace(certainty=torch.zeros(1, 1, 1)), 8) == 0).all()
