# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from posed_scenes import small_clip, write_deepvideomvs

from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.geometry.poses import pose_distance
from foundation_stereo_ros.scenes.moving.worlds import MovingConfig
from foundation_stereo_ros.train.feed.clips import ClipSteps
from foundation_stereo_ros.train.feed.posed_clips import PosedClips
from foundation_stereo_ros.train.video_config import VideoTrainingConfig

STEPS = MovingConfig(step_low=0.1, step_high=0.5)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    write_deepvideomvs(tmp_path, small_clip(), lost=(4,))
    return str(tmp_path)


def test_a_clip_is_of_the_folder_and_of_the_size_asked_for(folder: str) -> None:
    clips, whole = PosedClips([folder], STEPS), small_clip()
    clip = clips.clip(7, 2, 48, 64)
    assert [image.shape for image in clip.images] == [(48, 64, 3)] * 2
    assert clip.camera.fx == pytest.approx(whole.camera.fx / 2)
    for depth, pose in zip(clip.depths, clip.poses, strict=True):
        number = next(i for i, known in enumerate(whole.poses) if np.allclose(known, pose, atol=1e-6))
        assert number != 4  # it has no pose
        assert np.median(depth[depth > 0]) == pytest.approx(np.median(whole.depths[number]), rel=0.02)
    again = clips.clip(7, 2, 48, 64)
    np.testing.assert_array_equal(again.images[1], clip.images[1])
    assert 0.1 <= pose_distance(*clip.poses).combined <= 0.5
    starts = {clips.clip(seed, 2, 48, 64).poses[0].tobytes() for seed in range(20)}
    assert len(starts) > 1


def test_folders_that_give_no_clip_are_named(folder: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"no 5 frames in a row that are 0\.1 to 0\.5 apart"):
        PosedClips([folder], STEPS).clip(0, 5, 48, 64)
    for file in (tmp_path / "depth").iterdir():
        file.unlink()
    with pytest.raises(FileFormatError, match="has 0 frames with a pose and depth"):
        PosedClips([folder], STEPS)
    with pytest.raises(ConfigError, match=r"folder_share is 0\.5; expected 0 without folders"):
        VideoTrainingConfig(folder_share=0.5)


def test_a_run_mixes_them_with_generated_ones(folder: str) -> None:
    config = VideoTrainingConfig(
        folders=[folder], folder_share=0.5, views=2, height=32, width=32, batch=8, scenes=STEPS
    )
    clips = ClipSteps(config, 0)[0]
    focal = small_clip().camera.scaled(32, 32).fx
    share = np.isclose(clips.intrinsics[:, 0, 0].numpy(), focal).mean()
    assert 0 < share < 1


def test_published_samples_are_drawn_in_both_orders(tmp_path: Path) -> None:
    write_deepvideomvs(tmp_path, small_clip(16))
    clips, whole = PosedClips([str(tmp_path)], STEPS, published=True), small_clip(16)
    orders = set()
    for seed in range(12):
        clip = clips.clip(seed, 2, 48, 64)
        one, other = (
            next(i for i, known in enumerate(whole.poses) if np.allclose(known, pose, atol=1e-6))
            for pose in clip.poses
        )
        assert pose_distance(*clip.poses).translation >= 0.05
        orders.add(one < other)
    assert orders == {True, False}
    with pytest.raises(FileFormatError, match="no 17 frames that are as far apart as published"):
        clips.clip(0, 17, 48, 64)
