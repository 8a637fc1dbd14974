# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo live`` from outside: real processes, real topics."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kept_memory
import numpy as np
import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from ros_processes import RosProcess
from small_recording import STAMPS, make_recording
from waiting import ends_well, wait_until
from wire_stage import QUICK, TYPES, WireStage

from foundation_stereo_ros.ros.bags.reader import read_messages
from foundation_stereo_ros.ros.dds.qos import SENSOR, Profile
from foundation_stereo_ros.ros.messages.depth import decode_depth
from foundation_stereo_ros.ros.messages.disparity import decode_disparity
from foundation_stereo_ros.ros.messages.point_cloud import decode_points
from foundation_stereo_ros.ros.messages.stamps import stamp_ns

NODE = "/stereo/stereo_node"


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory, small_scene: Path) -> Path:
    path = tmp_path_factory.mktemp("bag") / "ride.mcap"
    make_recording(path, small_scene)
    return path


def nearly_exact(depth: np.ndarray, exact: SimpleNamespace) -> None:
    """The shipped network is small: half of the seen points within a tenth, most within a fifth."""
    scene = exact.frame
    seen = ~scene.occluded & np.isfinite(depth)
    assert seen.mean() > 0.6
    error = np.abs(depth / scene.depth - 1)[seen]
    assert np.median(error) < 0.1
    assert np.quantile(error, 0.8) < 0.2


def test_player_node_and_recorder(
    stage: WireStage, exact: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Three processes, found by discovery; what the recorder has, against the exact depth."""
    folder = tmp_path_factory.mktemp("bag")
    make_recording(folder / "exact.mcap", exact.path)
    node = stage.live("--device", "cpu", "--confidence")
    node.said.wait_for(1, r"\(no topics\)")
    out = folder / "out.mcap"
    recorder = stage.run("record", *(f"/stereo/{name}" for name in TYPES), "-o", str(out))
    stage.run("play", str(folder / "exact.mcap"), "--loop", "--rate", "2", "--reliable", "--clock")
    recorder.said.wait_for(len(TYPES), r"^  /stereo/")
    node.reports(lambda r: r.count("results") >= 3)
    recorder.interrupt()
    assert recorder.wait() == 0
    found: dict[str, Any] = {}
    for topic, message, _ in read_messages(out):
        found[topic.removeprefix("/stereo/")] = message
        assert stamp_ns(message.header) in STAMPS
    assert set(found) == set(TYPES)
    nearly_exact(decode_depth(found["depth/image_rect"]), exact)
    disparity = decode_disparity(found["disparity"])
    product = exact.frame.focal * exact.frame.baseline
    nearly_exact(np.where(disparity.valid, product / disparity.disparity, np.nan), exact)
    points, colors = decode_points(found["points2"])
    known = np.isfinite(points).all(axis=-1)
    nearly_exact(np.where(known, points[..., 2], np.nan), exact)
    assert (colors[known] == exact.frame.left[known]).all()
    info = found["depth/camera_info"]
    assert (info.width, info.height, info.k[0]) == (256, 192, pytest.approx(exact.frame.focal))
    confidence = decode_depth(found["confidence"])
    assert np.nanmin(confidence) >= 0 and np.nanmax(confidence) <= 1
    assert found["disparity/visual"].encoding == "rgb8"
    assert all(message.header.frame_id == "left_camera_optical_frame" for message in found.values())


NAMED = ("--left", "/stereo/left/image_rect", "--right", "/stereo/right/image_rect", *QUICK)


def test_calibrations_that_were_sent_once_before_the_start(stage: WireStage, small_scene: Path) -> None:
    camera = stage.camera(small_scene, latched=True)
    wait_until("sent", lambda: len(camera.stamps) > 2)
    node = stage.live(*NAMED)
    depth = stage.hear("/stereo/depth/image_rect")
    depth.wait_for(count=2)
    assert set(depth.stamps) <= set(camera.stamps)
    report = node.reports(lambda r: r.count("results") > 2)
    assert (report.level, report.count("time jumps")) == (0, 0)
    assert "WARNING" not in str(node.log)


def test_images_without_a_frame_are_reported(stage: WireStage, small_scene: Path) -> None:
    stage.camera(small_scene, frame="")
    node = stage.live(*NAMED)
    stage.hear("/stereo/depth/image_rect").wait_for(count=1)
    report = node.reports(lambda r: r.message.startswith("running"))
    assert report.level == 1
    assert "; /stereo/left/image_rect: the images have an empty frame_id" in report.message
    assert len(node.log.wait_for(1, "^WARNING.*empty frame_id")) == 1


def test_a_clock_that_is_not_followed_is_told(stage: WireStage, bag: Path) -> None:
    node = stage.live(*NAMED)
    player = stage.run("play", str(bag), "--loop", "--clock")
    player.said.wait_for(1, "foundation_stereo live: --use-sim-time")
    assert len(node.log.wait_for(1, "somebody publishes /clock.*set use_sim_time")) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--checkpoint", "absent.safetensors"), "absent.safetensors"),
        (("--device", "nonsense"), "nonsense"),
        (("--params", "absent.yaml"), "absent.yaml"),
    ],
)
def test_what_cannot_work_is_told_before_a_camera_is_there(
    stage: WireStage, words: tuple[str, ...], reason: str
) -> None:
    node = stage.live(*words)
    assert node.wait() == 1
    node.log.wait_for(1, f"error: .*{reason}")
    stage.processes.remove(node)


@pytest.fixture(scope="module")
def running(module_stage: WireStage, small_scene: Path) -> Any:
    """A node with a camera, whose topics are named; subscribers come and go."""
    camera = module_stage.camera(small_scene, rate=20.0)
    node = module_stage.live(
        "--left", "left/image_rect", "--right", "/stereo/right/image_rect", "--namespace", "stereo", *QUICK
    )
    node.said.wait_for(1, "/stereo/disparity/visual")  # the last that it says before it begins
    return SimpleNamespace(stage=module_stage, camera=camera, node=node)


def test_without_a_subscriber_nothing_is_computed(running) -> None:
    report = running.node.reports(lambda r: r.count("skipped, no subscriber") > 20)
    assert (report.level, report.count("results"), report.values["subscribers"]) == (0, 0, "none")
    assert "nobody subscribes" in report.message
    assert len(running.node.log.wait_for(1, "no subscriber on any output")) == 1


@pytest.mark.parametrize("profile", [SENSOR, Profile()], ids=["best effort", "reliable"])
def test_subscribers_of_either_reliability_hear(running, profile: Profile) -> None:
    inboxes = {name: running.stage.hear(f"/stereo/{name}", profile=profile) for name in TYPES}
    for name in ("disparity", "depth/image_rect", "depth/camera_info", "points2", "disparity/visual"):
        inboxes[name].wait_for(count=3)
        assert set(inboxes[name].stamps) <= set(running.camera.stamps)
        assert inboxes[name].messages[0].header.frame_id == "left_optical"
    assert inboxes["confidence"].messages == []
    running.node.log.wait_for(1, "output confidence has a subscriber and is not computed")


def test_diagnostics(running) -> None:
    running.stage.hear("/stereo/points2").wait_for(count=2)
    report = running.node.reports(lambda r: r.count("results") > 3 and r.message.startswith("running"))
    assert report.level == 0
    assert report.values["device"] == "cpu"
    assert float(report.values["latency p50"].removesuffix(" ms")) < 5000
    assert report.count("lost messages") >= 0 and report.count("refused messages") == 0


def test_what_it_shows(running) -> None:
    said = str(running.node.said)
    assert f"domain {running.stage.domain}, discovery LOCALHOST" in said
    assert f"{NODE} takes:" in said
    assert "left-info   /stereo/left/camera_info" in said and "  /stereo/points2" in said
    assert "confidence" not in said


def test_ctrl_c_more_than_once(running) -> None:
    ends_well(running.node, times=3)
    # Peers are told, and do not wait for it.
    wait_until(
        "the outputs are gone",
        lambda: not any("points2" in t.name for t in running.stage.wire.graph.topics()),
    )


def test_publisher_killed_and_restarted(stage: WireStage, bag: Path) -> None:
    """And a recording in a loop, whose time goes back."""
    node = stage.live("--left", "/stereo/left/image_rect", "--right", "/stereo/right/image_rect", *QUICK)
    points = stage.hear("/stereo/points2")
    node.reports(lambda r: "no output: /stereo/left/image_rect has no publisher" in r.message)
    player = stage.run("play", str(bag), "--loop", "--rate", "4")
    points.wait_for(count=12)
    assert set(points.stamps) <= set(STAMPS)
    assert any(later < earlier for earlier, later in zip(points.stamps, points.stamps[1:], strict=False))
    node.reports(lambda r: r.level == 0 and r.count("time jumps") > 1)
    player.kill()
    silent = node.reports(lambda r: r.level == 1)
    assert "/stereo/left/image_rect: no image has come for" in silent.message
    stage.run("play", str(bag), "--loop", "--rate", "4")
    points.next(count=5)
    assert node.reports(lambda r: r.message.startswith("running")).level == 0


def test_two_nodes_side_by_side(stage: WireStage, small_scene: Path, other_scene: Path) -> None:
    """Each finds the camera of its namespace, and publishes there."""
    sizes = {"/front": (64, 48), "/rear": (96, 64)}
    for name, scene in zip(sizes, (small_scene, other_scene), strict=True):
        stage.camera(scene, name)
        stage.live("--namespace", name, *QUICK)
    inboxes = {name: stage.hear(f"{name}/depth/image_rect") for name in sizes}
    for name, inbox in inboxes.items():
        inbox.wait_for(count=3)
        assert {(m.width, m.height) for m in inbox.messages} == {sizes[name]}
        assert set(inbox.stamps) <= set(stage.cameras[list(sizes).index(name)].stamps)
    assert stage.processes[0].reports(name="/front/stereo_node").level == 0
    assert stage.processes[1].reports(name="/rear/stereo_node").level == 0


@pytest.fixture(scope="module")
def large_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that keep the network busy for many seconds."""
    path = tmp_path_factory.mktemp("scenes") / "large.npz"
    noise = np.random.default_rng(0).integers(0, 256, (960, 1280, 3), np.uint8)
    np.savez(path, left=noise, right=noise, focal=1000.0, cx=639.5, cy=479.5, baseline=0.1)
    return path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_end_in_the_midst_of_a_long_inference(stage: WireStage, large_scene: Path, number: int) -> None:
    stage.hear("/stereo/points2")
    stage.camera(large_scene, rate=2.0, profile=Profile(depth=2))
    node = stage.live("--device", "cpu", "--iterations", "128", "--reliable")
    # The next pair overtakes one that waits, and the first one is in the network.
    node.reports(lambda r: r.count("dropped") > 1)
    ends_well(node, number)


def test_the_end_while_it_looks_for_a_camera(stage: WireStage) -> None:
    node = stage.live()
    node.said.wait_for(1, r"\(no topics\)")
    ends_well(node)


@kept_memory.KNOWN
def test_nothing_is_kept_of_hundreds_of_frames(stage: WireStage, small_scene: Path) -> None:
    words = ("--left", "/stereo/left/image_rect", "--right", "/stereo/right/image_rect", *QUICK)
    node = stage.live(*words, counted=True)
    inboxes = [stage.hear(f"/stereo/{name}") for name in TYPES]
    node.reports(lambda r: r.values["state"] == "waiting")
    camera = stage.camera(small_scene, rate=60.0)

    def run_to(results: int) -> None:
        camera.paused = False
        node.reports(lambda r: r.count("results") >= results, timeout=600.0)
        camera.paused = True
        node.reports(lambda r: r.values["state"] == "waiting")
        for inbox in inboxes:
            inbox.clear()

    kept_memory.nothing_is_kept(node, run_to)


def test_a_subscriber_that_stands_still_holds_nobody(stage: WireStage, exact: SimpleNamespace) -> None:
    """A reliable one, stopped: others get their messages, and the end is as always."""
    node = stage.live("--left", "/stereo/left/image_rect", "--right", "/stereo/right/image_rect", *QUICK)
    stage.camera(exact.path, rate=10.0)
    stuck = stage.run("record", "/stereo/points2", "-o", str(stage.folder / "stuck.mcap"))
    stuck.said.wait_for(1, "/stereo/points2")
    node.reports(lambda r: r.count("results") > 1)
    with stopped(stuck):
        stage.hear("/stereo/points2").wait_for(count=8)
        ends_well(node)


def test_a_publisher_that_keeps_all_refuses_what_nobody_takes(stage: WireStage) -> None:
    publisher = stage.wire.publisher("/a", "std_msgs/msg/UInt8MultiArray", Profile(depth=0))
    stuck = stage.run("record", "/a", "-o", str(stage.folder / "stuck.mcap"))
    wait_until("they meet", lambda: publisher.subscribers == 1)
    message = b"\x00\x01\x00\x00" + bytes(8) + (2**20).to_bytes(4, "little") + bytes(2**20)
    with stopped(stuck):
        for _ in range(20):
            publisher.publish(message)
            if publisher.refused:
                break
    assert publisher.refused == 1


@contextmanager
def stopped(process: RosProcess) -> Iterator[None]:
    """Let it stand still."""
    process.popen.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.popen.send_signal(signal.SIGCONT)
