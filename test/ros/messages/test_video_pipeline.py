# SPDX-License-Identifier: Apache-2.0
"""Messages of one camera through the real estimator with a tiny network."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from posed_recordings import START, image_stamps, images
from posed_scenes import small_clip, small_network

from foundation_stereo_ros.errors import CalibrationError, PoseError
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.estimate.video.undistortion import Undistortion
from foundation_stereo_ros.geometry.poses import pose_from_quaternion
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info
from foundation_stereo_ros.ros.messages.cdr import COMPRESSED_IMAGE, IMAGE, message_types, typestore
from foundation_stereo_ros.ros.messages.stamps import header_of
from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline

CLIP = small_clip()
SENT = [one.message for one in images(CLIP) if one.msgtype == IMAGE]
INFO = images(CLIP)[0].message


def estimator() -> VideoEstimator:
    return VideoEstimator(VideoSettings(device="cpu", size="64x96"), small_network())


def info(**fields: Any) -> Any:
    """Return a camera_info of the clip with other numbers in some fields."""
    values = {name: getattr(INFO, name) for name in INFO.__dataclass_fields__ if name != "__msgtype__"}
    return type(INFO)(**{**values, **fields})


def second(pipeline: VideoPipeline, camera_info: Any) -> Prediction:
    assert pipeline.process(SENT[0], camera_info, CLIP.poses[0]) is None
    made = pipeline.process(SENT[1], camera_info, CLIP.poses[1])
    assert made is not None
    return made


def test_it_gives_what_the_estimator_gives() -> None:
    expected = estimator()
    expected.step(PosedImage(CLIP.images[0], CLIP.camera, CLIP.poses[0]))
    depth = expected.step(PosedImage(CLIP.images[1], CLIP.camera, CLIP.poses[1])).depth
    made = second(VideoPipeline(estimator()), INFO)
    np.testing.assert_array_equal(made.depth, depth)
    assert list(made.seconds)[:2] == ["decode", "undistort"]
    messages = VideoPipeline(estimator()).outputs(made, header_of(message_types(), START), message_types())
    assert list(messages) == ["depth/image_rect", "depth/camera_info", "points2"]  # and no disparity


def test_compressed_images_are_images() -> None:
    types: dict[str, Any] = dict(typestore().types)
    pipeline = VideoPipeline(estimator())
    for stamp, image, pose in zip(image_stamps(CLIP)[:2], CLIP.images, CLIP.poses, strict=False):
        data = cv2.imencode(".png", image[..., ::-1])[1]
        message = types[COMPRESSED_IMAGE](
            header_of(message_types(), stamp), "rgb8; png compressed bgr8", data
        )
        made = pipeline.process(message, INFO, pose)
    np.testing.assert_array_equal(made.depth, second(VideoPipeline(estimator()), INFO).depth)


def test_distortion_is_taken_off_raw_images_by_k_and_rectified_ones_have_p() -> None:
    p = np.array(INFO.p).reshape(3, 4) * ((0.9,), (0.9,), (1.0,))
    bent = info(d=np.array((-0.2, 0.05, 0.0, 0.0, 0.0)), p=p.ravel())
    raw = second(VideoPipeline(estimator()), bent)
    height, width = CLIP.images[0].shape[:2]
    undistorted = Undistortion(decode_camera_info(bent), (width, height))
    np.testing.assert_array_equal(raw.image, undistorted(CLIP.images[1]))
    assert raw.camera == CLIP.camera
    assert (raw.image != CLIP.images[1]).any()
    rectified = second(VideoPipeline(estimator(), rectified=True), bent)
    np.testing.assert_array_equal(rectified.image, CLIP.images[1])
    assert rectified.camera.fx == pytest.approx(0.9 * CLIP.camera.fx)


def test_a_file_counts_in_place_of_messages(tmp_path) -> None:
    np.savetxt(tmp_path / "K.txt", CLIP.camera.matrix)
    made = second(VideoPipeline(estimator(), calibration=tmp_path / "K.txt"), None)
    assert made.camera == CLIP.camera


def test_what_is_no_camera_and_no_pose_is_refused() -> None:
    with pytest.raises(CalibrationError, match="fx"):
        VideoPipeline(estimator(), rectified=True).process(SENT[0], info(p=np.zeros(12)), CLIP.poses[0])
    with pytest.raises(PoseError, match="mirrors"):
        VideoPipeline(estimator()).process(SENT[0], INFO, np.diag((1.0, 1.0, -1.0, 1.0)))


def test_rectified_images_of_a_pair_are_turned_and_so_are_their_poses() -> None:
    turn = pose_from_quaternion((0, 0, 0), (0.05, -0.1, 0.02, 1.0))
    turned = info(r=turn[:3, :3].ravel())
    expected = second(VideoPipeline(estimator(), rectified=True), INFO)
    # The camera is turned the other way, so that the axes of its rectified images are those of the clip.
    pipeline, poses = VideoPipeline(estimator(), rectified=True), [pose @ turn for pose in CLIP.poses]
    assert pipeline.process(SENT[0], turned, poses[0]) is None
    made = pipeline.process(SENT[1], turned, poses[1])
    assert made is not None
    np.testing.assert_allclose(made.depth, expected.depth, rtol=1e-4)
    raw = second(VideoPipeline(estimator()), turned)  # raw images keep the camera's axes
    np.testing.assert_array_equal(raw.depth, second(VideoPipeline(estimator()), INFO).depth)
