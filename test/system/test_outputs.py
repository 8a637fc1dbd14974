# SPDX-License-Identifier: Apache-2.0
"""What the node publishes, as another process reads it, against the exact depth of a generated scene."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros

WIDTH, HEIGHT = 256, 192


@pytest.fixture(scope="module")
def running(module_stage, exact) -> tuple[Any, dict[str, Any]]:
    """A node that computes the exact scene again and again, and who hears each output."""
    from tested_node import OUTPUTS

    node = module_stage.node(parameters={"device": "cpu", "confidence": True})
    inboxes = {output: node.hear(output) for output in OUTPUTS}
    module_stage.camera(scene=exact.path, rate=5.0)
    return node, inboxes


@pytest.fixture(scope="module")
def frame(running) -> dict[str, Any]:
    """All outputs of one frame."""
    return one_frame(running[1])


def one_frame(inboxes: dict[str, Any]) -> dict[str, Any]:
    """Wait for a frame that is still to come."""
    from ros_listener import stamp_of

    for inbox in inboxes.values():
        inbox.clear()
    # The second result: the first one may have lost outputs whose subscribers were found later.
    inboxes["points2"].wait_for(count=2)
    stamp = inboxes["points2"].stamps[1]
    return {name: inbox.wait_for(lambda m: stamp_of(m) == stamp) for name, inbox in inboxes.items()}


def pixels(image: Any) -> np.ndarray:
    """Read an image without any help of the package."""
    kinds = {"32FC1": ("<f4", 1), "16UC1": ("<u2", 1), "rgb8": ("u1", 3)}
    kind, channels = kinds[image.encoding]
    assert image.is_bigendian == 0 and image.step == image.width * channels * np.dtype(kind).itemsize
    array = np.frombuffer(image.data, kind).reshape(image.height, image.width, channels)
    return array[..., 0] if channels == 1 else array


def nearly_exact(depth: np.ndarray, exact: SimpleNamespace, step: int = 1) -> None:
    """The shipped network is small: half of the seen points within a tenth, most within a fifth."""
    scene = exact.frame
    seen = ~scene.occluded[::step, ::step] & np.isfinite(depth)
    assert seen.mean() > 0.6
    error = np.abs(depth / scene.depth[::step, ::step] - 1)[seen]
    assert np.median(error) < 0.1 * step
    assert np.quantile(error, 0.8) < 0.2 * step


def test_every_output_has_the_left_images_header(frame, running) -> None:
    from ros_listener import stamp_of

    assert {name: message.header.frame_id for name, message in frame.items()} == dict.fromkeys(
        frame, "left_optical"
    )
    assert len({stamp_of(message) for message in frame.values()}) == 1
    assert frame["disparity"].image.header == frame["disparity"].header


def test_stamps_are_those_of_the_camera(module_stage, running) -> None:
    from ros_processes import CameraProcess

    (camera,) = (p for p in module_stage.processes if isinstance(p, CameraProcess))
    for inbox in running[1].values():
        inbox.wait_for()
    assert camera.has_sent({stamp for inbox in running[1].values() for stamp in inbox.stamps})


def test_disparity(frame, exact) -> None:
    message, scene = frame["disparity"], exact.frame
    disparity = pixels(message.image)
    assert disparity.shape == (HEIGHT, WIDTH)
    assert message.f == pytest.approx(scene.focal)
    assert message.t == pytest.approx(scene.baseline)
    valid = (disparity >= message.min_disparity) & (disparity <= message.max_disparity)
    assert (disparity[~valid] < message.min_disparity).all()
    # z_far 100 is not reached, so the bound tells of it; z_near 0.1 would be 246 pixels, beyond the network.
    assert message.min_disparity == pytest.approx(scene.focal * scene.baseline / 100.0)
    assert message.max_disparity == 192.0
    assert 0 < message.delta_d < 1e-3
    depth = np.where(valid, message.f * message.t / np.where(valid, disparity, 1), np.nan)
    nearly_exact(depth, exact)
    window = message.valid_window
    assert (window.y_offset, window.height) == (0, HEIGHT)
    assert window.width > 0 and window.x_offset + window.width == WIDTH
    outside = np.ones(disparity.shape, bool)
    outside[:, window.x_offset : window.x_offset + window.width] = False
    assert not (valid & outside).any()


def test_depth_and_its_camera_info(frame, exact) -> None:
    scene, info = exact.frame, frame["depth/camera_info"]
    depth = pixels(frame["depth/image_rect"])
    nearly_exact(depth, exact)
    assert frame["depth/image_rect"].encoding == "32FC1"
    assert (info.width, info.height) == (WIDTH, HEIGHT) == depth.shape[::-1]
    matrix = [[scene.focal, 0, scene.cx], [0, scene.focal, scene.cy], [0, 0, 1]]
    np.testing.assert_allclose(np.reshape(info.k, (3, 3)), matrix)
    np.testing.assert_allclose(np.reshape(info.p, (3, 4)), np.hstack((matrix, np.zeros((3, 1)))))
    assert not np.any(info.d)
    disparity = pixels(frame["disparity"].image)
    valid = disparity >= frame["disparity"].min_disparity
    np.testing.assert_array_equal(np.isfinite(depth), valid)
    product = scene.focal * scene.baseline
    np.testing.assert_allclose(depth[valid], product / disparity[valid], rtol=1e-5)


def test_points(frame, exact) -> None:
    from sensor_msgs_py import point_cloud2

    scene, cloud = exact.frame, frame["points2"]
    assert (cloud.width, cloud.height) == (WIDTH, HEIGHT)
    assert (cloud.point_step, cloud.row_step, cloud.is_dense) == (16, 16 * WIDTH, False)
    points = point_cloud2.read_points(cloud, ["x", "y", "z", "rgb"], reshape_organized_cloud=True)
    points = np.reshape(points, (HEIGHT, WIDTH))
    depth = pixels(frame["depth/image_rect"])
    np.testing.assert_array_equal(points["z"], depth)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    np.testing.assert_allclose(points["x"], (u - scene.cx) * depth / scene.focal, atol=1e-5)
    np.testing.assert_allclose(points["y"], (v - scene.cy) * depth / scene.focal, atol=1e-5)
    packed = np.ascontiguousarray(points["rgb"]).view("<u4")
    colors = np.stack((packed >> 16 & 255, packed >> 8 & 255, packed & 255), axis=-1)
    finite = np.isfinite(depth)
    np.testing.assert_array_equal(colors[finite], scene.left[finite])


def test_confidence(frame, exact) -> None:
    confidence = pixels(frame["confidence"])
    assert frame["confidence"].encoding == "32FC1" and confidence.shape == (HEIGHT, WIDTH)
    assert confidence.min() >= 0 and confidence.max() <= 1
    valid = np.isfinite(pixels(frame["depth/image_rect"]))
    assert confidence[valid].min() >= 0.5
    occluded = exact.frame.occluded
    assert confidence[~occluded].mean() > confidence[occluded].mean() + 0.2


def test_visual(frame) -> None:
    visual = pixels(frame["disparity/visual"])
    assert visual.shape == (HEIGHT, WIDTH, 3)
    valid = np.isfinite(pixels(frame["depth/image_rect"]))
    assert len(np.unique(visual[~valid], axis=0)) == 1  # one grey for all that is unknown
    assert len(np.unique(visual[valid], axis=0)) > 50


def test_millimetres(running, exact) -> None:
    node, inboxes = running
    assert node.set(depth_encoding="16UC1") == []
    image = inboxes["depth/image_rect"].next(lambda m: m.encoding == "16UC1")
    assert node.set(depth_encoding="32FC1") == []
    millimetres = pixels(image)
    assert (millimetres == 0).any()
    nearly_exact(np.where(millimetres > 0, millimetres / 1000, np.nan), exact)


def test_half_resolution(running, exact) -> None:
    node, inboxes = running
    assert node.set(scale=0.5, full_resolution=False) == []
    inboxes["points2"].next(lambda m: m.width == WIDTH // 2)
    small, scene = one_frame(inboxes), exact.frame
    assert node.set(scale=1.0, full_resolution=True) == []
    sizes = {name: (m.width, m.height) for name, m in small.items() if name != "disparity"}
    assert sizes == dict.fromkeys(sizes, (WIDTH // 2, HEIGHT // 2))
    assert small["disparity"].f == pytest.approx(scene.focal / 2)
    assert small["disparity"].t == pytest.approx(scene.baseline)
    info, depth = small["depth/camera_info"], pixels(small["depth/image_rect"])
    assert (info.p[0], info.p[5]) == pytest.approx((scene.focal / 2, scene.focal / 2))
    # As image_proc's resize does it, without half a pixel.
    assert (info.p[2], info.p[6]) == pytest.approx((scene.cx / 2, scene.cy / 2))
    nearly_exact(depth, exact, step=2)
