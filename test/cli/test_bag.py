# SPDX-License-Identifier: Apache-2.0
"""The whole way from recording to recording, with a real network of random weights."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from kills import by_mcap, disk_of
from mcap.reader import make_reader
from painted_pairs import block_pair
from rosbags.convert import convert
from rosbags.highlevel import AnyReader
from waiting import wait_until

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.ros.bags.qos import offered_profile
from foundation_stereo_ros.ros.bags.reader import Recording, read_messages
from foundation_stereo_ros.ros.bags.writer import BagWriter, StereoRecorder
from foundation_stereo_ros.ros.messages.cdr import COMPRESSED_IMAGE, IMAGE, typestore
from foundation_stereo_ros.weights import save_checkpoint

ROOT = Path(__file__).parents[2]
SECOND = 10**9
START = 1_700_000_000 * SECOND
STEP = SECOND // 10
CAMERA = Camera(96, 64, fx=80.0, fy=80.0, cx=47.5, cy=31.5)
STEREO = StereoRig(CAMERA, CAMERA, 0.1)
OUTPUTS = ("disparity", "depth/image_rect", "depth/camera_info", "points2")
INPUTS = ("left/image_rect", "left/camera_info", "right/image_rect", "right/camera_info")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A checkpoint of the tiny network, untrained."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_checkpoint(path, FoundationStereo(NetworkConfig.preset("tiny")), None)
    return str(path)


def image(number: int) -> np.ndarray[Any, Any]:
    """Smooth random colours."""
    random = np.random.default_rng(number)
    small = random.integers(0, 256, (8, 12, 3)).astype(np.uint8)
    return cv2.resize(small, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_CUBIC)


def rig(path: Path, frames: int = 4, *, namespace: str = "/rig", delay_ns: int = 0) -> Path:
    """Record a stereo rig and a latched transform; the right images lag by a delay."""
    with BagWriter(path) as writer:
        transforms = typestore().types["tf2_msgs/msg/TFMessage"](transforms=[])
        latched = offered_profile(latched=True)
        writer.write("/tf_static", "tf2_msgs/msg/TFMessage", transforms, START, offered=latched)
        recorder = StereoRecorder(writer, STEREO, namespace)
        for number in range(frames):
            left, stamp = image(number), START + number * STEP
            recorder.add(left, np.roll(left, -6, axis=1), stamp, right_delay_ns=delay_ns)
            writer.flush()
    return path


def counts(path: Path) -> dict[str, int]:
    with Recording(path) as recording:
        assert recording.damage == ""
        return {topic.name: topic.count or 0 for topic in recording.topics}


def run(*words: Any) -> int:
    return main(["bag", *(str(word) for word in words), "--iterations", "1"])


@pytest.mark.parametrize("kind", ["mcap", "sqlite3", "ros1"])
def test_recording_of_each_kind(tmp_path, weights, capsys, kind) -> None:
    source = rig(tmp_path / "in.mcap")
    given = source
    if kind != "mcap":
        given = tmp_path / ("in.bag" if kind == "ros1" else "in")
        convert([source], given, "sqlite3", 8, None, "", None, None, (), (), (), ())
    out = tmp_path / "out.mcap"
    assert run(given, "-o", out, "--checkpoint", weights) == 0
    assert counts(out) == {"/tf_static": 1} | {f"/rig/{name}": 4 for name in OUTPUTS + INPUTS}
    assert "4 frames" in capsys.readouterr().out
    with Recording(source) as before, Recording(out) as after:
        names = [f"/rig/{name}" for name in INPUTS]
        recorded = [(m.topic.name, m.log_time, m.data) for m in before.messages(names)]
        assert [(m.topic.name, m.log_time, m.data) for m in after.messages(names)] == recorded


def test_outputs_are_right_for_every_reader(tmp_path, weights) -> None:
    out = tmp_path / "out.mcap"
    assert run(rig(tmp_path / "in.mcap"), "-o", out, "--checkpoint", weights) == 0
    with AnyReader([out]) as reader:
        messages: dict[str, list[Any]] = {}
        for connection, log_time, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            messages.setdefault(connection.topic, []).append((log_time, message))
    stamps = [START + number * STEP for number in range(4)]
    for name in OUTPUTS:
        headers = [(log_time, message.header) for log_time, message in messages[f"/rig/{name}"]]
        assert [log_time for log_time, _ in headers] == stamps
        assert [h.stamp.sec * SECOND + h.stamp.nanosec for _, h in headers] == stamps
        assert {h.frame_id for _, h in headers} == {"left_camera_optical_frame"}
    disparity = messages["/rig/disparity"][0][1]
    assert (disparity.f, disparity.t) == (80.0, pytest.approx(0.1))
    depth = messages["/rig/depth/image_rect"][0][1]
    assert (depth.encoding, depth.width, depth.height) == ("32FC1", 96, 64)
    points = messages["/rig/points2"][0][1]
    assert (points.width, points.height, points.point_step, points.is_dense) == (96, 64, 16, False)
    z = points.data.view("<f4").reshape(64, 96, 4)[..., 2]
    np.testing.assert_array_equal(z, depth.data.view("<f4").reshape(64, 96))
    with out.open("rb") as stream:
        found = make_reader(stream, validate_crcs=True).iter_messages()
        assert Counter(channel.topic for _, channel, _ in found)["/rig/points2"] == 4


def test_list_shows_the_choice_and_writes_nothing(tmp_path, capsys) -> None:
    source = rig(tmp_path / "in.mcap")
    assert run(source, "--list") == 0
    shown = capsys.readouterr().out
    assert "/tf_static" in shown
    assert "left        /rig/left/image_rect" in shown
    assert "right-info  /rig/right/camera_info" in shown
    assert "  /rig/points2" in shown
    assert list(tmp_path.iterdir()) == [source]


def test_part_of_a_recording(tmp_path, weights) -> None:
    out = tmp_path / "out.mcap"
    source = rig(tmp_path / "in.mcap", frames=8)
    part = ("--start", 0.15, "--duration", 0.5, "--every", 2)
    assert run(source, "-o", out, "--checkpoint", weights, *part) == 0
    # Frames 2 to 6 are in the part, of which 2, 4 and 6 are processed.
    found = read_messages(out, ["/rig/depth/camera_info"])
    assert [m.log_time for m in found] == [START + number * STEP for number in (2, 4, 6)]
    number = counts(out)
    assert number["/rig/left/image_rect"] == 5
    with Recording(out) as recording:
        (latched,) = recording.messages(["/tf_static"])
    assert number["/tf_static"] == 1
    assert latched.log_time == START + round(0.15 * SECOND)


def test_outputs_alone_where_one_wants_them(tmp_path, weights) -> None:
    out = tmp_path / "out.mcap"
    words = (
        "--no-inputs",
        "--max-frames",
        2,
        "--namespace",
        "here/",
        "--outputs",
        "disparity,disparity/visual",
    )
    assert run(rig(tmp_path / "in.mcap"), "-o", out, "--checkpoint", weights, *words) == 0
    assert counts(out) == {"/here/disparity": 2, "/here/disparity/visual": 2}


def test_export(tmp_path, weights) -> None:
    out, folder = tmp_path / "out.mcap", tmp_path / "files"
    words = ("--export", "png,ply,npz", "--export-dir", folder, "--max-frames", 2, "--cloud-stride", 4)
    assert run(rig(tmp_path / "in.mcap"), "-o", out, "--checkpoint", weights, *words) == 0
    with np.load(folder / "000001_result.npz") as arrays:
        depth = arrays["depth"]
    found = list(read_messages(out, ["/rig/depth/image_rect"]))
    np.testing.assert_array_equal(depth, found[1].message.data.view("<f4").reshape(64, 96))
    assert {path.name[:7] for path in folder.iterdir()} == {"000000_", "000001_"}
    assert {path.suffix for path in folder.iterdir()} == {".png", ".ply", ".npz"}


def test_compressed_images(tmp_path, weights) -> None:
    source = tmp_path / "in.mcap"
    with Recording(rig(tmp_path / "raw.mcap")) as raw, BagWriter(source) as writer:
        compressed = typestore().types[COMPRESSED_IMAGE]
        for message in raw.messages():
            if message.topic.msgtype != IMAGE:
                writer.copy(message)
                continue
            decoded = typestore().deserialize_cdr(message.data, IMAGE)
            png = cv2.imencode(".png", decoded.data.reshape(64, 96, 3)[..., ::-1])[1]
            made = compressed(header=decoded.header, format="rgb8; png compressed bgr8", data=png.reshape(-1))
            writer.write(f"{message.topic.name}/compressed", COMPRESSED_IMAGE, made, message.log_time)
    for given in (source, tmp_path / "raw.mcap"):
        out = tmp_path / f"{given.stem}_out.mcap"
        assert run(given, "-o", out, "--checkpoint", weights, "--outputs", "disparity") == 0
    both = [
        [m.message.image.data for m in read_messages(tmp_path / name, ["/rig/disparity"])]
        for name in ("in_out.mcap", "raw_out.mcap")
    ]
    np.testing.assert_array_equal(both[0], both[1])


def with_encoding(path: Path, encoding: str, numbers: set[int]) -> Path:
    """Copy a recording, giving some of the left images another encoding."""
    source = rig(path.with_name("good.mcap"))
    with Recording(source) as recording, BagWriter(path) as writer:
        left = 0
        for message in recording.messages():
            if message.topic.name != "/rig/left/image_rect":
                writer.copy(message)
                continue
            decoded = typestore().deserialize_cdr(message.data, IMAGE)
            if left in numbers:
                decoded.encoding = encoding
            writer.write(message.topic.name, IMAGE, decoded, message.log_time)
            left += 1
    return path


def test_bad_frame_is_counted_and_passed_over(tmp_path, weights, capsys) -> None:
    out = tmp_path / "out.mcap"
    assert run(with_encoding(tmp_path / "in.mcap", "odd8", {1}), "-o", out, "--checkpoint", weights) == 0
    shown = capsys.readouterr().out
    assert "3 frames" in shown
    assert "rejected: 1" in shown
    assert "odd8" in shown
    assert counts(out)["/rig/disparity"] == 3
    assert counts(out)["/rig/left/image_rect"] == 4


def test_nothing_but_bad_frames_is_an_error(tmp_path, weights, capsys) -> None:
    out = tmp_path / "out.mcap"
    source = with_encoding(tmp_path / "in.mcap", "odd8", {0, 1, 2, 3})
    assert run(source, "-o", out, "--checkpoint", weights) == 1
    error = capsys.readouterr().err
    assert "none of 4 frames" in error
    assert "odd8" in error
    assert not list(tmp_path.glob("out*"))


def test_tolerance(tmp_path, weights, capsys) -> None:
    source, out = rig(tmp_path / "in.mcap", delay_ns=2_000_000), tmp_path / "out.mcap"
    assert run(source, "-o", out, "--checkpoint", weights) == 1
    assert "0.002000 s apart (--tolerance)" in capsys.readouterr().err
    assert run(source, "-o", out, "--checkpoint", weights, "--tolerance", 0.005) == 0
    assert counts(out)["/rig/points2"] == 4
    # The later of the two images decides when a result can be there.
    first = next(read_messages(out, ["/rig/points2"]))
    assert first.log_time == START + 2_000_000
    assert first.message.header.stamp.nanosec == START % SECOND


def test_truncated_input_gives_the_frames_up_to_there(tmp_path, weights, capsys) -> None:
    whole, cut, out = rig(tmp_path / "in.mcap", frames=9), tmp_path / "cut.mcap", tmp_path / "out.mcap"
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) * 2 // 3])
    assert run(cut, "-o", out, "--checkpoint", weights, "--outputs", "disparity") == 3
    assert "warning: cut.mcap breaks off" in capsys.readouterr().err
    with Recording(cut) as recording:
        left = len(list(recording.messages(["/rig/left/image_rect"])))
    assert 3 < left < 8
    assert counts(out)["/rig/disparity"] == left


def test_interrupt_leaves_a_whole_file_of_the_frames_done(tmp_path, weights) -> None:
    source, out, folder = rig(tmp_path / "in.mcap", frames=1000), tmp_path / "out.mcap", tmp_path / "files"
    command = [sys.executable, "-m", "foundation_stereo_ros.cli.main", "bag", source, "-o", out]
    options = ["--checkpoint", weights, "--iterations", "1", "--export", "png", "--export-dir", folder]
    process = subprocess.Popen([*command, *options], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not (folder / "000002_left.png").exists() and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 130
    assert "interrupted" in error
    assert "Traceback" not in error
    done = counts(out)
    assert 3 <= done["/rig/disparity"] == done["/rig/points2"] < 1000
    assert not list(tmp_path.glob("*.partial.mcap"))


def kept(partial: Path) -> Counter[str]:
    """Count the messages of a recording without an end."""
    with Recording(partial) as recording:
        found = Counter(message.topic.name for message in recording.messages())
        assert recording.damage == f"{partial.name} breaks off: its end is missing"
    return found


def test_a_kill_leaves_the_frames_done(tmp_path, weights, capsys) -> None:
    source, out = rig(tmp_path / "in.mcap", frames=300), tmp_path / "out.mcap"
    partial, before = tmp_path / "out.partial.mcap", source.read_bytes()
    words = ["bag", str(source), "-o", str(out), "--checkpoint", weights, "--iterations", "1"]
    module = [sys.executable, "-m", "foundation_stereo_ros.cli.main"]
    with subprocess.Popen([*module, *words], cwd=ROOT) as process:
        wait_until("some frames are done", lambda: partial.exists() and partial.stat().st_size > 300_000)
        assert run(source, "-o", out, "--force") == 1
        process.kill()
    assert process.returncode == -9
    said = capsys.readouterr().err
    assert said == f"error: another job is writing {out}; expected to be the only one\n"
    done = kept(partial)
    assert done["/rig/disparity"] >= 1 and done["/rig/left/image_rect"] >= done["/rig/disparity"]
    assert len(by_mcap(partial)) == sum(done.values())
    assert not out.exists() and source.read_bytes() == before
    # It is a recording like any that breaks off, and what was killed keeps nobody out.
    common = ("--checkpoint", weights, "--max-frames", 1)
    assert run(partial, "-o", tmp_path / "from.mcap", *common, "--namespace", "other") == 3
    assert run(source, "-o", out, *common, "--force") == 0


def test_a_full_disk_keeps_the_frames_done(tmp_path, weights, capsys) -> None:
    source, out = rig(tmp_path / "in.mcap", frames=40), tmp_path / "out.mcap"
    with disk_of(400_000):
        assert run(source, "-o", out, "--checkpoint", weights, "--iterations", 1) == 1
    partial = tmp_path / "out.partial.mcap"
    assert capsys.readouterr().err == (
        f"error: cannot write {out}: File too large; {partial} holds what was written before\n"
    )
    assert kept(partial)["/rig/disparity"] >= 1
    assert len(by_mcap(partial)) == sum(kept(partial).values())


def test_several_rigs_ask_for_a_choice(tmp_path, weights, capsys) -> None:
    source, out = tmp_path / "in.mcap", tmp_path / "out.mcap"
    with BagWriter(source) as writer:
        for name in ("front", "back"):
            with Recording(rig(tmp_path / f"{name}.mcap", namespace=f"/{name}")) as one:
                for message in one.messages():
                    writer.copy(message)
    assert run(source, "-o", out) == 1
    assert "--left /back/left/image_rect --right /back/right/image_rect" in capsys.readouterr().err
    words = ("--left", "/back/left/image_rect", "--max-frames", 1)
    assert run(source, "-o", out, "--checkpoint", weights, *words) == 0
    assert counts(out)["/back/disparity"] == 1


def test_names_that_are_taken(tmp_path, weights, capsys) -> None:
    first, second, third = (tmp_path / f"{name}.mcap" for name in ("first", "second", "third"))
    common = ("--checkpoint", weights, "--outputs", "disparity")
    assert run(rig(tmp_path / "in.mcap", frames=2), "-o", first, *common) == 0
    # Its own output has /rig/disparity already.
    assert run(first, "-o", second, *common) == 0
    assert counts(second)["/rig/foundation_stereo/disparity"] == 2
    assert run(second, "-o", third, *common) == 1
    assert "give another --namespace" in capsys.readouterr().err
    assert run(second, "-o", third, *common, "--namespace", "/other") == 0


def test_output_is_replaced_only_with_force(tmp_path, weights, capsys) -> None:
    source, out = rig(tmp_path / "in.mcap"), tmp_path / "out.mcap"
    out.write_bytes(b"precious")
    assert run(source, "-o", out, "--checkpoint", weights) == 1
    assert "--force" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    assert run(source, "-o", source, "--force", "--checkpoint", weights) == 1
    assert "is an input" in capsys.readouterr().err
    assert run(source, "-o", out, "--checkpoint", weights, "--force", "--max-frames", 1) == 0
    assert counts(out)["/rig/disparity"] == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 1, "expected -o OUT.mcap"),
        (("-o", "out.db3"), 1, "ends in .mcap"),
        (("-o", "out.mcap", "--outputs", "depht"), 1, "unknown output 'depht'"),
        (("-o", "out.mcap", "--export", "jpg"), 1, "unknown export 'jpg'"),
        (("-o", "out.mcap", "--checkpoint", "gone.safetensors"), 1, "gone.safetensors"),
        (("-o", "out.mcap", "--every", "0"), 2, "1 or more"),
        (("-o", "out.mcap", "--start", "-1"), 2, "0 or more"),
    ],
)
def test_wrong_usage(tmp_path, capsys, monkeypatch, words, code, message) -> None:
    source = rig(tmp_path / "in.mcap", frames=1)
    monkeypatch.chdir(tmp_path)
    assert run(source, *words) == code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [source]


def test_help_loads_no_torch() -> None:
    code = (
        "import sys; from foundation_stereo_ros.cli.main import main; main(['bag', '--help']); "
        "sys.exit(bool({'torch', 'rosbags'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert "--tolerance" in done.stdout
    assert "130" in done.stdout


def without_infos(source: Path, target: Path) -> Path:
    """Copy a recording as EuRoC's are: cam0 and cam1, and no camera_info."""
    with Recording(source) as recording, BagWriter(target) as writer:
        for message in recording.messages():
            for side, name in (("left", "/cam0/image_raw"), ("right", "/cam1/image_raw")):
                if message.topic.name == f"/rig/{side}/image_rect":
                    made = typestore().deserialize_cdr(message.data, IMAGE)
                    writer.write(name, IMAGE, made, message.log_time)
    return target


CAMS = ("--left", "/cam0/image_raw", "--right", "/cam1/image_raw")


def test_a_calibration_file_stands_for_missing_camera_info(tmp_path, weights, capsys) -> None:
    recorded = rig(tmp_path / "recorded.mcap")
    source, out = without_infos(recorded, tmp_path / "in.mcap"), tmp_path / "out.mcap"
    assert run(source, "-o", out, "--checkpoint", weights, *CAMS) == 1
    shown = capsys.readouterr().err
    assert "no camera_info beside /cam0/image_raw" in shown and "--intrinsics FILE" in shown
    (tmp_path / "K.txt").write_text("80 0 47.5 0 80 31.5 0 0 1\n0.1\n")
    words = (*CAMS, "--intrinsics", tmp_path / "K.txt")
    assert run(source, "--list", *words) == 0
    assert "info" not in capsys.readouterr().out.split("takes:")[1].split("writes:")[0]
    assert run(source, "-o", out, "--checkpoint", weights, *words) == 0
    assert run(recorded, "-o", tmp_path / "expected.mcap", "--checkpoint", weights) == 0
    found, expected = (
        [message.message for message in read_messages(path, [name])]
        for path, name in (
            (out, "/stereo/depth/image_rect"),
            (tmp_path / "expected.mcap", "/rig/depth/image_rect"),
        )
    )
    assert len(found) == 4
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.data, other.data)


def test_a_calibration_file_comes_before_recorded_camera_info(tmp_path, weights, capsys) -> None:
    source, out = rig(tmp_path / "in.mcap"), tmp_path / "out.mcap"
    (tmp_path / "K.txt").write_text("80 0 47.5 0 80 31.5 0 0 1\n0.2\n")
    words = ("--intrinsics", tmp_path / "K.txt", "--outputs", "disparity")
    assert run(source, "-o", out, "--checkpoint", weights, *words) == 0
    assert [m.message.t for m in read_messages(out, ["/rig/disparity"])] == [pytest.approx(0.2)] * 4
    assert counts(out)["/rig/left/camera_info"] == 4
    assert run(source, "-o", out, "--force", *words, "--right-info", "/rig/right/camera_info") == 1
    assert "--intrinsics and --right-info are both given" in capsys.readouterr().err
    (tmp_path / "K.txt").write_text("hello")
    assert run(source, "-o", out, "--force", "--checkpoint", "nowhere.pth", *words) == 1
    assert "K.txt is no calibration that is known; looked for" in capsys.readouterr().err


def test_where_every_pixel_is_invalid_the_output_is_kept(tmp_path, weights, capsys, caplog) -> None:
    out = tmp_path / "out.mcap"
    (tmp_path / "K.txt").write_text("80 0 47.5 0 80 31.5 0 0 1\n0.00005\n")
    words = ("--intrinsics", tmp_path / "K.txt")
    assert run(rig(tmp_path / "in.mcap"), "-o", out, "--checkpoint", weights, *words) == 4
    assert (
        "error: in every frame every pixel is invalid: with a baseline of 5e-05 m" in capsys.readouterr().err
    )
    assert [r.getMessage()[:22] for r in caplog.records] == ["baseline is 5e-05 m, w"]
    assert counts(out)["/rig/depth/image_rect"] == 4


def test_of_cameras_one_above_the_other_there_is_no_disparity(tmp_path, weights, capsys) -> None:
    source, out = without_infos(rig(tmp_path / "r.mcap"), tmp_path / "in.mcap"), tmp_path / "out.mcap"
    p = [80.0, 0.0, 47.5, 0.0, 0.0, 80.0, 31.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    for side, ty in (("left", 0.0), ("right", -8.0)):
        p[7] = ty
        (tmp_path / f"{side}.yaml").write_text(
            f"{{width: 96, height: 64, k: [80, 0, 47.5, 0, 80, 31.5, 0, 0, 1], p: {p}}}"
        )
    files = [tmp_path / f"{side}.yaml" for side in ("left", "right")]
    assert run(source, "-o", out, "--checkpoint", weights, *CAMS, "--intrinsics", *files) == 0
    assert "one camera is above the other: there is depth, but no disparity" in capsys.readouterr().err
    number = counts(out)
    assert number["/stereo/points2"] == 4 and "/stereo/disparity" not in number
    info = next(iter(read_messages(out, ["/stereo/depth/camera_info"]))).message
    assert (info.width, info.height, info.k[0], info.k[2]) == (96, 64, 80.0, 47.5)


def test_exchanged_images_are_told_once_for_a_recording(
    tmp_path: Path, weights: str, capfd: pytest.CaptureFixture[str]
) -> None:
    left, right = block_pair(40)
    camera = Camera(left.shape[1], left.shape[0], fx=300.0, fy=300.0, cx=200.0, cy=120.0)
    for name, images in (("good", (left, right)), ("exchanged", (right, left))):
        source = tmp_path / f"{name}.mcap"
        with BagWriter(source) as writer:
            recorder = StereoRecorder(writer, StereoRig(camera, camera, 0.1), "/rig")
            for number in range(3):
                recorder.add(*images, START + number * STEP)
        options = ["--checkpoint", weights, "--device", "cpu", "--iterations", "1", "--scale", "0.4"]
        assert main(["bag", str(source), "-o", str(tmp_path / f"{name}_out.mcap"), *options]) == 0
        told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("warning: ")]
        assert len(told) == (name == "exchanged")
        assert all("frame 0: left and right image look exchanged" in line for line in told)
