# SPDX-License-Identifier: Apache-2.0
"""The publishers of a live node's results."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

from foundation_stereo_ros.ros.bags.types import CAMERA_INFO, DISPARITY_IMAGE, IMAGE, POINT_CLOUD, serialized
from foundation_stereo_ros.ros.dds.qos import RESULTS, overridden
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.live.advice import mismatch
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS

_log = logging.getLogger(__name__)

_TYPES = {"disparity": DISPARITY_IMAGE, "depth/camera_info": CAMERA_INFO, "points2": POINT_CLOUD}
"""Output -> message type; the others are images."""


class Outputs:
    """Publishers of all outputs; a `live.demand.Outlet`.

    Args:
        wire: that publishes.
        namespace: of the topics; "" or "/rig".
        parameters: may hold qos_overrides.

    Raises:
        ConfigError: QoS that there is not.
    """

    def __init__(self, wire: Wire, namespace: str, parameters: Mapping[str, Any]) -> None:
        self._publishers = {}
        for output in OUTPUTS:
            topic = f"{namespace}/{output}"
            profile = overridden(RESULTS, parameters, topic, "publisher")
            self._publishers[output] = wire.publisher(topic, _TYPES.get(output, IMAGE), profile)
        self._told_of_refusal = False

    @property
    def topics(self) -> tuple[str, ...]:
        """Full names."""
        return tuple(publisher.topic for publisher in self._publishers.values())

    @property
    def refused(self) -> int:
        """How many messages were not sent because a reliable subscriber did not keep up."""
        return sum(publisher.refused for publisher in self._publishers.values())

    def wanted(self) -> Collection[str]:
        """Return the outputs that somebody subscribes to now."""
        return [output for output, publisher in self._publishers.items() if publisher.subscribers]

    def publish(self, messages: Mapping[str, Any]) -> None:
        """Publish what was made."""
        for output, message in messages.items():
            publisher = self._publishers[output]
            publisher.publish(serialized(message, publisher.msgtype))

    def check(self) -> None:
        """Log what has become known: subscribers that do not fit, or do not keep up."""
        for publisher in self._publishers.values():
            policy = publisher.incompatible()
            if policy:
                _log.warning("%s", mismatch(publisher.topic, policy, publisher=True))
        if self.refused and not self._told_of_refusal:
            self._told_of_refusal = True
            _log.warning(
                "a reliable subscriber does not keep up, and holds back everybody's results; find it by "
                "`ros2 topic info -v`, or let it subscribe with best effort"
            )
