# SPDX-License-Identifier: Apache-2.0
"""Clips of a moving camera: depth and poses take one view's pixels onto the next one's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.depth import points_from_depth
from foundation_stereo_ros.geometry.poses import check_pose, motion, pose_distance
from foundation_stereo_ros.scenes.moving.surfaces import Surface, see
from foundation_stereo_ros.scenes.moving.worlds import MovingConfig, MovingScenes

SIZE = (96, 128)


def test_a_clip_follows_from_its_seed() -> None:
    scenes = MovingScenes()
    first, again, other = (scenes.clip(seed, 2, *SIZE) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.images[1], again.images[1])
    np.testing.assert_array_equal(first.depths[1], again.depths[1])
    assert not np.array_equal(first.images[0], other.images[0])


@pytest.mark.parametrize("seed", range(6))
def test_steps_are_as_long_as_asked_and_nothing_is_too_near(seed: int) -> None:
    config = MovingConfig()
    clip = MovingScenes(config).clip(seed, 4, *SIZE)
    for depth, pose in zip(clip.depths, clip.poses, strict=True):
        check_pose(pose)
        assert (depth > 0).mean() > 0.99
    for depth in clip.depths[1:]:
        assert np.percentile(depth, 5) > 0.8 * config.clearance
    for before, after in zip(clip.poses[:-1], clip.poses[1:], strict=True):
        step = pose_distance(before, after).combined
        assert step == 0 or 0.95 * config.step_low <= step <= 1.05 * config.step_high


@pytest.mark.parametrize("seed", range(4))
def test_depth_and_poses_bring_the_views_together(seed: int) -> None:
    """Each pixel's point, seen by the next camera, has the depth that the next view shows there."""
    clip = MovingScenes().clip(seed, 2, *SIZE)
    points = points_from_depth(clip.depths[0], clip.camera).reshape(-1, 3).astype(np.float64)
    move = motion(clip.poses[0], clip.poses[1])
    there = points @ move[:3, :3].T + move[:3, 3]
    camera = clip.camera
    u = camera.fx * there[:, 0] / there[:, 2] + camera.cx
    v = camera.fy * there[:, 1] / there[:, 2] + camera.cy
    inside = (there[:, 2] > 0) & (u > 0) & (u < SIZE[1] - 1) & (v > 0) & (v < SIZE[0] - 1)
    seen = cv2.remap(
        clip.depths[1], u.astype(np.float32)[None], v.astype(np.float32)[None], cv2.INTER_NEAREST
    )[0]
    error = np.abs(seen - there[:, 2])[inside] / there[inside, 2]
    assert inside.mean() > 0.3
    assert np.median(error) < 0.01
    assert (error < 0.05).mean() > 0.75  # the others are hidden there, or at an edge


def test_poses_are_as_inexact_as_asked() -> None:
    exact = MovingScenes(MovingConfig()).clip(3, 8, 32, 32)
    told = MovingScenes(MovingConfig(rotation_noise=0.5, translation_noise=0.01)).clip(3, 8, 32, 32)
    np.testing.assert_array_equal(np.stack(told.images), np.stack(exact.images))
    moves = [np.linalg.inv(a) @ b for a, b in zip(exact.poses, told.poses, strict=True)]
    degrees = [np.degrees(np.arccos(np.clip((np.trace(m[:3, :3]) - 1) / 2, -1, 1))) for m in moves]
    metres = [np.linalg.norm(m[:3, 3]) for m in moves]
    assert 0.4 < np.mean(degrees) < 1.4  # 0.5 times 1.6 in three axes
    assert 0.008 < np.mean(metres) < 0.028


def test_a_picture_stands_where_it_was_put() -> None:
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[:5, :10] = (255, 0, 0)
    wall = Surface.of((-1, -0.5, 2), (2, 0, 0), (0, 1, 0), picture)
    image, depth = see([wall], Camera(81, 41, 40, 40, 40, 20), np.eye(4))
    assert depth[20, 40] == pytest.approx(2)
    assert (depth[:, 18] == 0).all()  # left of its left side, at column 40 - 40 * 1 / 2
    assert (depth[20, 21:60] > 0).all()
    assert image[15, 30].tolist() == [255, 0, 0]
    assert image[15, 50].tolist() == [0, 0, 0]
    assert image[25, 30].tolist() == [0, 0, 0]


def test_of_two_surfaces_the_nearer_one_is_seen() -> None:
    near, far = (np.full((8, 8, 3), value, np.uint8) for value in (200, 50))
    walls = [
        Surface.of((-1, -1, 3), (2, 0, 0), (0, 2, 0), far),
        Surface.of((0, -1, 1), (1, 0, 0), (0, 2, 0), near),
    ]
    for order in (walls, walls[::-1]):
        image, depth = see(order, Camera(64, 48, 60, 60, 31.5, 23.5), np.eye(4))
        assert image[24, 40, 0] == 200
        assert depth[24, 40] == pytest.approx(1)
        assert image[24, 25, 0] == 50


def test_a_wrong_range_is_named() -> None:
    with pytest.raises(ConfigError, match=r"moving step_high is 0\.01; expected no less than step_low"):
        MovingConfig(step_high=0.01)
