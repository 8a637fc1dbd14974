# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from seeded_network import REFERENCE

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.estimate.views.preprocess import NetworkGrid
from foundation_stereo_ros.geometry.camera import Camera

FOLDER = REFERENCE / "mast3r"

with_reference = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no reference outputs in {FOLDER}")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ((640, 480), (512, 384)),
        ((480, 640), (384, 512)),
        ((1920, 1080), (512, 288)),
        ((1242, 375), (512, 144)),
        ((1000, 1000), (512, 384)),
        ((300, 200), (512, 336)),
        ((720, 497), (512, 352)),
        ((741, 500), (512, 336)),
    ],
)
def test_sizes(image: tuple[int, int], expected: tuple[int, int]) -> None:
    grid = NetworkGrid.of_image(*image)
    assert (grid.width, grid.height) == expected


@with_reference
def test_sizes_are_those_of_the_published_code() -> None:
    listed = json.loads((FOLDER / "graphs.json").read_text())["sizes"]
    cases = [case for case in listed if case["size"] != 224]  # a square for other networks
    assert len(cases) == 10
    for case in cases:
        grid = NetworkGrid.of_image(case["width"], case["height"], case["size"])
        assert [grid.height, grid.width] == case["out_height_width"], case


@with_reference
@pytest.mark.parametrize("name", ["down", "up", "square"])
def test_pixels_are_those_of_the_published_code(name: str) -> None:
    stored = np.load(FOLDER / "preprocess.npz")
    image = stored[f"{name}_in"]
    found = NetworkGrid.of_image(image.shape[1], image.shape[0], 64).image(image)
    expected = np.rint((stored[f"{name}_out64"].transpose(1, 2, 0) * 0.5 + 0.5) * 255)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [(150, 90), (40, 30), (64, 33), (257, 500), (63, 63)])
def test_pixels_are_those_of_pillow(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    grid = NetworkGrid.of_image(*size, 64)
    method = Image.Resampling.LANCZOS if max(size) > 64 else Image.Resampling.BICUBIC
    whole = np.asarray(Image.fromarray(image).resize(grid.resized, method))
    expected = whole[grid.top : grid.top + grid.height, grid.left : grid.left + grid.width]
    np.testing.assert_array_equal(grid.image(image), expected)
    mask = image[..., 0] > 128
    nearest = np.asarray(Image.fromarray(mask).resize(grid.resized, Image.Resampling.NEAREST))
    expected = nearest[grid.top : grid.top + grid.height, grid.left : grid.left + grid.width]
    np.testing.assert_array_equal(grid.mask(mask), expected)


@given(
    st.integers(64, 4000),
    st.integers(64, 4000),
    st.sampled_from([224, 512, 100]),
    st.tuples(*[st.floats(-100, 5000)] * 2),
)
def test_pixels_and_cameras_come_back(width: int, height: int, size: int, point: tuple[float, float]) -> None:
    if min(width, height) * size < 17 * max(width, height):
        return
    grid = NetworkGrid.of_image(width, height, size)
    assert grid.width % 16 == 0
    assert grid.height % 16 == 0
    np.testing.assert_allclose(grid.to_source(grid.to_grid(np.array(point))), point, atol=1e-6)
    camera = Camera(width, height, 700.0, 690.0, *point)
    on_grid = grid.camera(camera)
    assert (on_grid.width, on_grid.height) == (grid.width, grid.height)
    back = grid.source_camera(on_grid)
    assert back.fx == pytest.approx(camera.fx)
    assert (back.cx, back.cy) == pytest.approx((camera.cx, camera.cy), abs=1e-6)
    # what a camera sees at a pixel of the image it sees at the same place of the grid
    ray = (np.array(point) + 3.0 - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    seen = ray * (on_grid.fx, on_grid.fy) + (on_grid.cx, on_grid.cy)
    np.testing.assert_allclose(seen, grid.to_grid(np.array(point) + 3.0), atol=1e-6)


def test_the_middle_of_a_halved_and_cropped_image() -> None:
    grid = NetworkGrid.of_image(1000, 1000)
    assert (grid.left, grid.top) == (0, 64)
    np.testing.assert_allclose(grid.to_grid(np.array([499.5, 499.5])), [255.5, 191.5])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ImageError, match="image is 2000 x 20 pixels, 512 x 5 with a long edge of 512"):
        NetworkGrid.of_image(2000, 20)
    with pytest.raises(ConfigError, match="size is 8; expected at least 16"):
        NetworkGrid.of_image(64, 64, 8)
    grid = NetworkGrid.of_image(64, 48)
    with pytest.raises(ImageError, match="mask is 48 x 64 pixels; expected 64 x 48"):
        grid.mask(np.ones((64, 48), bool))
    with pytest.raises(ImageError, match="expected H x W x 3 of uint8"):
        grid.image(np.ones((48, 64), np.uint8))
