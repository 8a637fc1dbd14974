# SPDX-License-Identifier: Apache-2.0
"""A recording at the caller's pace; at its own, see the tests of ``foundation_stereo play``."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from waiting import wait_until
from wire_stage import WireStage

from foundation_stereo_ros.ros.bags.qos import Offered, offered, offered_profile
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.dds.player import Player, PlayOptions, of_recording
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.recorder import noted
from foundation_stereo_ros.ros.messages.cdr import typestore

STRING = "std_msgs/msg/String"
BEGIN = 1_500_000_000 * 10**9
TOPICS = ("/a", "/b")


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Messages of both topics at each of three moments, a second apart."""
    path = tmp_path / "moments.mcap"
    with BagWriter(path) as writer:
        for number in range(3):
            for topic in TOPICS:
                text = typestore().types[STRING](data=f"{topic}{number}")
                writer.write(topic, STRING, text, BEGIN + number * 10**9)
    return path


def test_moments_go_out_when_they_are_asked_for(stage: WireStage, bag: Path) -> None:
    inboxes = [stage.hear(topic, STRING, Profile()) for topic in TOPICS]
    with Recording(bag) as recording:
        player = Player(stage.wire, recording, PlayOptions(reliable=True), time.sleep)
        wait_until("they meet", lambda: all(i.subscription.publishers == 1 for i in inboxes))
        times = [time.time_ns()]
        for number, moment in enumerate(player.moments()):
            for inbox in inboxes:
                inbox.wait_for(count=number + 1)
                # And none of the next moment.
                assert [m.data for m in inbox.messages] == [f"{inbox.topic}{n}" for n in range(number + 1)]
            assert moment.log_time == BEGIN + number * 10**9
            assert times[-1] <= moment.written_ns <= time.time_ns()
            times.append(moment.written_ns)
    assert len(times) == 4 and player.played == 6


def test_moments_of_a_part(stage: WireStage, bag: Path) -> None:
    options = PlayOptions(start_offset=1.0, duration=1.0, topics=("/b",))
    with Recording(bag) as recording:
        player = Player(stage.wire, recording, options, time.sleep)
        assert [moment.log_time for moment in player.moments()] == [BEGIN + 10**9]
    assert player.played == 1


@pytest.mark.parametrize("reliable", [True, False])
@pytest.mark.parametrize("latched", [True, False])
def test_quality_of_service_is_recorded_and_replayed(reliable: bool, latched: bool) -> None:
    profile = Profile(reliable, latched, 3)
    assert of_recording(offered(noted(profile))) == profile


def test_several_publishers_of_a_recording() -> None:
    first, second = (offered_profile(depth, reliable=depth > 1, latched=True) for depth in (1, 4))
    assert offered(f"{first}\n{second}") == Offered(reliable=False, latched=True, depth=4)


@pytest.mark.parametrize("profiles", ["", "nonsense: [", "[]", "- history: 3"])
def test_recordings_that_say_nothing_are_replayed_as_ros_does(profiles: str) -> None:
    assert of_recording(offered(profiles)) == Profile()
