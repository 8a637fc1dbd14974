# SPDX-License-Identifier: Apache-2.0
"""Time as the images' stamps have it: the system's, or that of /clock."""

from __future__ import annotations

import time
from threading import Lock

from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.messages.cdr import deserialize

CLOCK = "rosgraph_msgs/msg/Clock"
TOPIC = "/clock"


class WireClock:
    """Tells the time in nanoseconds.

    Args:
        wire: listens to /clock.
        simulated: whether that counts; it stands still between its messages, and is 0 before the first.
    """

    def __init__(self, wire: Wire, simulated: bool) -> None:
        self._simulated = simulated
        self._now_ns = 0
        self._lock = Lock()
        if simulated:
            wire.subscription(TOPIC, CLOCK, Profile(reliable=False, depth=1), self._set)

    def __call__(self) -> int:
        """Return the time."""
        with self._lock:
            return self._now_ns if self._simulated else time.time_ns()

    def _set(self, data: bytes, _: int) -> None:
        clock = deserialize(data, CLOCK, TOPIC).clock
        with self._lock:
            self._now_ns = int(clock.sec) * 10**9 + int(clock.nanosec)
