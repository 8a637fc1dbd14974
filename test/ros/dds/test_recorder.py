# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo record`` that is killed, or whose disk is full: what it has is kept and readable."""

from __future__ import annotations

import resource
import secrets
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")

from kills import MOST_LOST_S, by_mcap, unless_empty
from waiting import wait_until
from wire_stage import WireStage

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags.reader import Recording, read_messages
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.recorder import Recorder
from foundation_stereo_ros.ros.messages.cdr import serialize, typestore

STRING = "std_msgs/msg/String"


class Numbers:
    """Publishes numbers as texts of a length, 50 a second, and notes when."""

    def __init__(self, stage: WireStage, length: int = 0) -> None:
        self.sent: list[int] = []
        self._length = length
        self._publisher = stage.wire.publisher("/numbers", STRING, Profile(depth=100))
        self._ended = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        make: Any = dict(typestore().types)[STRING]
        while not self._ended.wait(0.02):
            text = f"{len(self.sent)} {secrets.token_hex(self._length)}"
            self._publisher.publish(serialize(make(data=text), STRING))
            self.sent.append(time.time_ns())


def recorded(path: Path) -> list[int]:
    with unless_empty():
        return [int(message.data.split()[0]) for _, message, _ in read_messages(path)]
    return []


def test_a_kill_costs_two_seconds_at_most(stage: WireStage) -> None:
    random = np.random.default_rng()
    camera = Numbers(stage)
    paths = [stage.folder / f"{number}.mcap" for number in range(4)]
    recorders = [stage.run("record", "/numbers", "-o", str(path)) for path in paths]
    try:
        for recorder, path in zip(recorders, paths, strict=True):
            partial = path.with_name(f"{path.stem}.partial.mcap")
            recorder.said.wait_for(1, "/numbers")
            began = time.time_ns()
            time.sleep(float(random.uniform(0, 3)))
            recorder.kill()
            killed = time.time_ns()
            found = recorded(partial)
            assert len(by_mcap(partial)) == len(found)
            assert found == list(range(found[0], found[0] + len(found))) if found else True
            lost = camera.sent[found[-1] + 1 if found else 0 :]
            oldest = min((at for at in lost if began < at < killed), default=killed)
            assert (killed - oldest) / 1e9 < MOST_LOST_S
            assert not path.exists()
    finally:
        camera.close()


def test_a_full_disk(stage: WireStage) -> None:
    camera = Numbers(stage, length=20_000)
    path = stage.folder / "out.mcap"
    recorder = stage.run("record", "/numbers", "-o", str(path))
    try:
        recorder.said.wait_for(1, "/numbers")
        resource.prlimit(recorder.popen.pid, resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
        assert recorder.wait() == 1
    finally:
        camera.close()
    partial = stage.folder / "out.partial.mcap"
    assert str(recorder.log).strip() == (
        f"error: cannot write {path}: File too large; {partial} holds what was written before"
    )
    found = recorded(partial)
    assert found == list(range(found[0], found[0] + len(found))) and len(found) > 20
    with Recording(partial) as recording:
        assert len(list(recording.messages())) == len(by_mcap(partial))


def test_messages_as_fast_as_they_are_written_do_not_hold_it_up(stage: WireStage, tmp_path: Path) -> None:
    """However many come meanwhile, one call writes those that were there."""
    topic = "/numbers"
    with BagWriter(tmp_path / "out.mcap") as writer:
        recorder = Recorder(stage.wire, writer, [topic])
        publisher = stage.wire.publisher(topic, STRING, Profile(depth=100))
        wait_until("it is found", recorder.look)
        wait_until("they meet", lambda: publisher.subscribers)
        make: Any = dict(typestore().types)[STRING]
        for number in range(5):
            publisher.publish(serialize(make(data=str(number)), STRING))
        wait_until("they are there", lambda: recorder._waiting.qsize() == 5)
        copy = writer.copy

        def copy_and_get_another(message: Any) -> None:
            copy(message)
            recorder._waiting.put(message)

        writer.copy = copy_and_get_another  # type: ignore[method-assign]
        recorder.write(0.1)
        writer.copy = copy  # type: ignore[method-assign]
        assert writer.count <= 6
    with pytest.raises(BagError):
        BagWriter(tmp_path / "out.mcap")
