# SPDX-License-Identifier: Apache-2.0
"""How two images go together: the right figures, and nothing where they tell nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from painted_pairs import HEIGHT, WIDTH, block_pair, field_pair, texture

from foundation_stereo_ros.estimate.stereo.alignment import Alignment, measure_alignment
from foundation_stereo_ros.scenes.layered.painter import LayeredScenes
from foundation_stereo_ros.shapes import RgbImage


def measured(left: RgbImage, right: RgbImage, doffs: float = 0.0) -> Alignment:
    found = measure_alignment(left, right, doffs)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("case", "rows", "behind"),
    [("aligned_reference", 0, 0), ("range_saturation", 0, 0), ("rows_off", 8, 0), ("swapped", 0, 1)],
)
def test_the_collected_cases_have_their_figures(case: str, rows: float, behind: float) -> None:
    found = measured(*field_pair(case))
    assert (found.rows, found.low, found.high) == pytest.approx((rows, rows, rows), abs=0.25)
    assert found.behind == pytest.approx(behind, abs=0.01)
    assert found.before == pytest.approx(1 - behind, abs=0.01)


@settings(deadline=None, max_examples=20)
@given(
    rows=st.integers(-40, 40),
    # A shift of two pixels is near the bound of what is clearly before or behind.
    shift=st.integers(-30, 30).filter(lambda shift: abs(shift) != 2),
    seed=st.integers(0, 99),
)
def test_a_shifted_image_has_that_shift(rows: int, shift: int, seed: int) -> None:
    wide = texture(seed, HEIGHT + 80, WIDTH + 60)
    left = wide[40 : 40 + HEIGHT, 30 : 30 + WIDTH]
    right = wide[40 - rows : 40 - rows + HEIGHT, 30 + shift : 30 + shift + WIDTH]
    found = measured(left, right)
    assert (found.low, found.rows, found.high) == pytest.approx((rows,) * 3, abs=0.3)
    assert found.behind == pytest.approx(float(shift < -1), abs=0.05)
    assert found.before == pytest.approx(float(shift > 1), abs=0.05)


def test_the_difference_of_the_principal_points_is_no_disparity() -> None:
    left, right = block_pair(40, background=12)
    assert measured(left, right, doffs=0).behind == 0
    assert measured(left, right, doffs=20).behind > 0.5


def test_rows_are_those_of_the_full_image() -> None:
    left, right = block_pair(40)
    large = [cv2.resize(x, None, fx=4, fy=4) for x in (left, np.roll(right, 5, axis=0))]
    found = measured(*large)
    assert found.rows == pytest.approx(20, abs=1) and found.pixel == pytest.approx(4 * WIDTH / 640)


def test_a_rotation_differs_within_the_image() -> None:
    left, right = block_pair(40)
    middle = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    turned = cv2.warpAffine(right, cv2.getRotationMatrix2D(middle, -2, 1), (WIDTH, HEIGHT))
    found = measured(left, turned)
    expected = np.tan(np.radians(2)) * WIDTH / 2
    assert -expected < found.low < -0.5 * expected and 0.5 * expected < found.high < expected


@pytest.mark.parametrize("seed", range(12))
def test_generated_pairs_lie_within_half_a_row_and_before_infinity(seed: int) -> None:
    pair = LayeredScenes().pair(seed, 320, 448)
    found = measure_alignment(pair.left, pair.right)
    if found is not None:
        assert abs(found.rows) < 1 and found.behind < 0.2


def _grey(values: np.ndarray) -> RgbImage:
    return np.repeat(np.clip(values, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _nothing_to_see() -> dict[str, tuple[RgbImage, RgbImage]]:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    noise = [_grey(random.normal(60, 20, (HEIGHT, WIDTH))) for _ in range(2)]
    dark = [_grey(3 + random.normal(0, 2, (HEIGHT, WIDTH))) for _ in range(2)]
    flat, black = _grey(np.full((HEIGHT, WIDTH), 128.0)), _grey(np.zeros((HEIGHT, WIDTH)))
    stripes, columns = _grey(255.0 * (y // 8 % 2)), _grey(255.0 * (x // 8 % 2))
    board, grid = _grey(255.0 * ((x // 10 + y // 10) % 2)), _grey(255.0 * ((x % 12 < 2) | (y % 12 < 2)))
    pairs = {
        "noise": (noise[0], noise[1]),
        "very dark": (dark[0], dark[1]),
        "other scenes": (texture(1), texture(2)),
        "half covered": (texture(1), black),
    }
    for name, image in {
        "flat": flat, "black": black, "stripes": stripes, "columns": columns, "board": board, "grid": grid,
    }.items():  # fmt: skip
        # As the cameras would see it: shifted, and each with its own noise.
        pairs[name] = (image, np.roll(image, -7, axis=1))
        noisy = [_grey(each.mean(axis=2) + random.normal(0, 4, (HEIGHT, WIDTH))) for each in pairs[name]]
        pairs[f"{name} with noise"] = (noisy[0], noisy[1])
    return pairs


@pytest.mark.parametrize("name", list(_nothing_to_see()))
def test_images_that_tell_nothing_give_nothing(name: str) -> None:
    found = measure_alignment(*_nothing_to_see()[name])
    assert found is None or (abs(found.rows) < 1 and max(-found.low, found.high) < 2)


@settings(deadline=None, max_examples=60)
@given(height=st.integers(1, 90), width=st.integers(1, 90))
def test_any_size_will_do(height: int, width: int) -> None:
    image = texture(0, 96, 96)[:height, :width]
    found = measure_alignment(image, image)
    assert found is None or found.rows == pytest.approx(0, abs=0.01)


@settings(deadline=None, max_examples=10)
@given(height=st.integers(1, 8), width=st.integers(1000, 4000))
@example(height=1, width=1280)
def test_any_shape_will_do(height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    assert measure_alignment(image, image) is None
