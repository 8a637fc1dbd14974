# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo play``, heard by another process; and flags that cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from waiting import wait_until
from wire_domains import domains
from wire_stage import WireStage

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.ros.bags.qos import offered_profile
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.dds.qos import SENSOR, Profile
from foundation_stereo_ros.ros.messages.cdr import IMAGE, message_types, typestore

BEGIN = 1_500_000_000 * 10**9
STEP = 50_000_000
FRAMES = 20
TRANSFORMS = "tf2_msgs/msg/TFMessage"
CLOCK = "rosgraph_msgs/msg/Clock"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[WireStage]:
    made = WireStage(next(domains()), tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A camera with best effort, and two latched transforms at the beginning."""
    path = tmp_path_factory.mktemp("bag") / "ride.mcap"
    types: dict[str, Any] = dict(typestore().types)
    with BagWriter(path) as writer:
        latched = offered_profile(1, latched=True)
        for number in range(2):
            transforms = types[TRANSFORMS](transforms=[])
            writer.write("/tf_static", TRANSFORMS, transforms, BEGIN + number, offered=latched)
        for number in range(FRAMES):
            writer.write(
                "/image",
                IMAGE,
                image(number),
                BEGIN + number * STEP,
                offered=offered_profile(5, reliable=False),
            )
    return path


def image(number: int) -> Any:
    types = message_types()
    header = types.Header(stamp=types.Time(sec=number, nanosec=0), frame_id="camera")
    pixels = np.random.default_rng(number).integers(0, 256, 64 * 48 * 3, dtype=np.uint8)
    return types.Image(
        header=header, height=48, width=64, encoding="rgb8", is_bigendian=0, step=192, data=pixels
    )


def recorded(path: Path, topic: str) -> list[bytes]:
    with Recording(path) as recording:
        return [message.data for message in recording.messages([topic])]


def unpadded(found: list[bytes], sent: list[bytes]) -> list[bytes]:
    return [data[: len(one)] for data, one in zip(found, sent, strict=True)]


def test_every_message_as_it_was_recorded(stage: WireStage, bag: Path) -> None:
    images = stage.hear("/image", IMAGE, SENSOR)
    player = stage.run("play", str(bag), "--rate", "2")
    player.said.wait_for(1, "playing /image, /tf_static")
    sent = recorded(bag, "/image")
    images.wait_for(count=FRAMES)
    assert unpadded(images.raw, sent) == sent
    assert player.wait() == 0
    assert str(player.said).endswith(f"{FRAMES + 2} messages played")


def test_damaged_messages_are_left_out(stage: WireStage, bag: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.mcap"
    with Recording(bag) as recording, BagWriter(path) as writer:
        for number, message in enumerate(recording.messages(["/image"])):
            cut = (len(message.data), 30, 3, 0)[number % 4]
            writer.copy(message._replace(data=message.data[:cut]))
    images = stage.hear("/image", IMAGE, SENSOR)
    player = stage.run("play", str(path), "--rate", "2")
    assert player.wait() == 0
    images.wait_for(count=FRAMES // 4)
    assert str(player.said).endswith(f"{FRAMES // 4} messages played")
    log = str(player.log)
    assert f"warning: {FRAMES - FRAMES // 4} damaged messages left out" in log
    assert log.count("a damaged message is left out") == 1 and "Traceback" not in log


def test_quality_of_the_recording(stage: WireStage, bag: Path) -> None:
    player = stage.run("play", str(bag), "--loop", "--rate", "4")
    strict = stage.hear("/image", IMAGE, Profile())
    stage.hear("/image", IMAGE, SENSOR).wait_for(count=2)
    assert strict.messages == [] and strict.subscription.incompatible() == "RELIABILITY"
    late = stage.hear("/tf_static", TRANSFORMS, Profile(latched=True))
    late.wait_for(count=2)
    player.interrupt()
    assert player.wait() == 130
    assert "messages played, interrupted" in str(player.said)


def test_reliably_and_in_a_loop(stage: WireStage, bag: Path) -> None:
    images = stage.hear("/image", IMAGE, Profile(depth=100))
    stage.run("play", str(bag), "--loop", "--rate", "10", "--reliable", "--topics", "image")
    images.wait_for(count=2 * FRAMES)
    sent = recorded(bag, "/image")
    assert unpadded(images.raw[: 2 * FRAMES], sent * 2) == sent * 2
    assert "/tf_static" not in [topic.name for topic in stage.wire.graph.topics()]


def test_a_part_with_its_clock(stage: WireStage, bag: Path) -> None:
    images = stage.hear("/image", IMAGE, Profile(depth=100))
    clock = stage.hear("/clock", CLOCK, Profile(reliable=False, depth=1000))
    words = ("--start-offset", "0.5", "--playback-duration", "0.25", "--clock", "100", "--reliable")
    # Slowly, so that there is time between two messages on a machine with much to do, too.
    player = stage.run("play", str(bag), *words, "--rate", "0.1")
    assert player.wait() == 0
    images.wait_for(count=5)
    assert [message.header.stamp.sec for message in images.messages] == [10, 11, 12, 13, 14]
    times = [message.clock.sec * 10**9 + message.clock.nanosec for message in clock.messages]
    first, last = BEGIN + 10 * STEP, BEGIN + 14 * STEP
    assert times == sorted(times)
    assert first <= times[0] and times[-1] <= last
    # Between the messages as well.
    assert len(set(times)) > 10


def test_it_takes_the_time_that_it_took(stage: WireStage, bag: Path) -> None:
    """Twice as fast at a rate of 2, by the times at which the messages were sent."""
    sent: list[int] = []
    stage.wire.subscription("/image", IMAGE, Profile(depth=100), lambda _, at: sent.append(at))
    player = stage.run("play", str(bag), "--rate", "2", "--reliable")
    assert player.wait() == 0
    wait_until("the last has come", lambda: len(sent) == FRAMES)
    # A machine with much to do may be late, but never early.
    assert sent[-1] - sent[0] >= (FRAMES - 1) * STEP / 2 * 0.9


def test_nothing_to_play(bag: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    assert main(["play", str(bag), "--topics", "/other", "--domain", str(next(domains()))]) == 1
    assert "error: nothing to play" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--rate", "0"], "expected a positive number"),
        (["--start-offset", "-1"], "expected seconds, 0 or more"),
    ],
)
def test_wrong_flags(words: list[str], expected: str, capsys: Any) -> None:
    assert main(["play", "ride.mcap", *words]) == 2
    assert expected in capsys.readouterr().err


def test_no_recording(tmp_path: Path, capsys: Any) -> None:
    assert main(["play", str(tmp_path / "none.mcap"), "--domain", str(next(domains()))]) == 1
    assert "none.mcap" in capsys.readouterr().err
