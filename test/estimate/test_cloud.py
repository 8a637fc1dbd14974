# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
from open3d_here import load_open3d

from foundation_stereo_ros.estimate.cloud import BACKGROUND, Cloud, has_filters, picture_of_cloud, valid_cloud
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.geometry.camera import Camera


def result(depth: np.ndarray) -> Prediction:
    height, width = depth.shape
    camera = Camera(width, height, fx=10.0, fy=20.0, cx=1.0, cy=1.0)
    rgb = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    return Prediction(rgb, depth.astype(np.float32), camera)


def cloud_of(depth: np.ndarray, **values: Any) -> Cloud:
    return valid_cloud(result(depth), PipelineConfig.from_mapping(values))


def test_valid_points_keep_their_colours() -> None:
    depth = np.full((3, 4), np.nan)
    depth[2, 3], depth[0, 1] = 5.0, 2.0
    points, colors = cloud_of(depth)
    np.testing.assert_allclose(points, [(0, -0.1, 2), (1.0, 0.25, 5)], atol=1e-6)
    assert colors.tolist() == [[3, 4, 5], [33, 34, 35]]


def test_the_stride_takes_every_nth_row_and_column() -> None:
    points, colors = cloud_of(np.ones((5, 7)), cloud_stride=3)
    assert len(points) == len(colors) == 2 * 3
    np.testing.assert_allclose(np.unique(points[:, 0]), [-0.1, 0.2, 0.5], atol=1e-6)


def test_an_empty_result_gives_an_empty_cloud_with_any_filter() -> None:
    points, colors = cloud_of(np.full((3, 4), np.nan), voxel_size=0.1)
    assert points.shape == colors.shape == (0, 3)


def test_a_large_voxel_leaves_one_point() -> None:
    points, _ = cloud_of(np.ones((5, 7)) * 5.5, voxel_size=10.0, cloud_stride=7)
    assert len(points) == 1
    assert has_filters(PipelineConfig(voxel_size=0.1)) and not has_filters(PipelineConfig(cloud_stride=4))


def test_a_lonely_point_is_removed() -> None:
    load_open3d()
    depth = np.ones((12, 12))
    depth[5, 5] = 9.0
    points, colors = cloud_of(depth, outlier_radius=0.5, outlier_neighbors=10)
    assert len(points) == len(colors) == 143
    assert points[:, 2].max() == 1.0


def wall(z: float, color: tuple[int, int, int]) -> Cloud:
    x, y = np.meshgrid(np.linspace(-1, 1, 80), np.linspace(-0.75, 0.75, 60))
    points = np.stack((x * z, y * z, np.full_like(x, z)), axis=-1).reshape(-1, 3).astype(np.float32)
    return Cloud(points, np.broadcast_to(np.array(color, np.uint8), points.shape))


def test_the_nearer_wall_hides_the_farther_one_whatever_their_order() -> None:
    near, far = wall(2.0, (255, 0, 0)), wall(3.0, (0, 0, 255))
    for first, second in ((near, far), (far, near)):
        both = Cloud(*(np.concatenate(parts) for parts in zip(first, second, strict=True)))
        picture = picture_of_cloud(both, 160, 120, yaw_deg=0, pitch_deg=0)
        assert picture.shape == (120, 160, 3)
        assert picture[60, 80].tolist() == [255, 0, 0]


def middle_of(picture: np.ndarray, channel: int) -> np.ndarray:
    return np.argwhere(picture[..., channel] == 255).mean(axis=0)


def test_the_camera_swings_to_the_right_and_upwards() -> None:
    """From the right what is far moves to the right of what is near; from above it moves up."""
    near, far = wall(2.0, (255, 0, 0)), wall(3.0, (0, 0, 255))
    both = Cloud(*(np.concatenate((n, f))[::7] for n, f in zip(near, far, strict=True)))
    right = picture_of_cloud(both, 160, 120, yaw_deg=25, pitch_deg=0)
    assert middle_of(right, 2)[1] > middle_of(right, 0)[1] + 10
    above = picture_of_cloud(both, 160, 120, yaw_deg=0, pitch_deg=25)
    assert middle_of(above, 2)[0] < middle_of(above, 0)[0] - 10


def test_turning_uncovers_what_is_behind() -> None:
    both = Cloud(
        *(np.concatenate(p) for p in zip(wall(2.0, (255, 0, 0)), wall(3.0, (0, 0, 255)), strict=True))
    )
    blue = [
        (picture_of_cloud(both, 160, 120, yaw_deg=yaw, pitch_deg=0) == (0, 0, 255)).all(axis=-1).sum()
        for yaw in (0, 20)
    ]
    assert blue[1] > blue[0] + 100


def test_a_surface_is_drawn_without_holes() -> None:
    picture = picture_of_cloud(wall(2.0, (10, 200, 30)), 640, 480, yaw_deg=15)
    middle = picture[180:300, 240:400]
    assert (middle == (10, 200, 30)).all()


def test_an_empty_cloud_gives_an_empty_picture() -> None:
    empty = Cloud(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8))
    assert (picture_of_cloud(empty, 8, 6) == BACKGROUND).all()
    one = Cloud(np.array([[0, 0, 1]], np.float32), np.array([[9, 9, 9]], np.uint8))
    assert (picture_of_cloud(one, 8, 6) == (9, 9, 9)).any()
