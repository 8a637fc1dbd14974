# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from foundation_stereo_ros.datasets.calibration_files import read_calib_txt, read_kitti_calibration
from foundation_stereo_ros.datasets.dataset import StereoNumbers
from foundation_stereo_ros.errors import FileFormatError

MIDDLEBURY = """cam0=[3979.911 0 1244.772; 0 3979.911 1019.507; 0 0 1]
cam1=[3979.911 0 1369.115; 0 3979.911 1019.507; 0 0 1]
doffs=124.343
baseline=193.001
width=2964
height=1988
ndisp=280
"""
KITTI = """P2: 700 0 600 35 0 700 180 0 0 0 1 0
P3: 700 0 601 -350 0 700 180 0 0 0 1 0
Tr_velo: 1 2 3
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "calib.txt"
    path.write_text(text)
    return path


def test_middlebury_in_metres_and_with_this_packages_sign(tmp_path: Path) -> None:
    assert read_calib_txt(write(tmp_path, MIDDLEBURY)) == StereoNumbers(
        fx=3979.911, baseline=pytest.approx(0.193001), doffs=-124.343, disparities=280
    )


def test_what_a_file_does_not_say_is_none(tmp_path: Path) -> None:
    assert read_calib_txt(write(tmp_path, "width=3\n")) == StereoNumbers()


def test_kitti(tmp_path: Path) -> None:
    found = read_kitti_calibration(write(tmp_path, KITTI), "P2", "P3")
    assert found == StereoNumbers(fx=700.0, baseline=pytest.approx(0.55), doffs=-1.0)


@pytest.mark.parametrize("value", ["many", "nan", "inf"])
def test_a_number_has_to_be_one(tmp_path: Path, value: str) -> None:
    with pytest.raises(FileFormatError, match=rf"calib\.txt has '{value}' for ndisp; expected a number"):
        read_calib_txt(write(tmp_path, f"ndisp={value}"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("P3: 1", "0 numbers for P2; expected 12"),
        (KITTI.replace("700 0 600 35", "700 0 600"), "11 numbers for P2"),
        (KITTI.replace("700 0 600 35", "0 0 600 35"), "focal length 0 in P2"),
    ],
)
def test_an_incomplete_matrix_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(FileFormatError, match=complaint):
        read_kitti_calibration(write(tmp_path, text), "P2", "P3")


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe=\x00")
    with pytest.raises(FileFormatError, match=r"binary\.txt is not a text file"):
        read_calib_txt(tmp_path / "binary.txt")
    with pytest.raises(FileFormatError, match=r"cannot read .*none\.txt"):
        read_calib_txt(tmp_path / "none.txt")
