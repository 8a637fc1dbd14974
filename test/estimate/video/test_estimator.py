# SPDX-License-Identifier: Apache-2.0
"""Depth from posed video: the published sequence, what is computed once, and what makes it begin anew."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from posed_scenes import small_clip, small_network
from seeded_network import REFERENCE
from seeded_video import seeded_video_network

from foundation_stereo_ros.errors import ConfigError, ImageError, PoseError
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.estimate.video.keyframes import Decision
from foundation_stereo_ros.geometry.camera import Camera

FOLDER = REFERENCE / "dvmvs"
LOST = np.full((4, 4), np.nan)


def _estimator(recurrent: bool = False, **settings: object) -> VideoEstimator:
    config = VideoSettings.from_mapping({"size": "64x96", "device": "cpu", **settings})
    return VideoEstimator(config, copy.deepcopy(small_network(recurrent)))


def _frames() -> list[PosedImage]:
    clip = small_clip()
    return [PosedImage(image, clip.camera, pose) for image, pose in zip(clip.images, clip.poses, strict=True)]


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no reference outputs in {FOLDER}")
@pytest.mark.parametrize("name", ["pairnet", "fusionnet"])
def test_a_video_comes_out_as_published(name: str) -> None:
    scene, case = np.load(FOLDER / "scene.npz"), np.load(FOLDER / f"{name}.npz")
    k, (height, width) = scene["K"], scene["images"].shape[1:3]
    camera = Camera(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
    settings = VideoSettings(grid="network", remove_invisible=False, device="cpu", z_near=0.001)
    estimator = VideoEstimator(settings, copy.deepcopy(seeded_video_network(name == "fusionnet")))
    predicted = []
    for number, (image, pose) in enumerate(zip(scene["images"], scene["poses"], strict=True)):
        prediction = estimator.step(PosedImage(image, camera, pose))
        assert estimator.decision == scene["response"][number]
        if prediction is not None:
            predicted.append(number)
            error = np.abs(prediction.depth - case[f"f{number}.depth_full"])
            assert error.max() < 5e-3
            assert error.mean() < 3e-4
            assert prediction.camera.fx == pytest.approx(float(case["full_K"][0, 0]), rel=1e-6)
    assert predicted == case["frames"].tolist()


def test_each_image_passes_the_trunk_once() -> None:
    estimator, calls = _estimator(), []
    estimator._model.feature_extractor.register_forward_hook(lambda *_: calls.append(1))
    predictions = [estimator.step(frame) for frame in _frames()]
    assert [p is None for p in predictions] == [True] + 5 * [False]
    assert len(calls) == 6


def test_outputs_have_the_grid_of_the_camera_or_of_the_network() -> None:
    for grid, size in (("camera", (96, 128)), ("network", (64, 96))):
        estimator = _estimator(grid=grid)
        first, second, *_ = _frames()
        estimator.step(first)
        prediction = estimator.step(second)
        assert prediction is not None
        assert prediction.depth.shape == prediction.image.shape[:2] == size
        assert (prediction.camera.height, prediction.camera.width) == size
        assert prediction.match is None


def test_points_that_no_keyframe_saw_are_invalid() -> None:
    first, second, *_ = _frames()
    shares = {}
    for remove in (True, False):
        estimator = _estimator(remove_invisible=remove)
        estimator.step(first)
        aside = second.pose.copy()
        aside[:3] = first.pose[:3]
        aside[:3, 3] += 0.5 * first.pose[:3, 0]  # half a metre to the right: a strip at the right is new
        prediction = estimator.step(second._replace(pose=aside))
        assert prediction is not None
        shares[remove] = prediction.valid
    assert shares[False].all()
    assert not shares[True][:, -1].any()
    assert shares[True].any()


@pytest.mark.parametrize("recurrent", [False, True])
def test_what_was_remembered_is_forgotten_on_reset(recurrent: bool) -> None:
    estimator, frames = _estimator(recurrent), _frames()
    fresh = [estimator.step(frame) for frame in frames[:4]]
    estimator.reset()
    again = [estimator.step(frame) for frame in frames[:4]]
    for one, other in zip(fresh[1:], again[1:], strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one.depth, other.depth)


def test_the_31st_frame_without_a_pose_loses_everything() -> None:
    estimator, frames = _estimator(), _frames()
    for frame in frames[:3]:
        estimator.step(frame)
    for _ in range(30):
        assert estimator.step(frames[3]._replace(pose=LOST)) is None
        assert (estimator.decision, estimator.event) == (Decision.NO_POSE, "")
    estimator.step(frames[3]._replace(pose=LOST))
    assert estimator.decision == Decision.LOST
    assert estimator.event == "31 frames in a row have no pose: earlier frames are forgotten"
    assert estimator.step(frames[4]) is None
    assert estimator.decision == Decision.FIRST


def test_a_jump_of_the_pose_and_another_camera_begin_anew() -> None:
    estimator, frames = _estimator(), _frames()
    estimator.step(frames[0])
    far = frames[1].pose.copy()
    far[:3, 3] += (1.5, 0, 0)
    assert estimator.step(frames[1]._replace(pose=far)) is None
    assert estimator.event.startswith("the pose jumped by 1.")
    assert estimator.decision == Decision.FIRST
    other = Camera(128, 96, 100, 100, 64, 48)
    assert estimator.step(frames[1]._replace(pose=far, camera=other)) is None
    assert estimator.event == "the camera changed: earlier frames are forgotten"


def test_frames_between_keyframes_are_predicted_on_request_and_leave_no_trace() -> None:
    frames = _frames()
    near = frames[2].pose.copy()
    near[:3, 3] += (0.03, 0, 0)
    between = frames[2]._replace(pose=near)
    plain, busy = _estimator(True), _estimator(True, every_frame=True)
    for frame in frames[:3]:
        plain.step(frame)
        busy.step(frame)
    assert plain.step(between) is None
    extra = busy.step(between)
    assert extra is not None
    assert busy.decision == Decision.TOO_NEAR
    one, other = plain.step(frames[3]), busy.step(frames[3])
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.depth, other.depth)


def test_a_turn_on_the_spot_is_told() -> None:
    estimator, frames = _estimator(), _frames()
    estimator.step(frames[0])
    turned = frames[0].pose.copy()
    c, s = np.cos(0.2), np.sin(0.2)
    turned[:3, :3] = turned[:3, :3] @ np.array(((c, 0, s), (0, 1, 0), (-s, 0, c)))
    prediction = estimator.step(frames[1]._replace(pose=turned))
    assert prediction is not None
    assert prediction.note == "the camera moved by 0 mm only: this depth is a guess from one image"


def test_a_scene_four_times_as_large_has_four_times_the_depth() -> None:
    frames, depths = _frames(), []
    for scale in (1.0, 4.0):
        estimator = _estimator(range_scale=scale, z_far=1000.0, remove_invisible=False)
        pose = [frame.pose.copy() for frame in frames[:2]]
        for matrix in pose:
            matrix[:3, 3] *= scale
        estimator.step(frames[0]._replace(pose=pose[0]))
        prediction = estimator.step(frames[1]._replace(pose=pose[1]))
        assert prediction is not None
        depths.append(prediction.depth)
    np.testing.assert_allclose(depths[1], 4 * depths[0], rtol=1e-4)


def test_bad_frames_are_refused_and_the_video_goes_on() -> None:
    estimator, frames = _estimator(), _frames()
    estimator.step(frames[0])
    scaled = frames[1].pose.copy()
    scaled[:3, :3] *= 2
    with pytest.raises(PoseError, match="expected a rotation"):
        estimator.step(frames[1]._replace(pose=scaled))
    with pytest.raises(ImageError, match="image is 128 x 48 pixels; expected the camera's 128 x 96"):
        estimator.step(frames[1]._replace(image=frames[1].image[:48]))
    assert estimator.step(frames[1]) is not None


@pytest.mark.parametrize("size", ["250x320", "256", "0x320", "256x"])
def test_a_size_that_the_network_cannot_take_is_named(size: str) -> None:
    with pytest.raises(ConfigError, match=f"size is '{size}'; expected height x width in multiples of 32"):
        VideoSettings(size=size)


def test_a_jump_is_noticed_by_poses_alone() -> None:
    estimator, frames = _estimator(), _frames()
    for frame in frames[:2]:
        estimator.step(frame)
    estimator.pass_over(frames[2].pose)
    assert (estimator.event, estimator.decision) == ("", Decision.KEYFRAME)
    far = frames[2].pose.copy()
    far[0, 3] += 3
    estimator.pass_over(far)
    assert estimator.event.startswith("the pose jumped by 3.0")
    estimator.step(frames[3])
    assert estimator.event.startswith("the pose jumped by")
    assert estimator.decision is Decision.FIRST  # what was passed over is no keyframe


def test_frames_that_are_passed_over_change_no_depth() -> None:
    frames = _frames()
    estimator, other = _estimator(recurrent=True), _estimator(recurrent=True)
    taken = [estimator.step(frame) for frame in frames[::2]]
    with_others = []
    for number, frame in enumerate(frames):
        if number % 2:
            other.pass_over(frame.pose)
        else:
            with_others.append(other.step(frame))
    assert taken[1] is not None and with_others[1] is not None
    np.testing.assert_array_equal(taken[1].depth, with_others[1].depth)
    np.testing.assert_array_equal(taken[2].depth, with_others[2].depth)  # type: ignore[union-attr]


def test_a_loss_is_noticed_by_poses_alone() -> None:
    estimator, frames = _estimator(lost_after=2), _frames()
    estimator.step(frames[0])
    for _ in range(3):
        estimator.pass_over(LOST)
    assert estimator.event == "3 frames in a row have no pose: earlier frames are forgotten"
