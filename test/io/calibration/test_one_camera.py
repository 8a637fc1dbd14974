# SPDX-License-Identifier: Apache-2.0
"""One camera by itself, from the files of all formats."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from calibration_files import D1, D2, FOUR_COEFFICIENTS, K1, K2, RAW, SIZE, kalibr, storage, written

from foundation_stereo_ros.errors import CalibrationError, FileFormatError
from foundation_stereo_ros.geometry.rectify import distortion_coefficients
from foundation_stereo_ros.io.calibration import read_calibrations, read_camera

NAMES = {
    "Kalibr": ("cam0", "cam1"),
    "OAK": ("1", "2"),
    "OAK by the middle": ("1", "2"),
    "RealSense": ("infra1", "infra2"),
}
TWO_FILES = ("EuRoC", "OpenCV, two files")
FOCAL = "700 0 320 0 710 240 0 0 1"


@pytest.mark.parametrize("name", [name for name in RAW if name not in TWO_FILES])
def test_each_camera_of_the_rig_is_found_by_its_name(name: str, tmp_path: Path) -> None:
    (path,) = RAW[name](tmp_path)
    for camera, k, d in zip(NAMES.get(name, ("left", "RIGHT")), (K1, K2), (D1, D2), strict=True):
        found = read_camera(path, SIZE, camera)
        assert found.note == ""
        np.testing.assert_allclose(found.calibration.k, k, atol=1e-6)
        d = d[:4] if name in FOUR_COEFFICIENTS else d
        np.testing.assert_allclose(found.calibration.d[: d.size], d, atol=1e-9)
        assert not found.calibration.d[d.size :].any()
        np.testing.assert_array_equal(found.calibration.r, np.eye(3))


@pytest.mark.parametrize("name", RAW)
def test_without_a_name_the_first_one_is_used_and_told(name: str, tmp_path: Path) -> None:
    path = RAW[name](tmp_path)[0]
    found = read_camera(path, SIZE)
    one = name == "EuRoC"
    assert ("has the cameras" in found.note) != one
    first = {"OAK": "0", "OAK by the middle": "0", "RealSense": "infra2"}.get(name, "")
    assert found.note.endswith(f"{first} is used") or one
    np.testing.assert_allclose(found.calibration.k, K2 if name == "RealSense" else K1, atol=1e-6)


def test_another_name_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    (path,) = kalibr(tmp_path)
    with pytest.raises(FileFormatError, match="has no camera 'left'; expected one of cam0, cam1") as refused:
        read_camera(path, SIZE, "left")
    assert refused.value.remedies == ({"camera": ""},)


def test_a_camera_is_read_beside_one_that_is_no_pinhole(tmp_path: Path) -> None:
    (path,) = kalibr(tmp_path)
    chain = yaml.safe_load(path.read_text())
    chain["cam1"]["camera_model"] = "omni"
    chain["cam2"] = chain["cam0"] | {"intrinsics": [500.0, 501.0, 320.0, 240.0]}
    path.write_text(yaml.safe_dump(chain))
    assert read_camera(path, SIZE, "cam2").calibration.k[0, 0] == 500.0
    assert read_camera(path, SIZE).note.endswith("has the cameras cam0, cam1, cam2; cam0 is used")
    with pytest.raises(FileFormatError, match="camera_model of cam1 is 'omni'; expected pinhole"):
        read_camera(path, SIZE, "cam1")


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (FOCAL, (640, 480)),
        (f"{FOCAL}\n0.12", (640, 480)),
        ("700,0,320\n0,710,240\n0,0,1", (640, 480)),
        ('{"fx": 700, "fy": 710, "ppx": 320, "ppy": 240}', (640, 480)),
        (
            '{"color": {"fx": 700, "fy": 710, "ppx": 320, "ppy": 240, "width": 640, "height": 480}}',
            (640, 480),
        ),
        (
            "image_width: 640\nimage_height: 480\ncamera_matrix: {data: [700,0,320,0,710,240,0,0,1]}",
            (640, 480),
        ),
        ("cam0=[700 0 320; 0 710 240; 0 0 1]\ncam1=[7 0 3; 0 7 2; 0 0 1]\nbaseline=193", (640, 480)),
        ("P0: 700 0 320 0 0 710 240 0 0 0 1 0\nP1: 7 0 3 -4 0 7 2 0 0 0 1 0", (640, 480)),
        ("# Camera list\n1 PINHOLE 640 480 700 710 320.5 240.5", (640, 480)),
    ],
)
def test_one_camera_in_other_files(tmp_path: Path, content: str, size: tuple[int, int]) -> None:
    found = read_camera(written(tmp_path / "camera.any", content), size).calibration
    assert found.k.ravel().tolist() == [700, 0, 320, 0, 710, 240, 0, 0, 1]
    assert (found.width, found.height) == size
    assert not found.d.any()


def test_one_camera_of_opencv(tmp_path: Path) -> None:
    values = {"image_width": 672, "image_height": 376, "camera_matrix": K1, "distortion_coefficients": D1}
    found = read_camera(storage(tmp_path / "camera.yml", values), (1, 1))
    assert found.note == ""
    np.testing.assert_allclose(found.calibration.k, K1)
    np.testing.assert_allclose(found.calibration.d, D1)
    assert (found.calibration.width, found.calibration.height) == (672, 376)


@pytest.mark.parametrize(
    ("row", "k", "model", "d"),
    [
        ("SIMPLE_PINHOLE 640 480 700 320 240", (700, 700), "none", []),
        ("SIMPLE_RADIAL 640 480 700 320 240 0.1", (700, 700), "plumb_bob", [0.1, 0, 0, 0]),
        ("RADIAL 640 480 700 320 240 0.1 0.2", (700, 700), "plumb_bob", [0.1, 0.2, 0, 0]),
        ("OPENCV 640 480 700 710 320 240 .1 .2 .3 .4", (700, 710), "plumb_bob", [0.1, 0.2, 0.3, 0.4]),
        (
            "OPENCV_FISHEYE 640 480 700 710 320 240 .1 .2 .3 .4",
            (700, 710),
            "equidistant",
            [0.1, 0.2, 0.3, 0.4],
        ),
        (
            "FULL_OPENCV 640 480 700 710 320 240 .1 .2 .3 .4 .5 .6 .7 .8",
            (700, 710),
            "rational_polynomial",
            [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        ),
    ],
)
def test_colmap_has_its_pixels_half_a_pixel_further(
    tmp_path: Path, row: str, k: tuple[int, int], model: str, d: list[float]
) -> None:
    found = read_camera(written(tmp_path / "cameras.txt", f"7 {row}\n"), (640, 480)).calibration
    assert (found.k[0, 0], found.k[1, 1], found.k[0, 2], found.k[1, 2]) == (*k, 319.5, 239.5)
    assert found.distortion_model == model
    assert found.d.tolist() == d
    assert np.isfinite(distortion_coefficients(found.distortion_model, found.d)).all()


def test_colmap_has_several_cameras_and_no_pairs(tmp_path: Path) -> None:
    path = written(
        tmp_path / "cameras.txt", "1 PINHOLE 640 480 700 710 320 240\n2 FOV 640 480 700 710 320 240 0.5\n"
    )
    assert read_camera(path, SIZE).note.endswith("has the cameras 1, 2; 1 is used")
    with pytest.raises(FileFormatError, match="camera 2 is a FOV; expected SIMPLE_PINHOLE"):
        read_camera(path, SIZE, "2")
    with pytest.raises(FileFormatError, match="does not say how two cameras stand to each other"):
        read_calibrations([path], SIZE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1 2 3", "has 3 numbers; expected nine numbers of K"),
        ("hello", "is no calibration that is known"),
        ("1 PINHOLE 640 480 700 710", r"camera 1 \(PINHOLE\) has 2 values; expected 4"),
        ("[LEFT_CAM_HD]\nfx=1", "nothing for images of 672 x 376 pixels"),
        ("cam0:\n  intrinsics: [1, 2]", "intrinsics of cam0 has 2 values; expected 4"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(FileFormatError, match=said):
        read_camera(written(tmp_path / "camera.any", content), SIZE)


def test_impossible_numbers_name_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "camera.any", "nan 0 320 0 710 240 0 0 1")
    with pytest.raises(CalibrationError, match=r"camera\.any"):
        read_camera(path, SIZE)


def test_a_lens_of_a_chain_is_undistorted_as_opencv_does(tmp_path: Path) -> None:
    from foundation_stereo_ros.estimate.video.undistortion import Undistortion

    (path,) = kalibr(tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    undistorted = Undistortion(read_camera(path, SIZE, "cam1").calibration, SIZE)
    assert undistorted.bends
    wanted = cv2.undistort(image, K2, D2[:4])
    assert np.abs(undistorted(image).astype(int) - wanted)[20:-20, 20:-20].mean() < 1
