# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.estimate.grid import Fit, resize_disparity, resize_image, scaled_size
from foundation_stereo_ros.nets.stereo import pad_to_multiple


@pytest.mark.parametrize(("scale", "expected"), [(1.0, (203, 101)), (0.5, (102, 50)), (0.37, (75, 37))])
def test_the_scaled_size_is_rounded(scale: float, expected: tuple[int, int]) -> None:
    assert scaled_size((203, 101), scale) == expected


def test_nothing_is_copied_at_scale_one() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    assert resize_image(image, (6, 4)) is image
    disparity = np.zeros((4, 6), np.float32)
    assert resize_disparity(disparity, (6, 4)) is disparity


def test_shrinking_by_two_averages_four_pixels() -> None:
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    means = image.reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
    assert np.abs(resize_image(image, (3, 2)).astype(float) - means).max() <= 0.5


@given(st.integers(2, 40), st.integers(2, 40), st.integers(2, 80), st.floats(0.5, 50))
def test_a_flat_disparity_follows_the_true_ratio_of_the_widths(
    w: int, h: int, big: int, value: float
) -> None:
    enlarged = resize_disparity(np.full((h, w), value, np.float32), (big, 2 * h))
    assert enlarged.shape == (2 * h, big)
    np.testing.assert_allclose(enlarged, value * big / w, rtol=1e-5)


def test_slopes_are_interpolated_and_edges_are_not() -> None:
    slope = np.tile(np.arange(8, dtype=np.float32) / 4, (4, 1))
    inner = resize_disparity(slope, (16, 8))[:, 2:-2]
    np.testing.assert_allclose(np.diff(inner, axis=1), 2 * 0.125, atol=1e-5)
    step = np.full((4, 8), 3, np.float32)
    step[:, 4:] = 40
    assert set(np.unique(resize_disparity(step, (24, 12)))) == {np.float32(9), np.float32(120)}


def test_back_from_a_grid_twice_as_fine_edges_stay_edges() -> None:
    fine = np.full((8, 16), 6, np.float32)
    fine[:, 7:] = 80
    assert set(np.unique(resize_disparity(fine, (8, 4)))) == {np.float32(3), np.float32(40)}


SIDES = st.integers(1, 200)


def image(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(deadline=None)
@given(SIDES, SIDES, st.none() | SIDES, st.none() | SIDES)
def test_every_size_comes_to_the_models_and_back(
    width: int, height: int, model_height: int | None, model_width: int | None
) -> None:
    fit = Fit.of((width, height), model_height, model_width)
    fitted = fit.apply(image(width, height))
    assert fitted.shape == (fit.outer[1], fit.outer[0], 3)
    assert fit.outer[0] == (model_width or fit.outer[0] // 32 * 32)
    assert fit.outer[1] == (model_height or fit.outer[1] // 32 * 32)
    assert fit.inner[0] <= min(width, fit.outer[0]) and fit.inner[1] <= min(height, fit.outer[1])
    disparity = fit.undo(np.full(fitted.shape[:2], 3.0, np.float32))
    assert disparity.shape == (height, width)
    np.testing.assert_allclose(disparity, 3.0 * width / fit.inner[0], rtol=1e-5)


def test_a_model_of_any_size_gets_what_the_network_gets() -> None:
    picture = image(75, 45)
    expected, _ = pad_to_multiple(torch.from_numpy(picture).permute(2, 0, 1)[None].float())
    np.testing.assert_array_equal(
        Fit.of((75, 45), None, None).apply(picture), expected[0].permute(1, 2, 0).numpy()
    )


@pytest.mark.parametrize(
    ("size", "inner"),
    [
        ((736, 320), (736, 320)),
        ((640, 300), (640, 300)),  # padded only
        ((1472, 640), (736, 320)),
        ((1280, 720), (569, 320)),  # the height decides
        ((1472, 300), (736, 150)),  # the width does
    ],
)
def test_images_are_shrunk_as_a_whole_and_never_enlarged(
    size: tuple[int, int], inner: tuple[int, int]
) -> None:
    fit = Fit.of(size, 320, 736)
    assert (fit.inner, fit.outer) == (inner, (736, 320))


def test_the_disparity_of_a_pixel_comes_back_to_that_pixel() -> None:
    fit = Fit.of((64, 32), 40, 80)
    there = np.zeros((40, 80), np.float32)
    there[4 + 7, 8 + 20] = 5.0
    back = fit.undo(there)
    assert back[7, 20] == 5.0 and back.sum() == 5.0
