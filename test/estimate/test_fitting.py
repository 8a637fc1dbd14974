# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.estimate.fitting import Fit
from foundation_stereo_ros.nets.stereo import pad_to_multiple

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
