# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from foundation_stereo_ros.datasets.dataset import StereoNumbers, StereoSample
from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.evaluate.methods import NetworkMethod, SgbmMethod, sgbm

HEIGHT, WIDTH, SHIFT = 48, 96, 20


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    wide = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH + SHIFT, 3), dtype=np.uint8)
    return np.ascontiguousarray(wide[:, :WIDTH]), np.ascontiguousarray(wide[:, SHIFT:])


def sample(pair: tuple[np.ndarray, np.ndarray], disparities: int | None = None) -> StereoSample:
    truth = np.full((HEIGHT, WIDTH), SHIFT, np.float32)
    return StereoSample(*pair, truth, None, StereoNumbers(doffs=5.0, disparities=disparities))


def test_sgbm_finds_the_shift_and_leaves_no_hole(pair: tuple[np.ndarray, np.ndarray]) -> None:
    found = SgbmMethod()(sample(pair))
    assert found.shape == (HEIGHT, WIDTH)
    assert np.isfinite(found).all()
    assert np.abs(found[:, SHIFT + 4 :] - SHIFT).max() < 0.5


def test_sgbm_searches_where_it_is_told(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert SgbmMethod()(sample(pair, disparities=10)).max() <= 16
    assert SgbmMethod(32)(sample(pair, disparities=10)).max() > 16


def test_without_any_match_the_estimate_is_zero() -> None:
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, black.shape, dtype=np.uint8)
    assert np.isfinite(sgbm(noise, black, 16)).all()


def test_a_pair_that_opencv_refuses_is_an_image_error(pair: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ImageError, match="StereoSGBM cannot match 96 x 48 pixels"):
        sgbm(pair[0], pair[1][:-1], 16)


def test_the_network_says_the_shift_with_nothing_taken_off(pair: tuple[np.ndarray, np.ndarray]) -> None:
    estimator = StereoEstimator(PipelineConfig(device="cpu", iterations=1))
    method = NetworkMethod(estimator)
    found = method(sample(pair))
    assert found.shape == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(found, NetworkMethod(estimator)(sample(pair, disparities=10)))
    assert method.device.type == "cpu"
