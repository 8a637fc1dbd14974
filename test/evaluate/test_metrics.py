# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from foundation_stereo_ros.datasets.dataset import Averaging, StereoNumbers, StereoSample
from foundation_stereo_ros.evaluate.metrics import (
    NAMES,
    ImageScore,
    MethodScore,
    average,
    compared,
    error_metrics,
    errors_of,
    leaderboard_average,
)


def test_known_errors() -> None:
    truth = torch.tensor([100.0, 10.0, 10.0, 10.0, 10.0])
    estimate = truth + torch.tensor([4.0, -4.0, 2.5, 1.5, 0.5])
    found = {name: float(value) for name, value in error_metrics(estimate, truth, truth > 0).items()}
    assert found == pytest.approx({"epe": 2.5, "bp1": 80.0, "bp2": 60.0, "bp3": 40.0, "d1": 20.0})


def test_only_masked_pixels_count_and_nonsense_is_bad() -> None:
    truth, mask = torch.tensor([5.0, 5.0]), torch.tensor([True, False])
    assert float(error_metrics(torch.tensor([5.0, 50.0]), truth, mask)["bp3"]) == 0.0
    assert float(error_metrics(torch.tensor([float("nan"), 5.0]), truth, mask)["bp3"]) == 100.0


def test_pictures_without_truth_do_not_count_in_the_average() -> None:
    truth = torch.tensor([5.0, 5.0])
    one = error_metrics(truth + 1.5, truth, truth > 0)
    none = error_metrics(truth, truth, truth < 0)
    assert average([one, none])["bp1"] == 100.0
    assert math.isnan(average([none])["epe"])


# One row: unknown, occluded, far, near, very near, at the bound.
TRUTH = np.array([[np.nan, 10.0, 10.0, 40.0, 100.0, 192.0]], np.float32)
ERRORS = np.array([[7.0, 5.0, 1.0, 2.5, 4.0, 9.0]], np.float32)
SEEN = np.array([[True, False, True, True, True, True]])


def sample(seen: np.ndarray | None = SEEN) -> StereoSample:
    image = np.zeros((1, 6, 3), np.uint8)
    return StereoSample(image, image, TRUTH, seen, StereoNumbers())


def test_errors_by_hand() -> None:
    regions = compared(sample(), max_disparity=192.0)
    assert regions["all"].tolist() == [[False, True, True, True, True, False]]
    assert regions["noc"].tolist() == [[False, False, True, True, True, False]]
    found = errors_of(np.nan_to_num(TRUTH) - ERRORS, TRUTH, regions)
    # Errors 5, 1, 2.5 and 4; one of exactly 1 is not off by more than 1, and 4 is less than 5 % of 100.
    assert found["all"] == pytest.approx({"epe": 3.125, "bp1": 75.0, "bp2": 75.0, "bp3": 50.0, "d1": 25.0})
    third = 100 / 3
    assert found["noc"] == pytest.approx(
        {"epe": 2.5, "bp1": 2 * third, "bp2": 2 * third, "bp3": third, "d1": 0.0}
    )


def test_without_a_bound_or_a_mask() -> None:
    regions = compared(sample(seen=None), math.inf)
    assert list(regions) == ["all"]
    assert int(regions["all"].sum()) == 5


def image(epe: float, pixels: int, weight: float = 1.0, noc: int | None = None) -> ImageScore:
    counts = {"all": pixels} if noc is None else {"all": pixels, "noc": noc}
    errors = {region: dict.fromkeys(NAMES, epe) for region in counts}
    return ImageScore("x", 6, 1, weight, counts, {"network": MethodScore(errors)})


@pytest.mark.parametrize(
    ("averaging", "expected"),
    [
        ("images", 2.5),  # (1 + 4) / 2
        ("pixels", 3.25),  # (1 * 10 + 4 * 30) / 40
        ("weights", 2.0),  # (1 * 1 + 4 * 0.5) / 1.5
    ],
)
def test_averages_by_hand(averaging: Averaging, expected: float) -> None:
    images = [image(1.0, 10), image(4.0, 30, weight=0.5)]
    assert leaderboard_average(images, "network", averaging)["all"]["epe"] == pytest.approx(expected)


def test_images_without_a_region_do_not_count_in_it() -> None:
    images = [image(1.0, 10, noc=5), image(4.0, 30), image(math.nan, 0, noc=0)]
    means = leaderboard_average(images, "network", "images")
    assert means["noc"]["epe"] == 1.0
    assert means["all"]["epe"] == 2.5
    assert leaderboard_average(images[2:], "network", "pixels") == {}
    assert leaderboard_average([], "network", "images") == {}
