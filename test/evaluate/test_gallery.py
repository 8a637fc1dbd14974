# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.datasets.dataset import StereoNumbers, StereoSample
from foundation_stereo_ros.evaluate.gallery import WORST, Gallery, contact_sheet
from foundation_stereo_ros.evaluate.metrics import ImageScore, MethodScore
from foundation_stereo_ros.io.report import Legend, Picture
from foundation_stereo_ros.io.visualize import INVALID


def one(name: str, bad: float) -> tuple[StereoSample, dict[str, np.ndarray], ImageScore]:
    truth = np.full((40, 400), 8.0, np.float32)
    truth[:, :200] = np.nan
    image = np.full((40, 400, 3), 200, np.uint8)
    errors = {"all": {"epe": 6.0, "bp1": bad, "bp2": bad, "bp3": bad, "d1": bad}}
    score = ImageScore(name, 400, 40, 1.0, {"all": 1}, {"network": MethodScore(errors)})
    return StereoSample(image, image, truth, None, StereoNumbers()), {"network": truth + 6}, score


def test_the_error_map_is_red_where_wrong_and_dark_where_unknown(tmp_path: Path) -> None:
    Gallery(tmp_path).add(*one("street/a", 100.0))
    (path,) = (tmp_path / "pictures").iterdir()
    assert path.name == "0001_street_a.png"
    sheet = cv2.imread(str(path))[..., ::-1]
    assert sheet.shape == (2 * (40 + 44), 800, 3)
    error = sheet[-40:, 400:]
    assert tuple(error[20, 100]) == INVALID
    red, green, blue = error[20, 300].astype(int)
    assert red > 100 > green + blue


def test_odd_numbers_and_narrow_pictures_have_room_for_their_titles() -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    sheet = contact_sheet(
        [Picture("a", image), Picture("b", image), Picture("ü", image, "", Legend("0", "1"))]
    )
    assert sheet.shape == (2 * (160 + 44), 640, 3)


@pytest.mark.parametrize("bad", [50.0, float("nan")])
def test_only_the_worst_are_remembered(tmp_path: Path, bad: float) -> None:
    gallery = Gallery(tmp_path)
    for number in range(WORST + 2):
        gallery.add(*one(f"image {number}", bad if number == 3 else 10.0 + number))
    kept = [pictures[0].title for pictures in gallery._sheets.worst()]
    assert len(kept) == WORST
    assert ("image 3" in kept) == (bad == 50.0)
    assert "image 0" not in kept
