# SPDX-License-Identifier: Apache-2.0
"""The network and the plain methods on generated clips whose depth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from posed_scenes import small_clip, small_network, write_deepvideomvs

from foundation_stereo_ros.datasets.posed_layouts import open_posed_video
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.estimator import VideoEstimator
from foundation_stereo_ros.estimate.video.folder import VideoJob
from foundation_stereo_ros.estimate.video.keyframes import Keyframe
from foundation_stereo_ros.evaluate.depth_metrics import depth_errors
from foundation_stereo_ros.evaluate.plain_video import SIZE, best_plane, semi_global, shrunk
from foundation_stereo_ros.evaluate.video_job import METHODS, EvaluatedFrame, VideoEvaluation
from foundation_stereo_ros.geometry.camera import Camera

PLANE = 2.0


def sideways(metres: float, axis: int, depth: float = PLANE) -> tuple[np.ndarray, list[Keyframe], Camera]:
    """Return a textured wall at a depth, and a view of it from beside."""
    width, height = SIZE
    camera = Camera(width, height, fx=300.0, fy=300.0, cx=159.5, cy=127.5)
    random = np.random.default_rng(3)
    wall = random.uniform(0, 255, (height + 200, width + 200)).astype(np.float32)
    wall = (wall + np.roll(wall, 1, 0) + np.roll(wall, 1, 1)) / 3
    shift = round(300.0 * metres / depth)
    at = [100, 100]
    grey = wall[at[0] : at[0] + height, at[1] : at[1] + width]
    at[1 - axis] += shift
    other = wall[at[0] : at[0] + height, at[1] : at[1] + width]
    pose = np.eye(4)
    pose[axis, 3] = metres
    return grey, [Keyframe(pose, other.copy())], camera


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("metres", [0.12, -0.12])
def test_both_find_a_wall_from_any_side(axis: int, metres: float) -> None:
    grey, views, camera = sideways(metres, axis)
    for method, least in ((best_plane, 0.9), (semi_global, 0.4)):
        depth = method(grey, np.eye(4), views, camera)
        assert depth.shape == grey.shape
        known = np.isfinite(depth)
        assert known.mean() > least
        assert np.median(depth[known]) == pytest.approx(PLANE, rel=0.07)


def test_without_a_baseline_matching_finds_nothing() -> None:
    grey, views, camera = sideways(0.001, 0)
    assert np.isnan(semi_global(grey, np.eye(4), views, camera)).all()


def test_the_best_plane_is_near_the_truth_of_a_clip_with_its_poses_only() -> None:
    clip = small_clip(3, 0, 120, 160)
    found = []
    for poses in (clip.poses, [np.linalg.inv(pose) for pose in clip.poses]):
        others = zip(poses[1:], clip.images[1:], strict=True)
        views = [Keyframe(pose, shrunk(image)) for pose, image in others]
        depth = best_plane(shrunk(clip.images[0]), poses[0], views, clip.camera.scaled(*SIZE))
        found.append(depth_errors(depth, clip.depths[0], 15.0))
    right, wrong = found
    assert right.covered > 0.8
    assert right.within_1 > max(0.4, 2 * wrong.within_1)


def evaluated(
    folder: Path, every: int = 1, **settings: object
) -> tuple[VideoEvaluation, list[EvaluatedFrame | None]]:
    config = VideoSettings.from_mapping({"size": "64x96", "device": "cpu", **settings})
    job = VideoEvaluation(VideoEstimator(config, small_network()), every, 15.0)
    source = VideoJob(open_posed_video(folder), job.estimator)
    return job, list(job.evaluate("clip", source))


def test_all_methods_see_the_same_keyframes(tmp_path: Path) -> None:
    write_deepvideomvs(tmp_path, small_clip(), lost=(3,))
    job, frames = evaluated(tmp_path)
    assert [frame is not None for frame in frames] == [False, True, True, False, True, True]
    assert job.keyframes == {"clip": 5}
    for score in job.results:
        assert tuple(score.errors) == tuple(score.seconds) == METHODS
        assert all(seconds > 0 for seconds in score.seconds.values())
        assert score.errors["best plane"].within_1 > 0.25
    assert [score.name for score in evaluated(tmp_path, 2)[0].results] == ["00001", "00004"]


def test_scaled_poses_give_scaled_depth(tmp_path: Path) -> None:
    """With all lengths ten times as large, and the settings said so, nothing else changes."""
    write_deepvideomvs(tmp_path, small_clip(3))
    once = evaluated(tmp_path)[1]
    poses = np.loadtxt(tmp_path / "poses.txt").reshape(-1, 4, 4)
    poses[:, :3, 3] *= 10
    np.savetxt(tmp_path / "poses.txt", poses.reshape(-1, 16))
    tenfold = evaluated(tmp_path, range_scale=10.0)[1]
    for name in METHODS:
        small, large = (frames[2].depths[name] for frames in (once, tenfold) if frames[2])
        np.testing.assert_allclose(large, 10 * small, rtol=1e-3)


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    write_deepvideomvs(tmp_path, small_clip())
    (tmp_path / "images" / "00002.png").write_bytes(b"no image")
    (tmp_path / "depth" / "00004.png").write_bytes(b"no image")
    (tmp_path / "depth" / "00003.png").unlink()
    job, _ = evaluated(tmp_path)
    assert [score.name for score in job.results] == ["00001", "00005"]
    assert [failure.name for failure in job.failed] == ["clip/00002", "clip/00004"]
    assert "00004.png" in job.failed[1].reason
