# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from foundation_stereo_ros.train.curve import CURVE_NAME, draw_curve, read_series


def write(folder: Path, lines: list[dict[str, float]], tail: str = "") -> Path:
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
    return folder / "log.jsonl"


def test_series_are_validations_alone_and_the_newest_of_each_step(tmp_path: Path) -> None:
    log = write(
        tmp_path,
        [
            {"step": 10, "train/bp2": 90.0},
            {"step": 20, "painted/bp2": 50.0, "painted/epe": 3.0, "real/bp2": 40.0},
            {"step": 40, "painted/bp2": 99.0},
            {"step": 40, "painted/bp2": 30.0},  # after a kill the same steps are done again
        ],
        tail='{"step": 50, "pain',
    )
    assert read_series(log) == {"painted": [(20, 50.0), (40, 30.0)], "real": [(20, 40.0)]}


def test_where_each_real_pair_is_known_their_mean_is_not_shown(tmp_path: Path) -> None:
    log = write(tmp_path, [{"step": 20, "real/bp2": 40.0, "real/cones/bp2": 60.0, "real/tsukuba/bp2": 20.0}])
    assert set(read_series(log)) == {"real/cones", "real/tsukuba"}


def test_a_falling_figure_is_a_falling_line(tmp_path: Path) -> None:
    write(tmp_path, [{"step": step, "painted/bp2": 1000.0 / step} for step in (20, 40, 80, 160)])
    draw_curve(tmp_path)
    picture = cv2.imread(str(tmp_path / CURVE_NAME))
    assert picture.shape == (540, 960, 3)
    blue = (np.abs(picture.astype(int) - (180, 119, 31)).sum(axis=2) < 30)[90:, 70:930]
    rows, columns = np.nonzero(blue)
    assert np.corrcoef(rows, columns)[0, 1] > 0.99  # straight: both axes are logarithmic
    assert np.ptp(columns) > 800


def test_one_validation_draws_nothing(tmp_path: Path) -> None:
    write(tmp_path, [{"step": 20, "painted/bp2": 50.0}, {"step": 40, "train/bp2": 50.0}])
    draw_curve(tmp_path)
    assert not (tmp_path / CURVE_NAME).exists()
