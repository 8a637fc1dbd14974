# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import torch

from foundation_stereo_ros.datasets.dataset import StereoDataset
from foundation_stereo_ros.evaluate.job import EvaluationJob
from foundation_stereo_ros.evaluate.metrics import NAMES, ImageScore, MethodScore
from foundation_stereo_ros.evaluate.report import table


class Named:
    name = "network"
    device = torch.device("cpu")

    def __call__(self, sample: object) -> object:
        raise NotImplementedError


def image(
    name: str, value: float, pixels: int, *, noc: bool = False, seconds: float = math.nan
) -> ImageScore:
    counts = {"all": pixels, **({"noc": pixels} if noc else {})}
    errors = {region: dict.fromkeys(NAMES, value) for region in counts}
    peak = 0 if math.isnan(seconds) else 100 * 2**20
    return ImageScore(name, 8, 8, 1.0, counts, {"network": MethodScore(errors, seconds, peak)})


def lines(dataset: StereoDataset, *images: ImageScore, warm: bool = False) -> list[list[str]]:
    job = EvaluationJob([Named()], math.inf, warm=warm)
    job.results.extend(images)
    return [line.split() for line in table(job, dataset).splitlines()]


def test_both_means_where_the_benchmark_counts_pixels() -> None:
    kitti = StereoDataset("KITTI 2015", lambda: iter(()), averaging="pixels")
    found = lines(kitti, image("a", 1.0, 10), image("b", 4.0, 30))
    assert found[0][:4] == ["KITTI", "2015:", "2", "images;"]
    assert found[3] == ["a", "network", *["1.00"] * 5]
    assert found[-2] == ["mean", "of", "images", "network", *["2.50"] * 5]
    assert found[-1] == ["mean", "of", "all", "pixels", "network", *["3.25"] * 5]


def test_one_mean_and_dashes_where_a_region_is_unknown() -> None:
    plain = StereoDataset("mine", lambda: iter(()))
    found = lines(plain, image("a", 1.0, 10, noc=True), image("b", 3.0, 10))
    assert found[4] == ["b", "network", *["3.00"] * 5, *["-"] * 5]
    assert found[-1] == ["mean", "of", "images", "network", *["2.00"] * 5, *["1.00"] * 5]


def test_speed_of_a_warm_run() -> None:
    plain = StereoDataset("mine", lambda: iter(()))
    found = lines(plain, image("a", 1.0, 10, seconds=0.1), image("b", 1.0, 10, seconds=0.3), warm=True)
    assert found[3][-2:] == ["100.0", "100"]
    assert found[-2][-2:] == ["200.0", "100"]
    assert found[-1][:3] == ["network:", "5.00", "frames/s;"]
