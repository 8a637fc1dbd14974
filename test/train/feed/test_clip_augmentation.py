# SPDX-License-Identifier: Apache-2.0
"""Changed clips: depth, poses and intrinsics still take one frame's pixels onto the next one's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.geometry.poses import check_pose, motion
from foundation_stereo_ros.scenes.moving.worlds import MovingClip, MovingConfig, MovingScenes
from foundation_stereo_ros.train.feed.clip_augmentation import (
    ClipAugmentation,
    augment_clip,
    mirrored,
    turned,
)
from foundation_stereo_ros.train.feed.clips import ClipSteps
from foundation_stereo_ros.train.video_config import VideoTrainingConfig

PUBLISHED = {"gamma": 0.2, "contrast": 0.2, "brightness": 0.03, "scale": 1.5}


def clip(seed: int, height: int, width: int) -> MovingClip:
    config = MovingConfig(step_low=0.1, step_high=0.2, bare=0.0, outdoors=0.0)
    return MovingScenes(config).clip(seed, 2, height, width)


def warp(changed: MovingClip) -> tuple[float, float, float]:
    """Bring the second frame onto the first one by the truth.

    Returns:
        The mean difference of the colours, of 255; the median difference of the depths, relative; the share
        of the pixels that were compared.
    """
    (image, second), (depth, other), (pose, after) = changed.images, changed.depths, changed.poses
    k, move = changed.camera.matrix, motion(pose, after)
    rows, columns = np.mgrid[: depth.shape[0], : depth.shape[1]]
    rays = np.linalg.inv(k) @ np.stack([columns, rows, np.ones_like(rows)]).reshape(3, -1)
    there = move[:3, :3] @ (rays * depth.reshape(1, -1)) + move[:3, 3:]
    u, v = ((k @ there)[:2] / there[2]).reshape(2, *depth.shape).astype(np.float32)
    found = cv2.remap(second, u, v, cv2.INTER_LINEAR)
    seen = cv2.remap(other, u, v, cv2.INTER_NEAREST)
    expected = there[2].reshape(depth.shape)
    inside = (
        (u >= 0)
        & (u <= depth.shape[1] - 1)
        & (v >= 0)
        & (v <= depth.shape[0] - 1)
        & (expected > 0)
        & (seen > 0)
    )
    apart = np.abs(seen / expected - 1)
    same = inside & (apart < 0.05)  # not what is hidden
    colours = np.abs(found[same].astype(float) - image[same])
    return float(colours.mean()), float(np.median(apart[inside])), float(same.mean())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 40),
    shape=st.sampled_from([(64, 64), (64, 96)]),
    mirror=st.sampled_from([0.0, 1.0]),
    turn=st.sampled_from([0.0, 1.0]),
    chance=st.integers(0, 1000),
)
def test_one_frame_falls_onto_the_other_as_before(
    seed: int, shape: tuple[int, int], mirror: float, turn: float, chance: int
) -> None:
    plain = clip(seed, *shape)
    config = ClipAugmentation(**PUBLISHED, mirror=mirror, turn=turn)
    changed = augment_clip(plain, config, np.random.default_rng(chance))
    colours, depths, share = warp(plain)
    after = warp(changed)
    assert after[1] == pytest.approx(depths, abs=2e-3)
    assert after[2] == pytest.approx(share, abs=0.03)
    assert after[0] < 1.7 * colours + 1.0
    for pose in changed.poses:
        check_pose(pose)
    assert {image.shape for image in changed.images} == {(*shape, 3)}
    assert (changed.camera.height, changed.camera.width) == shape


@pytest.mark.parametrize("change", [mirrored, lambda clip: turned(clip, 2)])
def test_a_wrong_pose_would_be_seen(change: Callable[[MovingClip], MovingClip]) -> None:
    """The property can fail: where the images alone are changed, the truth leads elsewhere."""
    right = wrong = 0.0
    for seed in range(8):
        plain = clip(seed, 64, 96)
        changed = change(plain)
        right += warp(changed)[0]
        found = warp(replace(changed, poses=plain.poses))
        wrong += found[0] if found[2] else 255.0  # not a single pixel falls onto its depth
    assert wrong > 1.5 * right


def test_mirrored_twice_and_turned_by_four_quarters_is_the_same() -> None:
    plain = clip(1, 64, 96)
    for again in (mirrored(mirrored(plain)), turned(turned(plain, 1), 3), turned(turned(plain, 2), 2)):
        np.testing.assert_array_equal(again.images[1], plain.images[1])
        np.testing.assert_allclose(again.poses[1], plain.poses[1], atol=1e-12)
        np.testing.assert_allclose(again.camera.matrix, plain.camera.matrix)


def test_scale_goes_with_depths_and_translations_alike_within_the_published_bounds() -> None:
    plain = clip(2, 64, 64)
    factors = []
    for seed in range(200):
        changed = augment_clip(plain, ClipAugmentation(scale=1.5), np.random.default_rng(seed))
        np.testing.assert_array_equal(changed.images[0], plain.images[0])
        factor = float(changed.depths[0].max() / plain.depths[0].max())
        np.testing.assert_allclose(changed.poses[1][:3, 3], factor * plain.poses[1][:3, 3], rtol=1e-5)
        np.testing.assert_allclose(changed.poses[1][:3, :3], plain.poses[1][:3, :3])
        assert min(d[d > 0].min() for d in changed.depths) >= 0.25 - 1e-6
        factors.append(factor)
    assert 1 / 1.5 <= min(factors) < 0.75 and 1.35 < max(factors) <= 1.5
    assert 0.6 < np.mean([0.8 <= factor <= 1.25 for factor in factors]) < 0.95


def test_colours_change_alike_in_all_frames_but_for_flicker() -> None:
    plain = MovingClip(
        [np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)] * 2,
        [np.ones((16, 16), np.float32)] * 2,
        [np.eye(4)] * 2,
        clip(0, 32, 32).camera,
    )
    steady = augment_clip(
        plain, ClipAugmentation(gamma=0.2, contrast=0.2, brightness=0.03), np.random.default_rng(5)
    )
    np.testing.assert_array_equal(steady.images[0], steady.images[1])
    assert not np.array_equal(steady.images[0], plain.images[0])
    flickers = augment_clip(plain, ClipAugmentation(flicker=0.05), np.random.default_rng(5))
    ratio = flickers.images[1][8:, :, 0].astype(float) / plain.images[1][8:, :, 0]
    assert ratio.min() > 0.94 and ratio.max() < 1.06
    assert not np.array_equal(flickers.images[0], flickers.images[1])
    dark = MovingClip([image // 8 for image in plain.images], plain.depths, plain.poses, plain.camera)
    same = augment_clip(dark, ClipAugmentation(gamma=0.2, flicker=0.1), np.random.default_rng(5))
    np.testing.assert_array_equal(same.images[0], dark.images[0])


def test_the_defaults_change_nothing_and_a_run_has_its_own_changes() -> None:
    plain = clip(0, 32, 32)
    same = augment_clip(plain, ClipAugmentation(), np.random.default_rng(0))
    np.testing.assert_array_equal(same.images[1], plain.images[1])
    np.testing.assert_array_equal(same.depths[1], plain.depths[1])
    values = {"height": 32, "width": 32, "batch": 1, "views": 2, "augmentation": {"mirror": 1.0}}
    config = VideoTrainingConfig.from_dict(values)
    found = ClipSteps(config, 0)[0]
    base = ClipSteps(VideoTrainingConfig.from_dict({**values, "augmentation": {}}), 0)[0]
    assert (found.images == base.images.flip(3)).all()
    for wrong in ({"gamma": 1.0}, {"scale": 0.5}, {"turn": 2.0}, {"roll": 1}):
        with pytest.raises(ConfigError, match="expected"):
            VideoTrainingConfig.from_dict({"augmentation": wrong})
