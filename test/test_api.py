# SPDX-License-Identifier: Apache-2.0
"""What a person can import from the package itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

import foundation_stereo_ros as api

WIDTH, HEIGHT = 96, 64
WIDE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 6, 3), dtype=np.uint8)
LEFT, RIGHT = WIDE[:, :WIDTH], WIDE[:, 6:]


def test_every_public_name_is_there() -> None:
    assert len(set(api.__all__)) == len(api.__all__)
    for name in api.__all__:
        assert getattr(api, name) is not None
    assert set(api.__all__) <= set(dir(api))
    with pytest.raises(AttributeError, match="has no attribute 'StereoEstimater'"):
        _ = api.StereoEstimater


def test_type_checkers_are_told_the_same_names(root: Path) -> None:
    stub = ast.parse((root / "foundation_stereo_ros" / "__init__.pyi").read_text())
    told = {
        alias.asname: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == {name: f"{api.__name__}.{module}" for name, module in api._MODULE_OF.items()}


def test_all_errors_of_the_package_are_public() -> None:
    from foundation_stereo_ros import errors

    classes = {name for name in vars(errors) if name.endswith("Error")}
    assert classes <= set(api.__all__)


LAZY = """
import sys
import foundation_stereo_ros
from foundation_stereo_ros import ConfigError, StereoRig
dir(foundation_stereo_ros)
StereoRig.from_focal_length(100.0, 0.1, (64, 48))
print(sorted({"numpy", "torch", "timm", "cv2", "rosbags", "rclpy"} & set(sys.modules)))
from foundation_stereo_ros import Prediction, rig_from_camera_info, rig_from_file
print(sorted({"torch", "timm", "rosbags", "rclpy"} & set(sys.modules)))
"""


def test_names_load_no_more_than_they_need() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


@pytest.mark.parametrize("weights", ["lean", "tiny", "", "path"])
def test_weights_are_loaded_by_name_or_by_path(weights: str, tmp_path: Path) -> None:
    wanted: Any = weights
    if weights == "path":
        wanted = tmp_path / "mine.safetensors"
        api.save_checkpoint(wanted, api.LeanStereo(api.LeanConfig(max_disp=64)), {})
    estimator = api.StereoEstimator.load(wanted, device="cpu", iterations=1, z_far=20.0)
    assert (estimator.config.z_far, estimator.config.z_near) == (20.0, 0.1)
    prediction = estimator(LEFT, RIGHT, api.StereoRig.from_focal_length(100.0, 0.1, (WIDTH, HEIGHT)))
    assert isinstance(prediction, api.Prediction)
    assert prediction.depth.shape == prediction.disparity.shape == (HEIGHT, WIDTH)
    if weights != "path":  # those have learned nothing
        assert np.median(prediction.disparity[:, 20:]) == pytest.approx(6.0, abs=0.5)


@pytest.mark.parametrize(
    ("weights", "settings", "error", "words"),
    [
        ("nowhere.safetensors", {}, "CheckpointError", "nowhere.safetensors"),
        ("lean", {"zfar": 3.0}, "ConfigError", "unknown setting 'zfar'"),
        ("lean", {"scale": 9.0}, "ConfigError", "scale is 9.0; expected a number from 0.1 to 2"),
    ],
)
def test_what_cannot_be_loaded_is_the_packages_own_error(
    weights: str, settings: dict[str, Any], error: str, words: str
) -> None:
    with pytest.raises(getattr(api, error)) as refused:
        api.StereoEstimator.load(weights, **settings)
    assert isinstance(refused.value, api.FoundationStereoError)
    assert words in str(refused.value)


def camera_info(tx: float = 0.0, **changes: Any) -> dict[str, Any]:
    k = [50.0, 0.0, 47.0, 0.0, 51.0, 31.0, 0.0, 0.0, 1.0]
    p = [50.0, 0.0, 47.0 + 0.2 * tx, tx, 0.0, 51.0, 31.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    r = np.eye(3).ravel().tolist()
    return {"width": WIDTH, "height": HEIGHT, "d": [0.0] * 5, "k": k, "r": r, "p": p, **changes}


@pytest.fixture
def rig() -> Any:
    left = api.Camera(WIDTH, HEIGHT, 50.0, 51.0, 47.0, 31.0)
    right = api.Camera(WIDTH, HEIGHT, 50.0, 51.0, 46.0, 31.0)
    return api.StereoRig(left, right, 0.1)


def test_a_rig_from_its_numbers() -> None:
    plain = api.StereoRig.from_focal_length(50.0, 0.1, (WIDTH, HEIGHT))
    camera = api.Camera(WIDTH, HEIGHT, 50.0, 50.0, 47.5, 31.5)  # pixel 0 is the centre of the first one
    assert plain == api.StereoRig(camera, camera, 0.1)
    numbers = {"fy": 51.0, "cx": 47.0, "cy": 31.0, "cx_right": 46.0}
    full = api.StereoRig.from_focal_length(50.0, 0.1, (WIDTH, HEIGHT), **numbers)
    assert (full.left.cx, full.right.cx, full.left.fy, full.right.cy) == (47.0, 46.0, 51.0, 31.0)
    with pytest.raises(api.CalibrationError, match=r"baseline is -0\.1"):
        api.StereoRig.from_focal_length(50.0, -0.1, (WIDTH, HEIGHT))


@pytest.mark.parametrize("capitals", [False, True])
def test_a_rig_from_two_camera_infos_of_ros_2_or_ros_1(capitals: bool, rig: Any) -> None:
    def message(tx: float) -> Any:
        fields = camera_info(tx)
        return SimpleNamespace(**{n.upper() if capitals and len(n) == 1 else n: v for n, v in fields.items()})

    found = api.rig_from_camera_info(message(0.0), message(-5.0))
    assert found == rig
    assert api.rig_from_camera_info(message(0.0), message(0.0), baseline=0.3).baseline == 0.3
    with pytest.raises(api.CalibrationError, match="baseline"):
        api.rig_from_camera_info(message(0.0), message(0.0))


def test_a_camera_info_tells_the_size_of_its_images() -> None:
    part = SimpleNamespace(x_offset=8, y_offset=4, width=80, height=40, do_rectify=False)
    left, right = (SimpleNamespace(**camera_info(tx, roi=part, binning_x=2, binning_y=2)) for tx in (0, -5))
    found = api.rig_from_camera_info(left, right)
    assert (found.left.width, found.left.height) == (40, 20)
    assert (found.left.fx, found.left.cx, found.baseline) == (25.0, 19.5, pytest.approx(0.1))
    with pytest.raises(api.CalibrationError, match="the image has 96 x 64"):
        api.rig_from_camera_info(left, right, size=(WIDTH, HEIGHT))


def test_a_rig_from_files(tmp_path: Path, rig: Any) -> None:
    size = (WIDTH, HEIGHT)
    for side, tx in (("left", 0.0), ("right", -5.0)):
        (tmp_path / f"{side}.yaml").write_text(yaml.safe_dump(camera_info(tx)))
    assert api.rig_from_file(tmp_path / "left.yaml", tmp_path / "right.yaml", size=size) == rig
    alone = api.rig_from_file(str(tmp_path / "right.yaml"), size=size)
    assert alone.left == alone.right == rig.right and alone.baseline == pytest.approx(0.1)
    (tmp_path / "K.txt").write_text("50 0 47 0 51 31 0 0 1\n0.1\n")
    text = api.rig_from_file(tmp_path / "K.txt", size=size)
    assert text == api.StereoRig(rig.left, rig.left, 0.1)
    assert api.rig_from_file(tmp_path / "K.txt", size=size, baseline=0.2).baseline == 0.2
    assert api.rig_from_file(tmp_path / "K.txt", tmp_path / "K.txt", size=size) == text
    with pytest.raises(
        api.FileFormatError, match=r"K.txt is a matrix .* is CameraInfo.*; expected two of one"
    ):
        api.rig_from_file(tmp_path / "K.txt", tmp_path / "left.yaml", size=size)
