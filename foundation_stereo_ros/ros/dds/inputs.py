# SPDX-License-Identifier: Apache-2.0
"""The subscriptions of a live node; what comes is decoded and stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from foundation_stereo_ros.ros.bags.types import CAMERA_INFO, deserialize
from foundation_stereo_ros.ros.dds.host import receive_buffer_advice
from foundation_stereo_ros.ros.dds.qos import Profile, overridden
from foundation_stereo_ros.ros.dds.receiver import Subscription
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.live.advice import TopicFacts, mismatch
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.live.topics import SideTopics, image_type
from foundation_stereo_ros.ros.sync import SIDES, Side

_log = logging.getLogger(__name__)


class Inputs:
    """Subscriptions to both images and their CameraInfo.

    Args:
        wire: that subscribes.
        topics: full names: side -> topics.
        transport: ``raw`` or ``compressed``.
        intake: where the messages go.
        profile: what to ask for.
        parameters: may hold qos_overrides.

    Raises:
        ConfigError: QoS that there is not.
    """

    def __init__(
        self,
        wire: Wire,
        topics: Mapping[Side, SideTopics],
        transport: str,
        intake: StereoIntake,
        profile: Profile,
        parameters: Mapping[str, Any],
    ) -> None:
        self._wire, self._profile, self._parameters = wire, profile, parameters
        self._subscriptions: dict[str, Subscription] = {}
        self._incompatible: dict[str, str] = {}
        self._told_of_loss = False
        for side in SIDES:
            image, info = topics[side]
            push_image, push_info = partial(intake.push_image, side), partial(intake.push_info, side)
            self._subscribe(f"{side}/image_rect", image_type(transport), image, push_image)
            self._subscribe(f"{side}/camera_info", CAMERA_INFO, info, push_info)

    @property
    def lost(self) -> int:
        """How many messages were lost on the way."""
        return sum(subscription.lost for subscription in self._subscriptions.values())

    def facts(self) -> dict[str, TopicFacts]:
        """Return what is known about the topics: input -> facts; logs what has become known."""
        types: dict[str, list[str]] = {}
        for publisher in self._wire.graph.publishers():
            types.setdefault(publisher.topic, []).append(publisher.msgtype)
        self._tell_of_loss()
        return {name: self._facts(name, s, types.get(s.topic, [])) for name, s in self._subscriptions.items()}

    def _subscribe(self, name: str, msgtype: str, topic: str, store: Callable[[Any], None]) -> None:
        def on_data(data: bytes, _: int) -> None:
            store(deserialize(data, msgtype, topic))

        profile = overridden(self._profile, self._parameters, topic, "subscription")
        self._subscriptions[name] = self._wire.subscription(topic, msgtype, profile, on_data)

    def _facts(self, name: str, subscription: Subscription, types: list[str]) -> TopicFacts:
        policy = subscription.incompatible()
        if policy:
            self._incompatible[name] = policy
            _log.warning("%s", mismatch(subscription.topic, policy, publisher=False))
        if not types:
            self._incompatible.pop(name, None)
        return TopicFacts(
            name=subscription.topic,
            publishers=types.count(subscription.msgtype),
            types=tuple(dict.fromkeys(types)),
            expected_type=subscription.msgtype,
            incompatible=self._incompatible.get(name, ""),
        )

    def _tell_of_loss(self) -> None:
        if self._told_of_loss or not self.lost:
            return
        self._told_of_loss = True
        _log.warning(
            "messages are lost on the way. %s", receive_buffer_advice() or "Is the network too slow?"
        )
