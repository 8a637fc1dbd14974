# SPDX-License-Identifier: Apache-2.0
"""The whole demonstration, small: real recordings, real files, a real network of random weights."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rosbags.highlevel import AnyReader

from foundation_stereo_ros.cli.main import INTERRUPTED, main
from foundation_stereo_ros.demo.figures import compare, hidden
from foundation_stereo_ros.demo.recording import NAMESPACE, stored_frames
from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.geometry.depth import depth_to_disparity, disparity_to_depth
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder
from foundation_stereo_ros.ros.messages.cdr import DISPARITY_IMAGE, IMAGE, message_types
from foundation_stereo_ros.ros.messages.depth import encode_depth
from foundation_stereo_ros.ros.messages.disparity import encode_disparity
from foundation_stereo_ros.scenes.raycast.sequence import LOOP, SceneSequence
from foundation_stereo_ros.weights import save_checkpoint

WIDTH, HEIGHT, FRAMES = 160, 120, 2
RECORDED = (
    "left/image_rect",
    "left/camera_info",
    "right/image_rect",
    "right/camera_info",
    "ground_truth/depth/image_rect",
    "ground_truth/depth/camera_info",
)
MADE = ("disparity", "depth/image_rect", "depth/camera_info", "points2")
PICTURES = (
    "left",
    "right",
    "network_first",
    "network_01",
    "network_02",
    "disparity",
    "disparity_exact",
    "error",
    "depth",
    "depth_exact",
    "confidence",
    "cloud",
    "cloud_confident",
    "cloud_exact",
    "walk",
    "walk_depth",
    "walk_confidence",
    "walk_cloud",
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_checkpoint(path, FoundationStereo(NetworkConfig.preset("tiny")), None)
    return str(path)


@pytest.fixture(scope="module")
def words(weights: str) -> list[str]:
    size = ["--frames", str(FRAMES), "--size", f"{WIDTH}x{HEIGHT}"]
    return ["demo", *size, "--checkpoint", weights, "--device", "cpu", "--iterations", "2"]


@pytest.fixture(scope="module")
def folder(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "out"
    assert main([*words, "--no-live", "-o", str(path)]) == 0
    return path


def counts(path: Path) -> dict[str, int]:
    with AnyReader([path]) as reader:
        return {name: topic.msgcount for name, topic in reader.topics.items()}


def test_both_recordings_open_and_hold_every_topic_for_every_frame(folder: Path) -> None:
    recorded = {f"{NAMESPACE}/{name}": FRAMES for name in RECORDED}
    assert counts(folder / "stereo.mcap") == recorded
    assert counts(folder / "stereo_depth.mcap") == {
        **recorded,
        **{f"{NAMESPACE}/{name}": FRAMES for name in MADE},
    }


def test_the_recording_holds_the_exact_depth_of_its_pictures(folder: Path) -> None:
    frames = list(stored_frames(folder / "stereo_depth.mcap"))
    assert [frame.stamp_ns - frames[0].stamp_ns for frame in frames] == [0, 10**8]
    exact = depth_to_disparity(frames[0].exact_depth, frames[0].stereo)
    right = cv2.remap(
        frames[0].right,
        (np.arange(WIDTH, dtype=np.float32) - exact).astype(np.float32),
        np.repeat(np.arange(HEIGHT, dtype=np.float32)[:, None], WIDTH, axis=1),
        cv2.INTER_LINEAR,
    )
    seen = ~hidden(exact)
    shifted = np.abs(right.astype(float) - frames[0].left)[seen].mean()
    unshifted = np.abs(frames[0].right.astype(float) - frames[0].left)[seen].mean()
    assert seen.mean() > 0.7
    assert shifted < 0.5 * unshifted


def test_the_depth_in_the_result_is_that_of_its_disparity(folder: Path) -> None:
    for frame in stored_frames(folder / "stereo_depth.mcap"):
        np.testing.assert_array_equal(frame.valid, np.isfinite(frame.depth))
        product = frame.stereo.left.fx * frame.stereo.baseline
        np.testing.assert_allclose(
            frame.depth[frame.valid] * frame.disparity[frame.valid], product, rtol=1e-5
        )


def test_the_page_holds_every_picture_and_no_figure_is_missing(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    stored = {path.name: path.read_bytes() for path in (folder / "pictures").iterdir()}
    assert sorted(stored) == [f"{number:02d}_{name}.png" for number, name in enumerate(PICTURES, 1)]
    embedded = [base64.b64decode(text) for text in re.findall(r"data:image/png;base64,([^\"]+)", page)]
    assert embedded == [stored[name] for name in sorted(stored)]
    assert re.search(r'(src|href)="(?!data:)', page) is None
    values = re.findall(r"<td>([^<]*)</td>", page)
    assert len(values) >= 16
    assert not any(re.search(r"\b(nan|inf)\b", value) for value in values)


def test_the_cloud_is_that_of_the_middle_frame(folder: Path) -> None:
    header, body = (folder / "cloud.ply").read_bytes().split(b"end_header\n")
    count = int(re.search(rb"element vertex (\d+)", header).group(1))
    points = np.frombuffer(body, np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)]))
    frame = list(stored_frames(folder / "stereo_depth.mcap"))[FRAMES // 2]
    assert count == len(points) == frame.valid.sum()
    np.testing.assert_array_equal(points["xyz"][:, 2], frame.depth[frame.valid])
    np.testing.assert_array_equal(points["rgb"], frame.left[frame.valid])


def test_a_second_run_replaces_the_first_and_says_what_it_did(
    words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--frames", "1", "--confidence", "--scale", "0.5", "--no-live"]
    assert main([*words, "-o", str(folder), *more]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^1 frame; network \d+\.\d+ frames/s", said, re.MULTILINE)
    assert re.search(r"^error against exact depth: \d+\.\d+ px", said, re.MULTILINE)
    for name in ("index.html", "stereo.mcap", "stereo_depth.mcap", "cloud.ply", "pictures"):
        assert str(folder / name) in said
    assert counts(folder / "stereo_depth.mcap")[f"{NAMESPACE}/confidence"] == 1
    assert counts(folder / "stereo.mcap")[f"{NAMESPACE}/left/image_rect"] == 1


def test_a_recording_alone_is_the_whole_path_and_leaves_nothing_when_interrupted(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "round.mcap"
    assert main([*words, "--recording", str(path), "--frames", "4"]) == 0
    assert counts(path) == {f"{NAMESPACE}/{name}": 4 for name in RECORDED}
    assert list(path.parent.iterdir()) == [path]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path.unlink()
    monkeypatch.setattr(SceneSequence, "frame", interrupted)
    assert main([*words, "--recording", str(path)]) == INTERRUPTED
    assert list(path.parent.iterdir()) == []


def test_the_end_of_a_whole_round_leads_to_its_beginning() -> None:
    sequence = SceneSequence()
    positions = [sequence.frame(moment, 64, 64).position for moment in (0, LOOP)]
    np.testing.assert_allclose(positions[0], positions[1], atol=1e-9)


def test_what_is_hidden_is_what_the_renderer_says() -> None:
    frame = SceneSequence().frame(0, HEIGHT, WIDTH)
    outside = np.arange(WIDTH) - frame.disparity < 0
    # Not all the same: a thing outside the left picture may hide something from the right camera.
    assert (hidden(frame.disparity) == (frame.occluded | outside)).mean() > 0.97


def test_a_near_square_hides_the_strip_to_its_left() -> None:
    disparity = np.full((8, 40), 2, np.float32)
    disparity[2:6, 20:30] = 7
    expected = np.zeros((8, 40), bool)
    expected[:, :2] = True
    expected[2:6, 15:20] = True
    np.testing.assert_array_equal(hidden(disparity), expected)


def stored(path: Path, shift: float) -> Path:
    """Write a recording of a wall at 2 m whose right half is estimated nearer by a number of pixels."""
    camera = Camera(96, 64, fx=80.0, fy=80.0, cx=47.5, cy=31.5)
    stereo = StereoRig(camera, camera, 0.1)
    exact = np.full((64, 96), 2, np.float32)
    disparity = depth_to_disparity(exact, stereo)
    disparity[:, 48:] += np.float32(shift)
    valid = np.ones_like(exact, bool)
    valid[:16] = False
    depth = np.where(valid, disparity_to_depth(disparity, stereo), np.float32(np.nan))
    picture = np.zeros((64, 96, 3), np.uint8)
    types = message_types()
    with BagWriter(path) as writer:
        recorder = StereoRecorder(writer, stereo, NAMESPACE)
        header = recorder.header(1)
        recorder.add(picture, picture, 1)
        recorder.write("ground_truth/depth/image_rect", IMAGE, encode_depth(types, header, exact), 1)
        made = encode_disparity(types, header, disparity, valid, stereo, 0.1, 100.0)
        recorder.write("disparity", DISPARITY_IMAGE, made, 1)
        recorder.write("depth/image_rect", IMAGE, encode_depth(types, header, depth), 1)
    return path


def test_known_errors_are_found_and_what_is_out_of_reach_is_not_compared(tmp_path: Path) -> None:
    path = stored(tmp_path / "shifted.mcap", 4.0)
    figures = compare(path, PipelineConfig())
    assert figures.valid == 75.0
    # 4 of 96 columns have no counterpart in the right image; the right 48 are off by 4 px, which halves Z.
    assert figures.visible.epe == pytest.approx(4 * 48 / 92)
    assert figures.visible.bp2 == pytest.approx(100 * 48 / 92)
    assert figures.visible.abs_rel == pytest.approx(50 * 48 / 92)
    assert figures.everywhere.epe == pytest.approx(2)
    assert np.isnan(compare(path, PipelineConfig(z_far=1.0)).visible.epe)
    perfect = compare(stored(tmp_path / "perfect.mcap", 0.0), PipelineConfig())
    assert perfect.everywhere.epe == perfect.everywhere.bp2 == 0
    assert perfect.everywhere.abs_rel == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["--frames", "0"], 2, "1 or more"),
        (["--size", "640"], 2, "expected WIDTHxHEIGHT"),
        (["--size", "16x16"], 2, "from 64 to 4096"),
        (["--checkpoint", "gone.safetensors"], 1, "gone.safetensors"),
    ],
)
def test_wrong_usage_writes_nothing(
    given: list[str],
    code: int,
    message: str,
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*words, "-o", str(tmp_path / "out"), *given]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_recording_without_results_cannot_be_compared(folder: Path) -> None:
    with pytest.raises(BagError, match="holds no frame with exact depth"):
        compare(folder / "stereo.mcap", PipelineConfig())
