# SPDX-License-Identifier: Apache-2.0
"""The topics of a live node: its subscriptions, whose messages are decoded and stored, and its publishers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from foundation_stereo_ros.ros.dds.endpoints import Subscription
from foundation_stereo_ros.ros.dds.environment import receive_buffer_advice
from foundation_stereo_ros.ros.dds.qos import LATCHED, RESULTS, Profile, overridden
from foundation_stereo_ros.ros.dds.wire import Wire
from foundation_stereo_ros.ros.live.advice import TopicFacts, mismatch
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.live.topics import SideTopics, image_type
from foundation_stereo_ros.ros.messages.cdr import (
    CAMERA_INFO,
)
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS
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
        ConfigError: an unknown policy or value of quality of service.
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
        self._latched: dict[str, Subscription] = {}
        self._intake = intake
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
        """Return what is known about the topics: input -> facts; logs what has become known.

        Subscribes to latched calibrations where they have become known.
        """
        types: dict[str, list[str]] = {}
        for publisher in self._wire.graph.publishers():
            types.setdefault(publisher.topic, []).append(publisher.msgtype)
            if publisher.profile.latched and publisher.profile.reliable:
                self._subscribe_latched(publisher.topic)
        self._tell_of_loss()
        return {name: self._facts(name, s, types.get(s.topic, [])) for name, s in self._subscriptions.items()}

    def _subscribe_latched(self, topic: str) -> None:
        """Get what was published before this node came, where a publisher keeps it.

        Such a subscription gets nothing from other publishers, and their nodes would log a warning. So it
        comes beside the usual one, and only once there is a publisher that it suits.
        """
        for side in SIDES:
            name = f"{side}/camera_info"
            if self._subscriptions[name].topic == topic and name not in self._latched:
                push = partial(self._intake.push_info, side, latched=True)
                self._latched[name] = self._wire.listen(topic, CAMERA_INFO, LATCHED, push)

    def _subscribe(self, name: str, msgtype: str, topic: str, store: Callable[[Any], None]) -> None:
        profile = overridden(self._profile, self._parameters, topic, "subscription")
        self._subscriptions[name] = self._wire.listen(topic, msgtype, profile, store)

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


class Outputs:
    """Publishers of all outputs; a `live.demand.Outlet`.

    Args:
        wire: that publishes.
        namespace: of the topics; "" or "/rig".
        parameters: may hold qos_overrides.

    Raises:
        ConfigError: an unknown policy or value of quality of service.
    """

    def __init__(self, wire: Wire, namespace: str, parameters: Mapping[str, Any]) -> None:
        self._publishers = {}
        for output, row in OUTPUTS.items():
            topic = f"{namespace}/{output}"
            profile = overridden(RESULTS, parameters, topic, "publisher")
            self._publishers[output] = wire.publisher(topic, row.msgtype, profile)
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
            self._publishers[output].send(message)

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
