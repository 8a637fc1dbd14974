# SPDX-License-Identifier: Apache-2.0
"""The area under the sparsification error: answers known by hand, and how it behaves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.evaluate.sparsification import ause


def scene(seed: int = 0, size: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a prediction, its truth, and its relative errors."""
    random = np.random.default_rng(seed)
    truth = random.uniform(1, 8, (size, size)).astype(np.float32)
    predicted = (truth * (1 + random.exponential(0.2, truth.shape))).astype(np.float32)
    return predicted, truth, np.abs(predicted.astype(np.float64) - truth) / truth


def test_a_perfect_order_is_0_a_random_one_1_and_an_inverted_one_more() -> None:
    predicted, truth, errors = scene()
    assert ause(-errors, predicted, truth) == pytest.approx(0.0, abs=1e-9)
    chance = np.random.default_rng(1).random(truth.shape)
    assert ause(chance, predicted, truth) == pytest.approx(1.0, abs=0.05)
    assert ause(errors, predicted, truth) > 1.5


def test_three_pixels_by_hand() -> None:
    truth = np.full((1, 3), 1.0, np.float32)
    predicted = np.array([[1.0, 1.5, 2.0]], np.float32)  # errors of 0, 0.5 and 1
    best = (0 + 0.5 / 2 + 1.5 / 3) / 3
    worst = (1 + 1.5 / 2 + 1.5 / 3) / 3
    confidence = np.array([[0.1, 0.2, 0.3]], np.float32)
    assert ause(confidence, predicted, truth) == pytest.approx((worst - best) / (0.5 - best))
    middle = (0.5 + 0.5 / 2 + 1.5 / 3) / 3  # the one of 0.5 first, then that of 0
    assert ause(np.array([[0.5, 0.9, 0.1]]), predicted, truth) == pytest.approx(
        (middle - best) / (0.5 - best)
    )


def test_one_confidence_for_all_is_a_random_order_exactly() -> None:
    predicted, truth, _ = scene()
    assert ause(np.full_like(truth, 0.7), predicted, truth) == pytest.approx(1.0)


def test_only_the_order_counts() -> None:
    predicted, truth, errors = scene()
    confidence = np.exp(-errors)
    assert ause(confidence, predicted, truth) == pytest.approx(ause(3 * confidence**5 - 1, predicted, truth))


@given(seed=st.integers(0, 1000), levels=st.integers(1, 20))
def test_it_is_never_negative(seed: int, levels: int) -> None:
    predicted, truth, _ = scene(seed, 8)
    confidence = np.random.default_rng(seed).integers(0, levels, truth.shape).astype(np.float32)
    assert ause(confidence, predicted, truth) >= -1e-9


def test_unknown_confidence_is_the_least_and_uncompared_pixels_do_not_count() -> None:
    predicted, truth, errors = scene()
    confidence = -errors
    worst = errors.argmax()
    confidence.flat[worst] = np.nan
    assert ause(confidence, predicted, truth) == pytest.approx(0.0, abs=1e-9)
    predicted[:5], confidence[:5] = np.nan, 99
    truth[5:10], confidence[5:10] = np.nan, 99
    assert ause(confidence, predicted, truth) == pytest.approx(0.0, abs=1e-9)


def test_without_a_difference_there_is_no_order() -> None:
    one = np.ones((2, 2), np.float32)
    assert math.isnan(ause(one, one, one))
    assert math.isnan(ause(one, 2 * one, one))
    assert math.isnan(ause(one, one, np.full_like(one, np.nan)))
