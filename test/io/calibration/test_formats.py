# SPDX-License-Identifier: Apache-2.0
"""One rig in files of all formats: points that both cameras see come out on one row, at their depth."""

from __future__ import annotations

import json
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from calibration_files import BASELINE, D1, D2, FOUR_COEFFICIENTS, K1, K2, RAW, SIZE, R, T
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import CalibrationError, FileFormatError, FoundationStereoError
from foundation_stereo_ros.estimate.config import RectificationSettings
from foundation_stereo_ros.estimate.stereo.rectification import StereoRectification
from foundation_stereo_ros.estimate.video.undistortion import Undistortion
from foundation_stereo_ros.io.calibration import FORMATS, read_calibrations, read_camera

FIELD = Path(__file__).parents[4] / "shared" / "cases" / "field" / "calibration_files"
K = "754.668 0.0 489.379 0.0 754.668 265.16 0.0 0.0 1.0"


def text_file(folder: Path, content: str | bytes, name: str = "calibration.any") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("name", RAW)
def test_points_come_out_on_one_row_at_their_depth(name: str, tmp_path: Path) -> None:
    paths = RAW[name](tmp_path)
    found = read_calibrations(paths, SIZE)
    rectify = StereoRectification.from_files(paths, SIZE)
    points = np.random.default_rng(0).uniform((-0.8, -0.4, 1.0), (0.8, 0.4, 6.0), (200, 3))
    points[:, :2] *= points[:, 2:] / 2
    seen = []
    for calibration, rotation, translation, k, d in (
        (found.left, np.eye(3), np.zeros(3), K1, D1),
        (found.right, R, T, K2, D2),
    ):
        d = d[:4] if name in FOUR_COEFFICIENTS else d
        raw, _ = cv2.projectPoints(points, cv2.Rodrigues(rotation)[0], translation, k, d)
        p = calibration.p[:, :3]
        seen.append(cv2.undistortPoints(raw, k, d, R=calibration.rotation, P=p)[:, 0])
        np.testing.assert_allclose(calibration.k, k, atol=1e-6)
    left, right = seen
    np.testing.assert_allclose(left[:, 1], right[:, 1], atol=0.01)
    rig = rectify.rig
    assert rig.baseline == pytest.approx(BASELINE, rel=1e-6)
    depth = rig.left.fx * rig.baseline / (left[:, 0] - right[:, 0] - rig.doffs)
    np.testing.assert_allclose(depth, (points @ found.left.rotation.T)[:, 2], rtol=2e-3)
    assert rectify.active and "images are rectified with it" in rectify.note and paths[0].name in rectify.note


@pytest.mark.parametrize("name", RAW)
def test_a_raw_calibration_does_not_know_how_others_rectified(name: str, tmp_path: Path) -> None:
    paths = RAW[name](tmp_path)
    if name == "OpenCV, rectified":  # it does
        assert not StereoRectification.from_files(paths, SIZE, rectified=True).active
        return
    for config, rectified in ((RectificationSettings(), True), (RectificationSettings("off"), None)):
        with pytest.raises(CalibrationError, match="does not say how the images were rectified"):
            StereoRectification.from_files(paths, SIZE, config, rectified)


@pytest.mark.parametrize(
    "content",
    [
        f"{K}\n0.063\n",
        f"\ufeff{K}\r\n0.063\r\n",
        f"{K}\r\n0.063\r\n".encode("utf-16"),
        "[754.668, 0.0, 489.379, 0.0, 754.668, 265.16, 0.0, 0.0, 1.0]\n0.063\n",
        "754.668 0.0 489.379\n0.0 754.668 265.16\n0.0 0.0 1.0\n0.063\n",
        "# K\n[[754.668, 0, 489.379],  // by row\n [0, 754.668, 265.16],\n [0, 0, 1]]\n0.063 % metres\n",
        "754.668 0 489.379; 0 754.668 265.16; 0 0 1\n6.3e-2",
    ],
)
def test_a_matrix_and_a_baseline_however_they_are_laid_out(content: str | bytes, tmp_path: Path) -> None:
    rig = StereoRectification.from_files([text_file(tmp_path, content)], (960, 540)).rig
    assert rig.left == rig.right and rig.baseline == pytest.approx(0.063)
    camera = rig.left
    assert (camera.width, camera.height, camera.fx, camera.fy) == (960, 540, 754.668, 754.668)
    assert (camera.cx, camera.cy) == (489.379, 265.16)


def test_a_matrix_alone_wants_a_baseline_and_two_files_are_two_cameras(tmp_path: Path) -> None:
    left = text_file(tmp_path, K, "left.txt")
    right = text_file(tmp_path, K.replace("489.379", "480") + " 0.2", "right.txt")
    with pytest.raises(CalibrationError, match=r"left\.txt: baseline is 0 m"):
        StereoRectification.from_files([left], (960, 540))
    rig = StereoRectification.from_files([left], (960, 540), RectificationSettings(baseline=0.1)).rig
    assert rig.baseline == 0.1
    rig = StereoRectification.from_files([left, right], (960, 540)).rig
    assert (rig.left.cx, rig.right.cx, rig.baseline) == (489.379, 480.0, pytest.approx(0.2))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1 2 3\n", "has 3 numbers; expected nine numbers of K row by row"),
        ("5 0 0 0 5 0 3 2 1\n0.1\n", r"third row of K is 3 2 1; expected 0 0 1 \(is it transposed\?\)"),
        ("1 2 3 4 5 6 7 8 9", "third row of K is 7 8 9; expected 0 0 1$"),
        (" ", "is no calibration that is known; looked for: OpenCV's FileStorage; .*; a matrix K"),
        ("hello: 5\n", "is no calibration that is known"),
        (b"\xff\xd8\xff\xe0", "is not a text file"),
        ("[" * 1000, "is no calibration that is known"),
        ("%YAML:1.0\n---\na: " + "[" * 10**6, "opens 1000000 brackets or tags"),
        ("%YAML:1.0\n---\na: " + '[ "]", ' * 10**5, "opens 100000 brackets or tags"),
        ("%YAML:1.0\n---\n" + "".join(" " * n + "a:\n" for n in range(1400)), "nested too deeply"),
        ("<?xml version='1.0'?>\n<opencv_storage>\n" + "<a>" * 10**5, "opens 100001 brackets or tags"),
        ('{"fx": ' * 10**5, "is not JSON"),
        ("intrinsics: " + "[" * 10**5, "is not YAML"),
        (
            "cam0:\n  intrinsics: [5, 5, 2, 2]\n  resolution: [.nan, 4]\n",
            "expected width and height in pixels",
        ),
        (
            "cam0=[1 0 2; 0 1 2; 0 0 1]\nbaseline=1\nwidth=0\nheight=1e99",
            "expected width and height in pixels",
        ),
        (" " * (1 << 20) + "\n", "has 1048577 bytes; expected a calibration, of at most 1048576"),
        ("%YAML:1.0\n---\na: [1,\n", "is no file of OpenCV's FileStorage: .*Missing"),
        ("%YAML:1.0\n---\na: 1\n", "no camera matrix; expected M1 and M2"),
        ("%YAML:1.0\n---\nK1: [1, 2]\n", "k1 has 2 values; expected 9"),
        ('{"fx": 5', "is not JSON"),
        ('{"fx": 5, "fy": 5, "ppy": 3}', "has fx, but no ppx"),
        ('{"fx": [], "ppx": 3, "ppy": 3}', "fx has 0 values; expected 1"),
        (
            '{"color": {"fx": 5, "ppx": 3, "ppy": 3}, "depth": {"fx": 5}}',
            "cameras color, depth; expected a left",
        ),
        ('{"cameraData": 5}', "no pairs of a socket and a camera"),
        ('{"cameraData": [[0, {}]]}', "has no camera 1"),
        ("[LEFT_CAM_HD]\nfx=1\n[STEREO]\nBaseline=120", "nothing for images of 640 x 480 pixels"),
        ("cam0=[1 0 2; 0 1 2; 0 0 1]\n", "no baseline"),
        ("P0: 1 2 3\n", "has no P1"),
        ("P0: 1 2 3\nP1: 1 2 3\n", "P0 has 3 values; expected 12"),
        ("cam0: {intrinsics: [1, 2]}\n", "intrinsics of cam0 has 2 values; expected 4"),
        ("cam0:\n  intrinsics: [5, 5, 2, 2]\n  camera_model: omni\n", "'omni'; expected pinhole"),
        ("cam0:\n  intrinsics: [5, 5, 2, 2]\n  distortion_model: fov\n", "'fov'; expected radtan"),
        ("cam0:\n  intrinsics: [5, 5, 2, 2]\ncam1:\n  intrinsics: [5, 5, 2, 2]\n", "has no T_cn_cnm1"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(content: str | bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=words) as caught:
        read_calibrations([text_file(tmp_path, content)], (640, 480))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_two_files_must_be_of_one_kind(tmp_path: Path) -> None:
    left = text_file(tmp_path, K, "K.txt")
    with pytest.raises(FileFormatError, match=r"K\.txt is a matrix K.* and .* is RealSense-style"):
        read_calibrations([left, text_file(tmp_path, '{"fx": 5}', "right.json")], SIZE)
    with pytest.raises(FileFormatError, match="has both cameras; expected one file"):
        read_calibrations([text_file(tmp_path, "cam0=[1]")] * 2, SIZE)


def test_each_format_says_its_name_once() -> None:
    assert len({row.name for row in FORMATS}) == len(FORMATS) == 10


def test_middleburys_baseline_is_in_millimetres_and_doffs_is_theirs(tmp_path: Path) -> None:
    lines = ["cam0=[994.978 0 311.193; 0 994.978 254.877; 0 0 1]", "doffs=31.086", "baseline=193.001"]
    for second in ([], ["cam1=[994.978 0 342.279; 0 994.978 254.877; 0 0 1]", "width=741", "height=500"]):
        path = text_file(tmp_path, "\n".join([*lines, *second]))
        rectify = StereoRectification.from_files([path], (741, 500))
        assert rectify.rig.baseline == pytest.approx(0.193001) and rectify.rig.doffs == pytest.approx(-31.086)
        assert not rectify.active and not rectify.note and not rectify.oddities
    with pytest.raises(CalibrationError, match="is for 741 x 500 pixels; the image has 640 x 480"):
        StereoRectification.from_files([path], (640, 480))


def kitti(first: int, shifts: tuple[float, ...], name: str = "P{}") -> str:
    p = "7.215377e+02 0 6.095593e+02 {} 0 7.215377e+02 1.728540e+02 0 0 0 1 0"
    return "\n".join(f"{name.format(first + n)}: {p.format(shift)}" for n, shift in enumerate(shifts))


def test_of_kittis_cameras_the_colour_ones_are_taken_where_they_are_there(tmp_path: Path) -> None:
    grey = text_file(tmp_path, kitti(0, (0.0, -387.5744)), "grey.txt")
    all_four = text_file(tmp_path, kitti(0, (0.0, -387.5744, 44.85728, -339.5242)), "all.txt")
    for path, baseline, word in ((grey, 387.5744, "grey"), (all_four, 44.85728 + 339.5242, "colour")):
        rectify = StereoRectification.from_files([path], (1242, 375))
        assert rectify.rig.baseline == pytest.approx(baseline / 721.5377)
        assert not rectify.active and f"the {word} cameras" in rectify.note


def test_kittis_raw_drives_are_known_by_the_size_of_their_images(tmp_path: Path) -> None:
    lines = ["calib_time: 09-Jan-2012 13:57:47", kitti(2, (44.85728, -339.5242), "P_rect_0{}")]
    for side in (2, 3):
        lines += [f"S_0{side}: 1.392e+03 5.12e+02", f"S_rect_0{side}: 1.242e+03 3.75e+02"]
        lines += [f"K_0{side}: 959.7 0 696 0 956.9 224 0 0 1", f"D_0{side}: -0.369 0.196 0.0013 0.0017 -0.05"]
        lines += [f"R_rect_0{side}: 0.999875 0.015805 0 -0.015805 0.999875 0 0 0 1"]
    path = text_file(tmp_path, "\n".join(lines))
    rectified = StereoRectification.from_files([path], (1242, 375))
    raw = StereoRectification.from_files([path], (1392, 512))
    assert not rectified.active and raw.active and "images are rectified with it" in raw.note
    for found in (rectified, raw):
        assert found.rig.baseline == pytest.approx((44.85728 + 339.5242) / 721.5377)
        assert found.rig.left.fx == 721.5377
    with pytest.raises(CalibrationError, match="is for 1242 x 375"):
        StereoRectification.from_files([path], (640, 480))


@pytest.mark.parametrize(
    ("extra", "baseline"),
    [('"baseline": 0.05', 0.05), ('"baseline_mm": 50', 0.05), ('"x": {"baseline_m": 0.095}', 0.095)],
)
def test_one_camera_of_a_realsense_stands_for_both(extra: str, baseline: float, tmp_path: Path) -> None:
    content = (
        f'{{"width": 640, "height": 480, "fx": 385.0, "fy": 384.0, "ppx": 320.5, "ppy": 239.5, {extra}}}'
    )
    rectify = StereoRectification.from_files([text_file(tmp_path, content)], (640, 480))
    assert rectify.rig.baseline == pytest.approx(baseline) and rectify.rig.left.cx == 320.5
    assert rectify.rig.left == rectify.rig.right and not rectify.active


def test_a_distorted_camera_alone_is_not_enough(tmp_path: Path) -> None:
    content = (
        '{"fx": 385, "fy": 384, "ppx": 320.5, "ppy": 239.5, "coeffs": [0.1, 0, 0, 0, 0], "baseline": 0.05}'
    )
    path = text_file(tmp_path, content)
    with pytest.raises(CalibrationError, match="has a distortion or a rotation; expected the files of both"):
        StereoRectification.from_files([path], (640, 480))
    content = content.replace('"coeffs"', '"model": "inverse_brown_conrady", "coeffs"')
    with pytest.raises(FileFormatError, match="lens model is inversebrownconrady; expected brown_conrady"):
        read_calibrations([text_file(tmp_path, content)], (640, 480))


def test_a_t265s_fisheyes_are_rectified(tmp_path: Path) -> None:
    coefficients = [-0.0077, 0.0465, -0.0437, 0.0078, 0.0]
    camera = {"fx": 286.0, "fy": 286.1, "ppx": 424.0, "ppy": 400.0, "width": 848, "height": 800}
    camera |= {"model": "Kannala Brandt4", "coeffs": coefficients}
    content = {"fisheye1": camera, "fisheye2": camera}
    content["extrinsics"] = {"rotation": np.eye(3).ravel().tolist(), "translation": [-0.0637, 0.0002, 0.0]}
    rectify = StereoRectification.from_files([text_file(tmp_path, json.dumps(content))], (848, 800))
    assert rectify.active and rectify.rig.baseline == pytest.approx(0.0637, rel=1e-4)
    assert rectify.rig.left.fx == 286.0


def test_two_kinds_of_echo_are_read_with_binning_and_region(tmp_path: Path) -> None:
    p = [350.0, 0.0, 160.0, -21.0, 0.0, 350.0, 120.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    info = {"height": 480, "width": 640, "k": [350.0, 0, 160, 0, 350, 120, 0, 0, 1], "p": p, "binning_x": 2}
    info |= {"binning_y": 2, "roi": {"x_offset": 20, "y_offset": 10, "height": 440, "width": 600}}
    text = yaml.safe_dump(info) + "---\n" + yaml.safe_dump(info) + "---\n"
    rig = StereoRectification.from_files([text_file(tmp_path, text)], (300, 220)).rig
    assert (rig.left.fx, rig.left.cx, rig.left.cy) == (175.0, 70.0, 55.0)
    assert rig.baseline == pytest.approx(0.06)


@pytest.mark.skipif(not FIELD.is_dir(), reason="no cases from the field here")
@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("K_bom.txt", (960, 540), 0.063),
        ("K_br.txt", (960, 540), 0.063),
        ("K_rows.txt", (960, 540), 0.063),
        ("kitti_calib.txt", (1242, 375), 387.5744 / 721.5377),
        ("middlebury_calib.txt", (741, 500), 0.193001),
        ("SN1.conf", (1280, 720), r"expected \[RIGHT_CAM_HD\] in it"),
        ("SN1.conf", (640, 480), "expected the size of one of a ZED's modes"),
        ("oak.json", (1280, 720), "baseline is 0 m"),
        ("stereo_cv.yml", (640, 480), "baseline is 0 m"),
        ("README", (640, 480), "is no calibration that is known; looked for"),
    ],
)
def test_files_from_the_field(name: str, size: tuple[int, int], expected: float | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(FoundationStereoError, match=expected):
            StereoRectification.from_files([FIELD / name], size)
    else:
        rectify = StereoRectification.from_files([FIELD / name], size)
        assert rectify.rig.baseline == pytest.approx(expected) and not rectify.oddities


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[list[bytes]]:
    return [[path.read_bytes() for path in write(tmp_path_factory.mktemp("raw"))] for write in RAW.values()]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_damaged_files_are_one_sentence_or_right(
    seed: int, originals: list[list[bytes]], tmp_path: Path
) -> None:
    chance = random.Random(seed)
    paths = []
    for number, content in enumerate(chance.choice(originals)):
        damaged = bytearray(content)
        for _ in range(chance.randint(0, 6)):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.choice((0, 1, 20))] = chance.choice(
                (
                    b"",
                    b"-",
                    b"[",
                    b"}",
                    b"nan",
                    b"1e999",
                    b":",
                    b"\n",
                    b"0" * 30,
                    bytes([chance.randrange(256)]),
                )
            )
        paths.append(text_file(tmp_path, bytes(damaged), f"{number}.any"))
    for use in (
        lambda: StereoRectification.from_files(paths, SIZE).rig.baseline,
        lambda: Undistortion(read_camera(paths[0], SIZE).calibration, SIZE).camera.fx,
    ):
        try:
            assert use() > 0
        except FoundationStereoError as error:
            told = str(error)
        else:
            told = ""
        assert "\n" not in told and len(told) < 2000
