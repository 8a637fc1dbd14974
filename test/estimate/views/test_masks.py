# SPDX-License-Identifier: Apache-2.0
"""Masks: rims, highlights, and what looks wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.estimate.views.masks import (
    contracted,
    covers_all,
    grown,
    looks_inverted,
    without_highlights,
)


def square(size: int, low: int, high: int) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[low:high, low:high] = True
    return mask


@pytest.mark.parametrize(("size", "rim"), [(96, 1), (255, 1), (256, 2), (512, 2)])
def test_the_rim_is_as_wide_as_the_image_asks(size: int, rim: int) -> None:
    np.testing.assert_array_equal(contracted(square(size, 10, 60)), square(size, 10 + rim, 60 - rim))


def test_the_border_of_the_image_is_no_rim() -> None:
    assert contracted(np.ones((24, 24), bool), 3).all()
    mask = square(24, 0, 12)
    np.testing.assert_array_equal(contracted(mask, 2), square(24, 0, 10))
    assert contracted(mask, 0) is not None
    np.testing.assert_array_equal(contracted(mask, 0), mask)


@given(st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_a_grown_mask_holds_it_and_a_contracted_one_is_in_it(pixels: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((16, 24)) < 0.7
    assert (contracted(mask, pixels) <= mask).all()
    assert (grown(mask, pixels) >= mask).all()
    np.testing.assert_array_equal(grown(mask, pixels), ~contracted(~mask, pixels))


def test_highlights_do_not_take_part() -> None:
    image = np.full((2, 2, 3), 100, np.uint8)
    image[0, 0] = 255
    image[1, 1] = (255, 255, 100)  # a bright yellow
    found = without_highlights(np.array([[True, True], [False, True]]), image)
    assert found.tolist() == [[False, True], [False, True]]


def test_a_mask_of_nearly_all_looks_inverted() -> None:
    assert looks_inverted(~square(32, 10, 14))
    assert not looks_inverted(square(32, 4, 28))
    assert not looks_inverted(np.ones((8, 8), bool))
    assert covers_all(None)
    assert covers_all(np.ones((8, 8), bool))
    assert not covers_all(~square(32, 10, 11))
