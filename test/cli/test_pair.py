# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from painted_pairs import FIELD, block_pair, field_pair
from PIL import Image

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.weights import save_checkpoint

HEIGHT, WIDTH = 40, 60
FLAGS = ["--fx", "50", "--baseline", "0.1"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_checkpoint(path, FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)), {})
    return path


@pytest.fixture
def command(tmp_path: Path, weights: Path) -> list[str]:
    wide = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 6, 3), dtype=np.uint8)
    paths = tmp_path / "left.png", tmp_path / "right.png"
    Image.fromarray(wide[:, :WIDTH]).save(paths[0])
    Image.fromarray(wide[:, 6:]).save(paths[1])
    options = [
        "-o",
        str(tmp_path / "out"),
        "--force",  # several runs in one test
        "--checkpoint",
        str(weights),
        "--device",
        "cpu",
        "--iterations",
        "1",
    ]
    return ["pair", *map(str, paths), *options]


def stored(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "out" / "result.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def camera_info(folder: Path, side: str, tx: float, cx: float = 30.0, d: float = 0.0) -> str:
    k = [50.0, 0.0, cx, 0.0, 50.0, 20.0, 0.0, 0.0, 1.0]
    p = [50.0, 0.0, cx, tx, 0.0, 50.0, 20.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    info = {
        "image_width": WIDTH,
        "image_height": HEIGHT,
        "distortion_model": "plumb_bob",
        "camera_matrix": {"rows": 3, "cols": 3, "data": k},
        "distortion_coefficients": {"rows": 1, "cols": 5, "data": [d, 0.0, 0.0, 0.0, 0.0]},
        "rectification_matrix": {"rows": 3, "cols": 3, "data": np.eye(3).ravel().tolist()},
        "projection_matrix": {"rows": 3, "cols": 4, "data": p},
    }
    path = folder / f"{side}.yaml"
    path.write_text(yaml.safe_dump(info))
    return str(path)


def test_all_kinds_are_written_and_summed_up(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *FLAGS]) == 0
    *paths, summary = capsys.readouterr().out.splitlines()
    names = ["left.png", "disparity.png", "depth.png", "cloud.ply", "result.npz"]
    assert paths == [str(tmp_path / "out" / name) for name in names]
    assert all(Path(path).is_file() for path in paths)
    assert re.fullmatch(r"60 x 40 pixels, [\d.]+ % valid, depth [\d.]+ to [\d.]+ m, [\d.]+ s", summary)
    arrays = stored(tmp_path)
    np.testing.assert_array_equal(arrays["valid"], np.isfinite(arrays["depth"]))
    assert arrays["K"].tolist() == [[50, 0, 29.5], [0, 50, 19.5], [0, 0, 1]]


def test_options_of_the_pipeline_reach_it(command: list[str], tmp_path: Path) -> None:
    options = ["--scale", "0.5", "--no-full-resolution", "--export", "npz", "--z-near", "0.01"]
    options += ["--confidence", "--confidence-threshold", "100"]
    assert main([*command, *FLAGS, *options]) == 0
    arrays = stored(tmp_path)
    assert arrays["depth"].shape == arrays["confidence"].shape == (20, 30)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result.npz"]


def test_all_ways_to_name_the_cameras_agree(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "K.txt").write_text("50 0 30 0 50 20 0 0 1\n0.1\n")
    left, right = camera_info(tmp_path, "left", 0.0), camera_info(tmp_path, "right", -5.0)
    ways = [
        [*FLAGS, "--cx", "30", "--cy", "20"],
        ["--intrinsics", str(tmp_path / "K.txt")],
        ["--intrinsics", left, right],
        ["--intrinsics", right],
        ["--intrinsics", left, "--baseline", "0.1"],
    ]
    results = []
    for way in ways:
        assert main([*command, "--export", "npz", *way]) == 0
        results.append(stored(tmp_path))
    for result in results[1:]:
        assert result.keys() == results[0].keys()
        for name, values in result.items():
            np.testing.assert_allclose(values, results[0][name], rtol=1e-6, err_msg=name)


def test_two_principal_points_shift_the_disparity(command: list[str], tmp_path: Path) -> None:
    shifted = [*FLAGS, "--cx", "30", "--cx-right", "28"]
    files = [
        "--intrinsics",
        camera_info(tmp_path, "left", 0.0),
        camera_info(tmp_path, "right", -5.0, cx=28.0),
    ]
    plain = [*FLAGS, "--cx", "30"]
    disparities = []
    for way in (plain, shifted, files):
        assert main([*command, "--export", "npz", *way]) == 0
        disparities.append(stored(tmp_path)["disparity"])
        assert stored(tmp_path)["doffs"] == (0 if way is plain else 2)
    for disparity in disparities[1:]:
        np.testing.assert_allclose(disparity, disparities[0] - 2, atol=1e-5)


def test_a_distorted_camera_is_rectified_first_unless_told_not_to(command: list[str], tmp_path: Path) -> None:
    files = ["--intrinsics", camera_info(tmp_path, "left", 0.0, d=-0.3), camera_info(tmp_path, "right", -5.0)]
    disparities = []
    for mode in ("auto", "on", "off"):
        assert main([*command, "--export", "npz", *files, "--rectification", mode]) == 0
        disparities.append(stored(tmp_path)["disparity"])
    np.testing.assert_array_equal(disparities[0], disparities[1])
    assert np.abs(disparities[0] - disparities[2]).max() > 0.1


def test_one_file_of_a_distorted_camera_is_not_enough(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = camera_info(tmp_path, "right", -5.0, d=0.1)
    assert main([*command, "--intrinsics", right]) == 1
    assert "right.yaml has a distortion or a rotation; expected the files of both" in capsys.readouterr().err
    assert main([*command, "--intrinsics", right, "--rectification", "off"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the cameras are not known; expected --intrinsics FILE, or --fx and --baseline"),
        (["--fx", "50"], "the cameras are not known"),
        (["--intrinsics", "K.txt", "--cx", "3"], "--intrinsics and --cx are both given"),
        (["--intrinsics", "a.txt", "b.txt"], "cannot read a.txt"),
        (["--intrinsics", "a.yaml", "b.yaml", "c.yaml"], "--intrinsics has 3 files"),
        (["--intrinsics", "nowhere.txt"], "cannot read nowhere.txt"),
        ([*FLAGS, "--export", "obj"], "unknown export 'obj'"),
        ([*FLAGS, "--z-near", "3", "--z-far", "2"], "z_near is 3.0; expected less than z_far"),
        ([*FLAGS, "--checkpoint", "nowhere.pth"], "nowhere.pth"),
        (["--fx", "-50", "--baseline", "0.1"], "--fx is -50.0; expected a positive number of pixels"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    command: list[str], words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert message in error


def test_images_of_unequal_size_are_refused(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((HEIGHT, WIDTH - 2), np.uint8)).save(tmp_path / "right.png")
    assert main([*command, *FLAGS]) == 1
    assert "left image is 60 x 40 and right image is 58 x 40 pixels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tx", "odd", "why"),
    [
        (-50 * 70.0, "baseline is 70 m, which is unusual: are these millimetres?", "more than z_far, 100 m"),
        (
            -50 * 0.00006,
            "baseline is 6e-05 m, which is unusual: are these kilometres?",
            "less than z_near, 0.1 m",
        ),
    ],
)
def test_where_every_pixel_is_invalid_the_files_are_kept_and_the_reason_is_told(
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tx: float,
    odd: str,
    why: str,
) -> None:
    files = [camera_info(tmp_path, "left", 0.0), camera_info(tmp_path, "right", tx)]
    assert main([*command, "--intrinsics", *files]) == 4
    shown = capsys.readouterr()
    assert "0.0 % valid, no depth" in shown.out
    assert re.search(f"error: every pixel is invalid: .*{why}\n$", shown.err)
    assert [record.getMessage()[: len(odd)] for record in caplog.records] == [odd]
    assert not np.isfinite(stored(tmp_path)["depth"]).any()


def test_unusual_flags_are_told_as_well(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--fx", "50", "--baseline", "7.5", "--z-far", "1000"]) == 0
    assert "warning: baseline is 7.5 m, which is unusual: are these centimetres?" in capsys.readouterr().err


def test_good_calibrations_give_no_word(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main([*command, "--intrinsics", camera_info(tmp_path, "right", -5.0)]) == 0
    assert main([*command, *FLAGS]) == 0
    assert capsys.readouterr().err == "" and not caplog.records


def test_cameras_one_above_the_other_give_the_depth_of_the_turned_pair(
    command: list[str], tmp_path: Path
) -> None:
    """The upper image is the left one after a quarter turn clockwise."""
    assert main([*command, *FLAGS, "--cx", "30", "--cy", "20"]) == 0
    expected = stored(tmp_path)
    for side in ("left", "right"):
        path = tmp_path / f"{side}.png"
        Image.fromarray(np.ascontiguousarray(np.rot90(np.array(Image.open(path)), -1))).save(path)
    files = []
    for side, ty in (("left", 0.0), ("right", -5.0)):
        k = [50.0, 0.0, HEIGHT - 1 - 20.0, 0.0, 50.0, 30.0, 0.0, 0.0, 1.0]
        p = [*k[:3], 0.0, *k[3:6], ty, *k[6:], 0.0]
        files.append(tmp_path / f"{side}.yaml")
        files[-1].write_text(yaml.safe_dump({"width": HEIGHT, "height": WIDTH, "k": k, "p": p}))
    assert main([*command, "--intrinsics", *map(str, files)]) == 0
    found = stored(tmp_path)
    np.testing.assert_array_equal(found["depth"], np.rot90(expected["depth"], -1))
    assert found["K"].tolist() == [[50, 0, 19], [0, 50, 30], [0, 0, 1]]
    assert "disparity" not in found


def test_binning_and_region_of_a_camera_info_count_as_in_a_recording(
    command: list[str], tmp_path: Path
) -> None:
    files = []
    for side, tx in (("left", 0.0), ("right", -10.0)):
        k = [100.0, 0.0, 2 * 30.0 + 8, 0.0, 100.0, 2 * 20.0 + 4, 0.0, 0.0, 1.0]
        p = [*k[:3], tx, *k[3:6], 0.0, *k[6:], 0.0]
        info = {"width": 200, "height": 100, "k": k, "p": p, "binning_x": 2, "binning_y": 2}
        info["roi"] = {"x_offset": 8, "y_offset": 4, "width": 2 * WIDTH, "height": 2 * HEIGHT}
        files.append(tmp_path / f"{side}.yaml")
        files[-1].write_text(yaml.safe_dump(info))
    assert main([*command, "--intrinsics", *map(str, files), "--export", "npz"]) == 0
    found = stored(tmp_path)
    assert found["K"].tolist() == [[50, 0, 30], [0, 50, 20], [0, 0, 1]] and found["baseline"] == 0.1


def test_what_is_done_with_a_raw_calibration_is_told(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = {"intrinsics": [50, 50, 30, 20], "resolution": [WIDTH, HEIGHT], "distortion_model": "radtan"}
    camera["distortion_coeffs"] = [-0.2, 0.03, 0.0, 0.0]
    pose = np.eye(4)
    pose[0, 3] = -0.1
    chain = tmp_path / "camchain.txt"  # known by what is in it
    chain.write_text(yaml.safe_dump({"cam0": camera, "cam1": {**camera, "T_cn_cnm1": pose.tolist()}}))
    assert main([*command, "--intrinsics", str(chain)]) == 0
    assert capsys.readouterr().err == f"note: {chain}: the images are rectified with it\n"
    assert stored(tmp_path)["baseline"] == pytest.approx(0.1)
    assert main([*command, "--intrinsics", str(chain), "--rectification", "off"]) == 1
    assert "camchain.txt is the calibration of raw images" in capsys.readouterr().err


@pytest.mark.skipif(not FIELD.is_dir(), reason="no cases from the field here")
@pytest.mark.parametrize(
    ("case", "code", "words"),
    [
        ("baseline_mm", 4, "with a baseline of 60 m the median depth is"),
        ("baseline_km", 4, "with a baseline of 0.00012 m the median depth is"),
        ("both_tx", 1, "P[3] is -42 in the left and -42 in the right camera_info"),
    ],
)
def test_cases_from_the_field(
    case: str, code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left, right, *files = (
        str(FIELD / case / f"{n}") for n in ("left.png", "right.png", "left.yaml", "right.yaml")
    )
    assert (
        main(["pair", left, right, "--intrinsics", *files, "-o", str(tmp_path / "out"), "--device", "cpu"])
        == code
    )
    assert words in capsys.readouterr().err
    assert (tmp_path / "out" / "result.npz").exists() == (code == 4)


@pytest.mark.parametrize(("case", "words"), [("swapped", "look exchanged"), ("rows_off", "8 rows lower")])
def test_images_that_do_not_go_together_are_one_line_on_stderr(
    case: str, words: str, tmp_path: Path, weights: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    left, right = block_pair(40)
    right = np.roll(right, 8, axis=0) if case == "rows_off" else right
    images = (right, left) if case == "swapped" else (left, right)
    paths = [str(tmp_path / f"{side}.png") for side in ("left", "right")]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    options = [
        "-o",
        str(tmp_path / "out"),
        "--checkpoint",
        str(weights),
        "--device",
        "cpu",
        "--iterations",
        "1",
    ]
    assert main(["pair", *paths, *FLAGS, *options, "--export", "npz"]) == 0
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("warning: ") and words in line
    assert (
        main(["pair", *paths, *FLAGS, *options, "--force", "--no-check-alignment", "--no-remove-too-near"])
        == 0
    )
    assert capfd.readouterr().err == ""


def test_what_is_too_near_is_invalid_and_told_with_the_flags_that_help(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    field_pair("range_saturation")
    case = FIELD / "range_saturation"
    images = [str(case / "left.png"), str(case / "right.png")]
    camera = ["--fx", "750", "--baseline", "0.063", "--checkpoint", "tiny", "--device", "cpu"]
    out = ["-o", str(tmp_path / "out"), "--export", "npz"]
    assert main(["pair", *images, *camera, "--iterations", "2", *out]) == 0
    valid, truth = stored(tmp_path)["valid"], np.load(case / "disparity.npy")
    assert valid[truth > 128].mean() < 0.03 and valid[truth < 128].mean() > 0.9
    (line,) = capfd.readouterr().err.splitlines()
    assert re.search(r"21\.\d % of the pixels .* up to 128 px, about 15\d are needed", line)
    assert line.endswith("(--scale 0.8 or --hierarchical)")


def test_a_good_pair_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    field_pair("aligned_reference")
    images = [str(FIELD / "aligned_reference" / f"{side}.png") for side in ("left", "right")]
    camera = ["--fx", "750", "--baseline", "0.063", "--checkpoint", "tiny", "--device", "cpu"]
    out = ["-o", str(tmp_path), "--export", "npz"]
    assert main(["pair", *images, *camera, "--iterations", "2", *out]) == 0
    assert capfd.readouterr().err == ""
