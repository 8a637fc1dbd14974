# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import torch

from foundation_stereo_ros.train.pictures import (
    CURVE_NAME,
    WRONG,
    Shown,
    draw_curve,
    paint,
    panel,
    read_series,
)


def test_a_panel_shows_views_error_truth_and_estimate() -> None:
    left, right = torch.full((3, 4, 8), 200.0), torch.full((3, 4, 8), 50.4)
    truth = torch.arange(8.0).expand(1, 4, 8)
    valid = truth < 6
    estimate = truth.clone()
    estimate[:, 0] += 2 * WRONG
    found = panel(Shown(left, right, truth, valid, estimate))
    assert found.shape == (8, 24, 3) and found.dtype == np.uint8
    assert np.all(found[:4, :8] == 200) and np.all(found[:4, 8:16] == 50)
    error, painted = found[:4, 16:], found[4:, :8]
    assert error[0, 0, 0] > error[0, 0, 2]  # red: wrong
    assert error[3, 0, 2] > error[3, 0, 0] or error[3, 0].max() < 90  # blue: right
    assert np.all(error[:, 6:] == error[0, 6])  # unknown
    assert np.array_equal(painted[:, :6], found[4:, 8:16][:, :6]) is False  # row 0 is off
    assert np.array_equal(painted[1:, :6], found[5:, 8:14])


def test_colours_rise_from_blue_to_red_and_nothing_known_is_dark() -> None:
    ramp = np.linspace(0, 1, 5, dtype=np.float32)[None]
    colours = paint(ramp, np.ones_like(ramp, bool), 0.0, 1.0)[0].astype(int)
    assert colours[1, 2] > colours[1, 0] and colours[4, 0] > colours[4, 2]
    assert np.all(paint(ramp, np.zeros_like(ramp, bool), 0.0, 1.0) == (24, 24, 28))
    unknown = torch.zeros(1, 4, 8)
    views = torch.zeros(3, 4, 8)
    assert panel(Shown(views, views, unknown, unknown > 0, unknown)).shape == (8, 24, 3)


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
