# SPDX-License-Identifier: Apache-2.0
"""Player and recorder on one network stack, the node on another: images go over a wire in small pieces."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from ros_processes import RosProcess
from small_recording import STAMPS, make_recording
from wire_stage import QUICK, command, local

from foundation_stereo_ros.ros.bags.reader import read_messages
from foundation_stereo_ros.ros.messages.stamps import stamp_ns

DOMAIN = 89
IMAGES = ("/stereo/left/image_rect", "/stereo/right/image_rect")
RESULTS = ("/stereo/disparity", "/stereo/points2")


@pytest.fixture
def networks() -> Iterator[tuple[str, str]]:
    """Two network namespaces with a cable between them."""
    if not shutil.which("ip"):
        pytest.skip("there is no `ip` to make network namespaces with (iproute2)")
    names = (f"fsr{os.getpid()}a", f"fsr{os.getpid()}b")
    made: list[str] = []
    try:
        for name in names:
            ip("netns", "add", name)
            made.append(name)
        ip("link", "add", "eth0", "netns", names[0], "type", "veth", "peer", "eth0", "netns", names[1])
        for number, name in enumerate(names, 1):
            ip("-n", name, "address", "add", f"192.0.2.{number}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", name, "link", "set", device, "up")
        yield names
    finally:
        for name in made:
            ip("netns", "delete", name)


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"network namespaces are not permitted here: {done.stderr.strip()}")


def run(network: str, folder: Path, *words: str) -> RosProcess:
    environment = {**local(DOMAIN), "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"}
    return RosProcess(["ip", "netns", "exec", network, *command(*words)], DOMAIN, folder, environment)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Pairs of noise: images of 0.9 MB, each in hundreds of packets, none of which may be missing."""
    scene, path = tmp_path / "large.npz", tmp_path / "ride.mcap"
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    np.savez(scene, left=noise, right=noise[:, ::-1], focal=500.0, cx=319.5, cy=239.5, baseline=0.1)
    make_recording(path, scene)
    return path


@contextmanager
def ended(*processes: RosProcess) -> Iterator[None]:
    """Show what they said, where the test failed, and end them."""
    try:
        yield
    finally:
        for process in processes:
            print(f"---- {process.popen.args}\n{process.said}\n{process.log}")
            process.kill()


def test_large_images_arrive_as_they_were(networks: tuple[str, str], bag: Path, tmp_path: Path) -> None:
    here, there = networks
    out = tmp_path / "out.mcap"
    recorder = run(there, tmp_path, "record", *IMAGES, "-o", str(out))
    with ended(recorder):
        recorder.said.wait_for(1, "^recording")
        # Long enough for the recorder to find the topics.
        player = run(here, tmp_path, "play", str(bag), "--rate", "0.5", "--reliable", "--delay", "5")
        with ended(player):
            recorder.said.wait_for(len(IMAGES), "^  /stereo/")
            assert player.wait() == 0
        recorder.interrupt()
        assert recorder.wait() == 0
    sent, heard = recorded(bag), recorded(out)
    # Those before both have met are nobody's.
    for topic in IMAGES:
        assert heard[topic] and heard[topic] == sent[topic][-len(heard[topic]) :]


def recorded(path: Path) -> dict[str, list[tuple[int, bytes]]]:
    found: dict[str, list[tuple[int, bytes]]] = {topic: [] for topic in IMAGES}
    for topic, message, _ in read_messages(path, IMAGES):
        found[topic].append((stamp_ns(message.header), bytes(message.data)))
    return found


def test_pairs_cross_and_results_come_back(networks: tuple[str, str], bag: Path, tmp_path: Path) -> None:
    here, there = networks
    out = tmp_path / "out.mcap"
    node = run(there, tmp_path, "live", "--reliable", "--scale", "0.25", *QUICK)
    recorder = run(here, tmp_path, "record", *RESULTS, "-o", str(out))
    player = run(here, tmp_path, "play", str(bag), "--loop", "--rate", "0.4", "--reliable")
    with ended(player, recorder, node):
        node.said.wait_for(1, "^publishes:")
        recorder.said.wait_for(len(RESULTS), "^  /stereo/")
        node.log.wait_for(1, "^running: ")
        player.interrupt()
        assert player.wait() == 130
        recorder.interrupt()
        assert recorder.wait() == 0
    found = {topic: message for topic, message, _ in read_messages(out)}
    assert set(found) == set(RESULTS)
    assert all(stamp_ns(message.header) in STAMPS for message in found.values())
    assert len(found["/stereo/points2"].data) == 480 * 640 * 16
