# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo match`` and ``scene`` with a small network that has learned nothing."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from noted_pictures import jpeg
from seeded_views import published_weights, seeded_views_network

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.weights import save_checkpoint

LOOSE = ["--size", "64", "--match-step", "2", "--device", "cpu"]
QUICK = [*LOOSE, "--min-matches=1", "--min-pixels=1", "--coarse-iterations=5", "--fine-iterations=3"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(path, seeded_views_network())
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return drawn(tmp_path / "in")


def drawn(folder: Path, count: int = 3, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    wide = np.random.default_rng(seed).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), wide[:, 8 * number : 8 * number + 128])
    return folder


def scene(folder: Path, output: Path, weights: Path, *more: str) -> int:
    return main(["scene", str(folder), "-o", str(output), "--checkpoint", str(weights), *QUICK, *more])


def match(folder: Path, output: Path, weights: Path, *more: str) -> int:
    files = [str(folder / "0.png"), str(folder / "1.png")]
    return main(["match", *files, "-o", str(output), "--checkpoint", str(weights), *LOOSE, *more])


def test_matches_and_depths_of_two_pictures(
    pictures: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert match(pictures, out, weights) == 0
    said = capsys.readouterr()
    assert said.err == ""
    told = np.load(out / "matches.npz")
    assert f"{len(told['confidence'])} matches between 64 x 48 and 64 x 48 pixels" in said.out
    rows = np.loadtxt(out / "matches.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows[:, :2], told["pixels_a"], atol=0.006)
    np.testing.assert_allclose(rows[:, 2:4], told["pixels_b"], atol=0.006)
    np.testing.assert_allclose(told["pixels_a"], 2 * told["grid_a"] + 0.5)
    assert told["grid_a"].min() >= 3
    assert (told["grid_b"] < (61, 45)).all()
    predictions = np.load(out / "predictions.npz")
    assert sorted(predictions) == sorted(
        f"{name}_{place}"
        for name in ("pts3d", "conf", "desc", "desc_conf")
        for place in ("11", "12", "21", "22")
    )
    depth = cv2.imread(str(out / "depth_b.png"), cv2.IMREAD_UNCHANGED)
    z = predictions["pts3d_22"][..., 2]
    np.testing.assert_allclose(depth, np.where((z > 0) & (z < 65), 1000 * z, 0), atol=0.51)
    assert cv2.imread(str(out / "matches.png")).shape == (48, 128, 3)
    assert match(pictures, out, weights) == 1
    assert "exists already; use another output, or replace it (--force)" in capsys.readouterr().err
    assert match(pictures, out, weights, "--force", "--export", "csv") == 0


def test_what_a_mask_hides_is_not_matched(
    pictures: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = cv2.imread(str(pictures / "0.png"))
    alpha = np.zeros(image.shape[:2], np.uint8)
    alpha[:, 40:90] = 255
    cv2.imwrite(str(pictures / "0.png"), np.dstack((image, alpha)))
    assert match(pictures, tmp_path / "out", weights, "--export", "npz") == 0
    columns = np.load(tmp_path / "out" / "matches.npz")["pixels_a"][:, 0]
    assert columns.min() >= 39
    assert columns.max() <= 91
    alpha[:, 1:] = 0
    alpha[:, 0] = 255
    cv2.imwrite(str(pictures / "0.png"), np.dstack((image, alpha)))
    assert match(pictures, tmp_path / "none", weights) == 3  # what is left is at the border
    assert "share nothing that the network recognises" in capsys.readouterr().err
    assert (tmp_path / "none" / "matches.png").is_file()


def test_a_scene_of_a_folder(
    pictures: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert scene(pictures, out, weights) == 0
    said = capsys.readouterr()
    assert f"{out}: 3 cameras by 3 pairs" in said.out
    assert "licence" not in said.err
    told = json.loads((out / "scene.json").read_text())
    assert [*told["views"]] == ["0.png", "1.png", "2.png"]
    assert not (out / ".pairs").exists()
    assert np.load(out / "1.npz")["depth"].shape == (48, 64)
    assert {path.name for path in out.iterdir()} >= {"cloud.ply", "scene.glb", "colmap", "overview.png"}
    assert scene(pictures, out, weights) == 1
    assert f"{out} holds a finished scene (--force)" in capsys.readouterr().err
    before = (out / "1.npz").read_bytes()
    assert scene(pictures, out, weights, "--force", "--distance", "0.png", "2.png", "0.5") == 0
    poses = [np.load(out / f"{number}.npz")["pose"] for number in range(3)]
    assert np.linalg.norm(poses[2][:3, 3] - poses[0][:3, 3]) == pytest.approx(0.5)
    assert scene(pictures, out, weights, "--force") == 0
    assert (out / "1.npz").read_bytes() == before


def test_masks_beside_the_pictures_and_elsewhere(
    pictures: Path, tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.zeros((96, 128), np.uint8)
    mask[10:80, 20:110] = 255
    masks = pictures / "masks"
    masks.mkdir()
    for number in range(3):
        cv2.imwrite(str(masks / f"{number}.png"), mask)
    assert scene(pictures, tmp_path / "a", weights) == 0
    said = capsys.readouterr()
    assert f"note: masks are those in {masks}" in said.err
    assert "3 cameras around the foreground" in said.out
    masks.rename(tmp_path / "elsewhere")
    assert scene(pictures, tmp_path / "b", weights, "--masks", str(tmp_path / "elsewhere")) == 0
    for number in range(3):
        one, other = (np.load(tmp_path / name / f"{number}.npz") for name in "ab")
        np.testing.assert_array_equal(one["pose"], other["pose"])
        assert not one["valid"][:6].any()


def test_pictures_in_images_beside_masks(pictures: Path, tmp_path: Path, weights: Path) -> None:
    root = tmp_path / "root"
    (root / "masks").mkdir(parents=True)
    pictures.rename(root / "images")
    mask = np.zeros((96, 128), np.uint8)
    mask[10:80, 20:110] = 255
    for number in range(3):
        cv2.imwrite(str(root / "masks" / f"{number}_mask.png"), mask)
    assert scene(root, tmp_path / "out", weights) == 0
    assert json.loads((tmp_path / "out" / "scene.json").read_text())["world"] == "foreground"


def test_results_do_not_go_among_the_pictures(
    pictures: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scene(pictures, pictures, weights) == 1
    assert "is the folder of the pictures; expected another one" in capsys.readouterr().err
    assert len(list(pictures.iterdir())) == 3


def test_known_cameras_stay(pictures: Path, tmp_path: Path, weights: Path) -> None:
    (tmp_path / "K.txt").write_text("140 0 63.5 0 140 47.5 0 0 1\n")
    assert scene(pictures, tmp_path / "out", weights, "--intrinsics", str(tmp_path / "K.txt")) == 0
    for number in range(3):
        told = np.load(tmp_path / "out" / f"{number}.npz")
        np.testing.assert_allclose(told["source_K"], ((140, 0, 63.5), (0, 140, 47.5), (0, 0, 1)), atol=1e-3)


def test_known_poses_stay_or_are_a_start(pictures: Path, tmp_path: Path, weights: Path) -> None:
    poses = tmp_path / "poses.txt"
    poses.write_text("# comment\n0.png 0 0 0 0 0 0 1\n1 0.5 0 0 0 0.1 0 1\n2 1 0 0.2 0 0 0 1\n")
    assert scene(pictures, tmp_path / "fixed", weights, "--poses", str(poses)) == 0
    told = [np.load(tmp_path / "fixed" / f"{number}.npz")["pose"] for number in range(3)]
    np.testing.assert_allclose(
        [pose[:3, 3] for pose in told], ((0, 0, 0), (0.5, 0, 0), (1, 0, 0.2)), atol=1e-6
    )
    assert told[1][0, 0] < 0.99
    poses.write_text("0.png 0 0 0 0 0 0 1\n")
    assert scene(pictures, tmp_path / "start", weights, "--poses", str(poses)) == 0


def test_focal_lengths_that_pictures_note(tmp_path: Path, weights: Path) -> None:
    folder = drawn(tmp_path / "in", 1)
    for number in range(2):
        (folder / f"n{number}.jpg").write_bytes(jpeg(6 + 2 * number, 28))
    (folder / "0.png").unlink()
    assert scene(folder, tmp_path / "out", weights, "--intrinsics", "exif") == 0
    told = np.load(tmp_path / "out" / "n0.npz")
    assert told["source_size"].tolist() == [24, 40]
    assert told["source_K"][0, 0] == pytest.approx(28 * np.hypot(24, 40) / np.hypot(24, 36), rel=0.02)


def test_a_folder_of_folders(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tmp_path / "all", tmp_path / "out"
    drawn(root / "cup", 2)
    drawn(root / "lone", 1)
    drawn(root / "pot", 2, seed=1)
    (root / "empty").mkdir()
    assert scene(root, out, weights) == 3
    said = capsys.readouterr()
    assert "error: lone: a scene of 1 view; expected 2 or more" in said.err
    assert "2 scenes done, 0 finished before, 1 failed" in said.out
    kept = (out / "cup" / "scene.json").stat().st_mtime_ns
    cv2.imwrite(str(root / "lone" / "1.png"), cv2.imread(str(root / "cup" / "1.png")))
    assert scene(root, out, weights) == 0
    said = capsys.readouterr()
    assert f"{out / 'cup'}: finished before" in said.out
    assert "1 scene done, 2 finished before, 0 failed" in said.out
    assert (out / "cup" / "scene.json").stat().st_mtime_ns == kept


def test_an_interrupted_run_keeps_its_pairs(
    pictures: Path, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foundation_stereo_ros.estimate.views.files.cache import PairCache

    write, out = PairCache.write, tmp_path / "out"
    done: list[str] = []

    def interrupted(self: PairCache, key: str, result: object) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        write(self, key, result)  # type: ignore[arg-type]
        done.append(key)

    monkeypatch.setattr(PairCache, "write", interrupted)
    assert scene(pictures, out, weights) == 130
    assert len(list((out / ".pairs").iterdir())) == 2
    monkeypatch.setattr(PairCache, "write", write)
    before = set(done)

    def noted(self: PairCache, key: str, result: object) -> None:
        done.append(key)
        write(self, key, result)  # type: ignore[arg-type]

    monkeypatch.setattr(PairCache, "write", noted)
    assert scene(pictures, out, weights) == 0
    assert len(done) == 3  # the third pair alone is new
    assert before < set(done)
    assert (out / "scene.json").is_file()


def test_weights_are_needed_and_their_licence_is_told_once(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scene", str(pictures), "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "none ship with this package; expected a weights file, as that of MASt3R (non-commercial;" in said
    assert said.endswith("(--checkpoint)\n")
    from safetensors.torch import save_file

    unique = {name: value.clone() for name, value in published_weights().items() if "layer_rn" not in name}
    save_file(unique, tmp_path / "published.safetensors")
    assert scene(pictures, tmp_path / "out", tmp_path / "published.safetensors") == 0
    said = capsys.readouterr().err
    assert said.count("note: licence of the weights: as published: CC BY-NC-SA 4.0") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--distance", "0.png", "9.png", "1"], "no view '9.png' in the scene; expected one of 0.png, 1.png"),
        (["--distance", "0.png", "1.png", "far"], "--distance ends in 'far'; expected a positive number"),
        (["--graph", "star"], "graph is 'star'; expected complete"),
        (["--graph", "oneref-7"], "graph is 'oneref-7' for 3 views; expected a view from 0 to 2"),
        (["--export", "obj"], "unknown export 'obj'"),
        (["--masks", "nowhere"], "nowhere (no folder) has no mask for 0.png"),
        (["--poses", "nowhere.txt"], "cannot read nowhere.txt"),
        (["--known-poses", "fixed"], "0.png has no pose; expected one for each view"),
        (["--intrinsics", "exif"], "0.png notes no focal length"),
        (["--min-matches", "100000", "--weak-pairs", "drop"], "no two of the 3 views share enough matches"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    words: list[str], said: str, pictures: Path, tmp_path: Path, weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert scene(pictures, tmp_path / "out", weights, *words) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "out" / "scene.json").exists()


def test_a_video_becomes_a_scene(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (128, 96))
    wide = np.random.default_rng(0).integers(0, 256, (96, 160, 3), dtype=np.uint8)
    for number in range(6):
        writer.write(np.ascontiguousarray(wide[:, 4 * number : 4 * number + 128]))
    writer.release()
    assert scene(path, tmp_path / "out", weights, "--every", "3", "--no-sharpest") == 0
    told = json.loads((tmp_path / "out" / "scene.json").read_text())
    assert [*told["views"]] == ["frame_000000", "frame_000003"]
    assert scene(path, tmp_path / "new", weights, "--masks", str(tmp_path)) == 1
    assert "is for folders of pictures; expected none with a video" in capsys.readouterr().err
