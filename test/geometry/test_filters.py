# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from open3d_here import load_open3d

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.geometry.filters import remove_radius_outliers, voxel_downsample

POINTS = np.array(((0.01, 0.01, 1), (0.03, 0.05, 1), (0.11, 0.01, 1), (-0.01, 0.01, 1)), np.float32)
COLORS = np.array(((0, 0, 0), (100, 200, 50), (9, 8, 7), (255, 255, 255)), np.uint8)


def test_points_of_one_cube_become_their_mean() -> None:
    points, colors = voxel_downsample(POINTS, COLORS, 0.1)
    order = np.argsort(points[:, 0])
    np.testing.assert_allclose(points[order], ((-0.01, 0.01, 1), (0.02, 0.03, 1), (0.11, 0.01, 1)), atol=1e-6)
    np.testing.assert_array_equal(colors[order], ((255, 255, 255), (50, 100, 25), (9, 8, 7)))
    assert (points.dtype, colors.dtype) == (np.float32, np.uint8)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(3)), elements=st.floats(-50, 50, width=32)),
    st.sampled_from((1e-6, 0.01, 0.3, 7.0, 1000.0)),
)
def test_voxels_against_a_plain_dictionary(points: np.ndarray, size: float) -> None:
    cubes: dict[tuple[int, ...], list[np.ndarray]] = {}
    for point in points.astype(np.float64):
        cubes.setdefault(tuple(np.floor(point / size).astype(int)), []).append(point)
    expected = np.array([np.mean(cubes[key], axis=0) for key in sorted(cubes)])
    found, colors = voxel_downsample(points, np.zeros(points.shape, np.uint8), size)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert colors.shape == found.shape


def test_lonely_points_are_removed() -> None:
    load_open3d()
    generator = np.random.default_rng(0)
    cluster = generator.normal(0, 0.02, (200, 3)).astype(np.float32)
    points = np.concatenate((cluster, np.array(((5, 5, 5), (5, 5, 5.01)), np.float32)))
    colors = np.arange(606, dtype=np.uint8).reshape(-1, 3)
    kept, kept_colors = remove_radius_outliers(points, colors, 0.2, 2)
    np.testing.assert_array_equal(kept, cluster)
    np.testing.assert_array_equal(kept_colors, colors[:200])
    # One neighbour is enough for the two outside: a point does not count as its own.
    assert len(remove_radius_outliers(points, colors, 0.2, 1)[0]) == 202


def test_an_empty_cloud_stays_empty() -> None:
    empty = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8)
    assert len(voxel_downsample(*empty, 0.1)[0]) == 0
    load_open3d()
    assert len(remove_radius_outliers(*empty, 0.1, 1)[0]) == 0


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_limits_must_be_positive(size: float) -> None:
    with pytest.raises(ConfigError, match="voxel size"):
        voxel_downsample(POINTS, COLORS, size)
    with pytest.raises(ConfigError, match="outlier radius"):
        remove_radius_outliers(POINTS, COLORS, size, 2)


def test_without_open3d_one_error_names_the_extra() -> None:
    code = """
import sys
import numpy as np
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.geometry.filters import remove_radius_outliers
if "open3d" in sys.modules:
    raise SystemExit("open3d is loaded before its use")
sys.modules["open3d"] = None
try:
    remove_radius_outliers(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.uint8), 0.1, 1)
except ConfigError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "foundation_stereo_ros[cloud]" in done.stdout
