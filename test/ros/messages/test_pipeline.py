# SPDX-License-Identifier: Apache-2.0
"""Messages of the bag reader through the real network, small and untrained."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
import torch

from foundation_stereo_ros.errors import CalibrationError, ImageError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.cdr import message_types
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.ros.messages.pipeline import MAIN_OUTPUTS, OUTPUTS, StereoPipeline

HEIGHT, WIDTH = 40, 60
TYPES = message_types()
CAMERA = Camera(WIDTH, HEIGHT, fx=50.0, fy=50.0, cx=29.5, cy=19.5)
WIDE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 6, 3), dtype=np.uint8)
LEFT, RIGHT = WIDE[:, :WIDTH], WIDE[:, 6:]


@functools.cache
def network() -> FoundationStereo:
    torch.manual_seed(3)
    return FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)).eval()


def pipeline(rectified: bool | None = None, **values: Any) -> StereoPipeline:
    config = PipelineConfig.from_mapping({"device": "cpu", "precision": "fp32", "iterations": 1, **values})
    return StereoPipeline(StereoEstimator(config, network()), rectified)


def header(frame: str = "left_optical", sec: int = 7) -> Any:
    return TYPES.Header(stamp=TYPES.Time(sec=sec, nanosec=9), frame_id=frame)


def image(rgb: np.ndarray) -> Any:
    return encode_image(TYPES, header(), rgb, "rgb8")


def infos(baseline: float = 0.1, camera: Camera = CAMERA) -> tuple[Any, Any]:
    left = encode_camera_info(TYPES, header(), camera)
    return left, encode_camera_info(TYPES, header("right_optical"), camera, tx=-camera.fx * baseline)


def floats(message: Any) -> np.ndarray:
    return np.frombuffer(bytes(message.data), np.float32).reshape(message.height, -1)


def test_messages_give_what_their_arrays_give() -> None:
    pipe = pipeline()
    result = pipe.process(image(LEFT), image(RIGHT), *infos())
    direct = pipe.estimator(LEFT, RIGHT, StereoRig(CAMERA, CAMERA, 0.1))
    np.testing.assert_array_equal(result.disparity, direct.disparity)
    np.testing.assert_allclose(result.depth, direct.depth, rtol=1e-6)
    np.testing.assert_array_equal(result.image, LEFT)
    assert list(result.seconds) == ["decode", "rectify", "scale", "network", "checks", "depth"]


def wide(rgb: np.ndarray, factor: int) -> Any:
    """Return a mono16 message of one colour, times a factor."""
    return encode_image(TYPES, header(), rgb[..., 0].astype(np.uint16) * np.uint16(factor), "mono16")


def test_both_cameras_are_stretched_alike_and_stay_so() -> None:
    """Values of 10 bits in 16, the right image the brighter one; then a dark pair, which changes nothing."""
    pipe = pipeline()
    highest = [int(side[..., 0].max()) for side in (LEFT, RIGHT)]
    for factors in ((1, 4), (1, 1)):
        pictures = pipe._decoded(wide(LEFT, factors[0]), wide(RIGHT, factors[1]))
        expected = [round(h * f * 255 / 1023) for h, f in zip(highest, factors, strict=True)]
        assert [int(picture.max()) for picture in pictures] == expected


def test_ten_bits_in_sixteen_give_what_eight_bits_give() -> None:
    grey = [np.repeat(side[..., :1], 3, axis=2) for side in (LEFT, RIGHT)]
    grey[0][0, 0] = 255
    plain = pipeline().process(*map(image, grey), *infos())
    deep = pipeline().process(*(wide(side, 4) for side in grey), *infos())
    assert abs(deep.image.astype(int) - plain.image).max() <= 1
    assert np.median(abs(deep.disparity - plain.disparity)) < 0.02


def test_the_outputs_carry_the_left_header_and_agree_with_each_other() -> None:
    pipe = pipeline(z_far=0.4)
    result = pipe.process(image(LEFT), image(RIGHT), *infos())
    messages = pipe.outputs(result, header(), TYPES)
    assert tuple(messages) == MAIN_OUTPUTS
    for message in messages.values():
        assert (message.header.frame_id, message.header.stamp.sec) == ("left_optical", 7)
    depth = floats(messages["depth/image_rect"])
    np.testing.assert_array_equal(depth, result.depth)
    disparity = messages["disparity"]
    assert (disparity.f, disparity.t) == (50.0, pytest.approx(0.1))
    inside = floats(disparity.image)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.testing.assert_allclose(
            (disparity.f * disparity.t / inside)[result.valid], depth[result.valid], rtol=1e-5
        )
    cloud = messages["points2"]
    assert (cloud.height, cloud.width, cloud.point_step) == (HEIGHT, WIDTH, 16)
    z = np.frombuffer(bytes(cloud.data), np.float32).reshape(HEIGHT, WIDTH, 4)[..., 2]
    np.testing.assert_array_equal(z, depth)
    info = messages["depth/camera_info"]
    assert (info.width, info.height, info.k[0]) == (WIDTH, HEIGHT, 50.0)


def test_on_the_scaled_grid_all_outputs_shrink_together() -> None:
    pipe = pipeline(scale=0.5, full_resolution=False)
    result = pipe.process(image(LEFT), image(RIGHT), *infos())
    messages = pipe.outputs(result, header(), TYPES, OUTPUTS)
    for name in ("depth/image_rect", "depth/camera_info", "points2", "disparity/visual"):
        assert (messages[name].width, messages[name].height) == (30, 20), name
    assert messages["disparity"].f == pytest.approx(25.0)
    assert messages["depth/camera_info"].p[0] == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("settings", "reach"),
    [
        ({}, 64.0),
        ({"scale": 0.5}, 128.0),
        ({"scale": 0.5, "full_resolution": False}, 64.0),
        ({"hierarchical": True, "small_ratio": 0.5}, 128.0),
    ],
)
@pytest.mark.parametrize("doffs", [0.0, 4.0])
def test_max_disparity_is_what_the_network_reaches(
    settings: dict[str, Any], reach: float, doffs: float
) -> None:
    """z_near would allow 5000 pixels and more."""
    pipe = pipeline(z_near=0.001, **settings)
    left, _ = infos()
    _, right = infos(camera=dataclasses.replace(CAMERA, cx=CAMERA.cx - doffs))
    message = pipe.outputs(pipe.process(image(LEFT), image(RIGHT), left, right), header(), TYPES)["disparity"]
    step = settings.get("scale", 1.0) if "full_resolution" in settings else 1.0
    assert message.max_disparity == pytest.approx(reach - doffs * step)


def test_images_of_different_sizes_are_called_that() -> None:
    with pytest.raises(ImageError, match="left image is 60 x 40 and right image is 60 x 32 pixels; expected"):
        pipeline().process(image(LEFT), image(RIGHT[:32]), *infos())


def test_only_what_is_wanted_is_made() -> None:
    pipe = pipeline()
    result = pipe.process(image(LEFT), image(RIGHT), *infos())
    assert set(pipe.outputs(result, header(), TYPES, {"points2"})) == {"points2"}
    assert pipe.outputs(result, header(), TYPES, ()) == {}
    assert "confidence" not in pipe.outputs(result, header(), TYPES, OUTPUTS)
    sure = pipeline(confidence=True)
    result = sure.process(image(LEFT), image(RIGHT), *infos())
    messages = sure.outputs(result, header(), TYPES, OUTPUTS)
    assert set(messages) == set(OUTPUTS)
    np.testing.assert_array_equal(floats(messages["confidence"]), result.confidence)
    assert messages["disparity/visual"].encoding == "rgb8"


def test_the_depth_encoding_is_followed() -> None:
    pipe = pipeline(depth_encoding="16UC1")
    result = pipe.process(image(LEFT), image(RIGHT), *infos())
    message = pipe.outputs(result, header(), TYPES, {"depth/image_rect"})["depth/image_rect"]
    assert message.encoding == "16UC1"
    millimetres = np.frombuffer(bytes(message.data), np.uint16).reshape(HEIGHT, WIDTH)
    assert (millimetres[~result.valid] == 0).all()
    np.testing.assert_allclose(millimetres[result.valid], result.depth[result.valid] * 1000, atol=1)


def test_the_clouds_settings_are_followed() -> None:
    def cloud(**values: Any) -> Any:
        pipe = pipeline(**values)
        result = pipe.process(image(LEFT), image(RIGHT), *infos())
        message = pipe.outputs(result, header(), TYPES, {"points2"})["points2"]
        return message, result

    strided, _ = cloud(cloud_stride=4)
    assert (strided.height, strided.width) == (10, 15)
    loose, result = cloud(organized=False)
    assert (loose.height, loose.width) == (1, int(result.valid.sum()))
    merged, _ = cloud(voxel_size=10.0)
    assert merged.height == 1 and 1 <= merged.width <= 8


def with_distortion(info: Any) -> Any:
    info.d = np.array((-0.4, 0.1, 0.0, 0.0, 0.0))
    return info


def test_raw_images_are_rectified_and_the_maps_are_kept() -> None:
    left, right = (with_distortion(info) for info in infos())
    plain = pipeline().process(image(LEFT), image(RIGHT), *infos())
    pipe = pipeline()
    raw = pipe.process(image(LEFT), image(RIGHT), left, right)
    assert np.abs(raw.image.astype(int) - LEFT).mean() > 3
    kept = pipe._rectification
    again = pipe.process(image(LEFT), image(RIGHT), left, right)
    assert pipe._rectification is kept
    np.testing.assert_array_equal(again.image, raw.image)
    told = pipeline(rectified=True).process(image(LEFT), image(RIGHT), left, right)
    np.testing.assert_array_equal(told.disparity, plain.disparity)


def test_a_calibration_or_size_that_changes_is_followed() -> None:
    pipe = pipeline()
    first = pipe.process(image(LEFT), image(RIGHT), *infos(0.1))
    second = pipe.process(image(LEFT), image(RIGHT), *infos(0.2))
    assert (first.rig.baseline, second.rig.baseline) == (pytest.approx(0.1), pytest.approx(0.2))
    small = Camera(30, 20, fx=25.0, fy=25.0, cx=14.5, cy=9.5)
    third = pipe.process(image(LEFT[::2, ::2]), image(RIGHT[::2, ::2]), *infos(0.1, small))
    assert third.depth.shape == (20, 30)
    pipe.estimator.reconfigure(pipe.config.replace(baseline=0.4))
    fourth = pipe.process(image(LEFT), image(RIGHT), *infos(0.1))
    assert fourth.rig.baseline == pytest.approx(0.4)


def test_a_pair_that_cannot_be_used_is_refused_and_the_next_one_works() -> None:
    pipe = pipeline()
    with pytest.raises(ImageError, match="right image is 59 x 40"):
        pipe.process(image(LEFT), image(RIGHT[:, :-1]), *infos())
    with pytest.raises(CalibrationError, match="baseline"):
        pipe.process(image(LEFT), image(RIGHT), *infos(0.0))
    with pytest.raises(CalibrationError):
        pipe.process(image(LEFT), image(RIGHT), *infos(-0.1))
    unknown = image(RIGHT)
    unknown.encoding = "rgb565"
    with pytest.raises(ImageError, match="rgb565"):
        pipe.process(image(LEFT), unknown, *infos())
    assert pipe.process(image(LEFT), image(RIGHT), *infos()).valid.any()
