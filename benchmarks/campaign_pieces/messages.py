# SPDX-License-Identifier: Apache-2.0
"""Damaged messages on a real wire, between good ones: each costs itself, and nothing else is lost."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from itertools import islice
from typing import Any

from campaign_pieces.corpus import ROOT

sys.path.insert(0, str(ROOT / "test" / "support"))

from live_messages import image, info
from malformed import damaged

from foundation_stereo_ros.errors import FoundationStereoError, WireError
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.ros.dds.environment import wire_settings
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.messages.camera_info import decode_camera_info
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, IMAGE, serialize
from foundation_stereo_ros.ros.messages.images import decode_image
from foundation_stereo_ros.ros.messages.stamps import stamp_ns

DOMAIN = 87
_BETWEEN = 20  # damaged ones before each good one
_SECOND = 10**9
_PATIENCE = 20.0  # seconds until a good message has come


class _Told(logging.Handler):
    """Counts what the receiver says of damaged messages, and tracebacks in it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines = self.tracebacks = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += 1
        self.tracebacks += record.exc_info is not None


def send_damaged(number: int, seed: int) -> tuple[Counter[str], str]:
    """Send so many damaged messages, and a good one after every twenty.

    Returns:
        How many were sent, came as a message that can be used, gave a clear error or a traceback; and the
        good ones that were sent and lost. Then a sentence about the log.
    """
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    counts: Counter[str] = Counter()
    told, heard = _Told(), set[int]()
    logging.getLogger("foundation_stereo_ros").addHandler(told)
    begin = time.monotonic()
    profile = Profile(depth=1000)
    kinds = {
        "/campaign/image": (IMAGE, image, lambda message: decode_image(message, BitDepth())),
        "/campaign/camera_info": (CAMERA_INFO, info, decode_camera_info),
    }
    with Wire(wire_settings(DOMAIN), "campaign") as wire:
        for topic, (msgtype, _, decode) in kinds.items():

            def take(message: Any, decode: Any = decode) -> None:
                heard.add(stamp_ns(message.header))
                try:
                    decode(message)
                    counts["ok"] += 1
                except FoundationStereoError:
                    counts["clear error"] += 1
                except Exception:
                    counts["traceback"] += 1
                    raise

            wire.listen(topic, msgtype, profile, take)
        publishers = {topic: wire.publisher(topic, kind[0], profile) for topic, kind in kinds.items()}
        _wait(lambda: all(publisher.subscribers for publisher in publishers.values()))
        stamp = 0
        for turn in range(-(-number // (_BETWEEN * len(kinds)))):
            for topic, (msgtype, make, _) in kinds.items():
                good = bytes(serialize(make("left", _SECOND), msgtype))
                for data in islice(damaged(good, seed * 1_000_003 + turn), _BETWEEN):
                    counts["sent"] += 1
                    with suppress(WireError):  # Cyclone itself refuses to send some
                        publishers[topic].publish(data)
                stamp += 1
                counts["good sent"] += 1
                publishers[topic].publish(bytes(serialize(make("left", (1000 + stamp) * _SECOND), msgtype)))
                counts["good lost"] += not _wait(lambda at=(1000 + stamp) * _SECOND: at in heard)
    counts["traceback"] += told.tracebacks
    seconds = time.monotonic() - begin
    return counts, f"{told.lines} lines in the log in {seconds:.0f} s"


def _wait(condition: Any) -> bool:
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True
