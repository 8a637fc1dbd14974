# SPDX-License-Identifier: Apache-2.0
"""What plays together on the wire: commands as processes, and a node of the test that hears and sends."""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any, NamedTuple

import numpy as np
from ros_processes import RosProcess
from waiting import PATIENCE_S, wait_until

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.ros.dds.environment import wire_settings
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
from foundation_stereo_ros.ros.messages.cdr import (
    CAMERA_INFO,
    DISPARITY_IMAGE,
    IMAGE,
    POINT_CLOUD,
    deserialize,
    message_types,
    serialize,
)
from foundation_stereo_ros.ros.messages.images import encode_image
from foundation_stereo_ros.ros.messages.stamps import stamp_ns

TYPES = {
    "disparity": DISPARITY_IMAGE,
    "depth/image_rect": IMAGE,
    "depth/camera_info": CAMERA_INFO,
    "points2": POINT_CLOUD,
    "confidence": IMAGE,
    "disparity/visual": IMAGE,
}
QUICK = ("--device", "cpu", "--iterations", "1")
"""Flags for tests that do not look at the values."""

_DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
_LEFT_OUT = ("CYCLONEDDS_URI", "ROS_LOCALHOST_ONLY", "ROS_STATIC_PEERS", "ROS_SECURITY_ENABLE", "ROS_DISTRO")


def local(domain: int) -> dict[str, str]:
    """Return an environment in which only this computer is looked at."""
    kept = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    return {**kept, "ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}


class Inbox:
    """Messages of one topic, in the order in which they came, with the bytes that they came as."""

    def __init__(self, wire: Wire, topic: str, msgtype: str, profile: Profile) -> None:
        self.topic = topic
        self.messages: list[Any] = []
        self.raw: list[bytes] = []
        self._msgtype = msgtype
        self._changed = Condition()
        self.subscription = wire.subscription(topic, msgtype, profile, self._add)

    def wait_for(self, suits: Callable[[Any], bool] = lambda _: True, *, count: int = 1) -> Any:
        """Wait until so many messages suit, of all so far; return the last of them."""

        def found() -> list[Any]:
            return [message for message in self.messages if suits(message)]

        with self._changed:
            there = self._changed.wait_for(lambda: len(found()) >= count, PATIENCE_S)
            assert there, f"{self.topic}: {len(found())} of {count} such, {len(self.messages)} in all"
            return found()[-1]

    def next(self, suits: Callable[[Any], bool] = lambda _: True, *, count: int = 1) -> Any:
        """Wait for so many messages that are still to come; return the last of them."""
        self.clear()
        return self.wait_for(suits, count=count)

    def clear(self) -> None:
        with self._changed:
            self.messages.clear()
            self.raw.clear()

    @property
    def stamps(self) -> list[int]:
        with self._changed:
            return [stamp_ns(message.header) for message in self.messages]

    def _add(self, data: bytes, _: int) -> None:
        with self._changed:
            self.messages.append(deserialize(data, self._msgtype, self.topic))
            self.raw.append(data)
            self._changed.notify_all()


class Report(NamedTuple):
    """A status out of /diagnostics; values that it does not have are empty."""

    level: int
    message: str
    values: defaultdict[str, str]

    def count(self, key: str) -> int:
        return int(self.values[key] or 0)


class LiveProcess(RosProcess):
    """``foundation_stereo live``, and what it says on /diagnostics."""

    def __init__(self, command: list[str], domain: int, folder: Path, heard: Inbox, counted: bool) -> None:
        self._heard = heard
        super().__init__(command, domain, folder, local(domain), counted)

    def reports(
        self,
        suits: Callable[[Report], bool] = lambda _: True,
        name: str = "",
        timeout: float = PATIENCE_S,
    ) -> Report:
        """Wait for a status that is still to come and suits, of the node of this full name."""
        self._heard.clear()
        heard: list[Report] = []

        def suitable() -> list[Report]:
            assert self.alive, "it has ended"
            heard[:] = [_report(m) for m in list(self._heard.messages) if name in m.status[0].name]
            return [report for report in heard if suits(report)]

        try:
            return wait_until("such a status", suitable, timeout)[0]
        except AssertionError as error:
            last = heard[-1:]
            raise AssertionError(f"{error}; the last is {last}; it said:\n{self.said}\n{self.log}") from None


def _report(message: Any) -> Report:
    status = message.status[0]
    return Report(status.level, status.message, defaultdict(str, {v.key: v.value for v in status.values}))


class WireCamera:
    """Publishes stereo pairs from a thread of the test's process.

    Args:
        wire: that publishes.
        scene: .npz file, as the other cameras of the tests take it.
        namespace: of the topics.
        rate: pairs a second.
        profile: of all topics.
        latched: send the calibrations once, with the first pair, and keep them for those who come late.
        frame: of the left images.

    Attributes:
        paused: while it is set, none are sent.
    """

    def __init__(
        self,
        wire: Wire,
        scene: Path,
        namespace: str,
        rate: float,
        profile: Profile,
        latched: bool = False,
        frame: str = "left_optical",
    ) -> None:
        with np.load(scene) as file:
            self._scene = {name: file[name] for name in file.files}
        self._publishers = {
            f"{side}/{name}": wire.publisher(f"{namespace}/{side}/{name}", msgtype, kind)
            for side in ("left", "right")
            for name, msgtype, kind in (
                ("image_rect", IMAGE, profile),
                ("camera_info", CAMERA_INFO, Profile(latched=True, depth=1) if latched else profile),
            )
        }
        self.stamps: list[int] = []
        self.paused = False
        self._latched, self._frames = latched, {"left": frame, "right": "right_optical"}
        self._rate = rate
        self._ended = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(1 / self._rate):
            if not self.paused:
                self.send(time.time_ns())

    def send(self, stamp: int) -> None:
        types, scene = message_types(), self._scene
        height, width, _ = scene["left"].shape
        camera = Camera(width, height, *(float(scene[name]) for name in ("focal", "focal", "cx", "cy")))
        self.stamps.append(stamp)
        for side in ("left", "right"):
            time_of = types.Time(sec=stamp // 10**9, nanosec=stamp % 10**9)
            header = types.Header(stamp=time_of, frame_id=self._frames[side])
            tx = -camera.fx * float(scene["baseline"]) if side == "right" else 0.0
            info = encode_camera_info(types, header, camera, tx)
            if not self._latched or len(self.stamps) == 1:
                self._publishers[f"{side}/camera_info"].publish(serialize(info, CAMERA_INFO))
            image = encode_image(types, header, scene[side], "rgb8")
            self._publishers[f"{side}/image_rect"].publish(serialize(image, IMAGE))


class WireStage:
    """A domain with a node of this process.

    Args:
        domain: of ROS.
        folder: for whatever the processes write.
    """

    def __init__(self, domain: int, folder: Path) -> None:
        self.domain, self.folder = domain, folder
        self.wire = Wire(wire_settings(environ=local(domain)), "tester")
        self.processes: list[RosProcess] = []
        self.cameras: list[WireCamera] = []
        self._diagnostics: Inbox | None = None

    def live(self, *words: str, counted: bool = False) -> LiveProcess:
        """Start ``foundation_stereo live``; ``counted`` as in `RosProcess`."""
        if self._diagnostics is None:
            self._diagnostics = self.hear("/diagnostics", _DIAGNOSTICS, Profile(depth=100))
        return self._added(
            LiveProcess(command("live", *words), self.domain, self.folder, self._diagnostics, counted)
        )

    def run(self, *words: str) -> RosProcess:
        """Start another command."""
        return self._added(RosProcess(command(*words), self.domain, self.folder, local(self.domain)))

    def hear(self, topic: str, msgtype: str = "", profile: Profile | None = None) -> Inbox:
        """Subscribe; to an output by its own type."""
        found = [kind for output, kind in TYPES.items() if topic.endswith(output)]
        return Inbox(self.wire, topic, msgtype or found[0], profile or Profile(depth=10))

    def camera(
        self,
        scene: Path,
        namespace: str = "/stereo",
        rate: float = 10.0,
        profile: Profile | None = None,
        **more: Any,
    ) -> WireCamera:
        """Start a camera, see `WireCamera`."""
        profile = profile or Profile(reliable=False, depth=5)
        camera = WireCamera(self.wire, scene, namespace, rate, profile, **more)
        self.cameras.append(camera)
        return camera

    def close(self) -> None:
        """End all as a user does; what does not end well fails the test."""
        for process in self.processes:
            # Shown by pytest where the test failed.
            print(f"---- {process.popen.args}\n{process.said}\n{process.log}")
        try:
            for camera in self.cameras:
                camera.close()
            for process in reversed(self.processes):
                if process.alive:
                    process.interrupt()
                    assert process.wait() in (0, 130), str(process.log)
                assert "Traceback" not in str(process.log), str(process.log)
        finally:
            for process in self.processes:
                process.kill()
            self.wire.close()

    def _added(self, process: Any) -> Any:
        self.processes.append(process)
        return process


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "foundation_stereo_ros.cli.main", *words]
