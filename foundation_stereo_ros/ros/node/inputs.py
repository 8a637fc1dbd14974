# SPDX-License-Identifier: Apache-2.0
"""The subscriptions; their callbacks only store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from message_filters import Subscriber
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from foundation_stereo_ros.errors import BagError, ConfigError
from foundation_stereo_ros.ros.live.advice import TopicFacts, mismatch
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.live.repeats import PACE_S, Repeats
from foundation_stereo_ros.ros.live.topics import SideTopics, side_topics
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE, deserialize
from foundation_stereo_ros.ros.node.qos import (
    create_with_events,
    input_qos,
    latched_qos,
    overridable,
    quiet_events,
)
from foundation_stereo_ros.ros.sync import SIDES, Side

_log = logging.getLogger(__name__)

_TYPE_NAMES = {Image: IMAGE, CompressedImage: COMPRESSED_IMAGE, CameraInfo: CAMERA_INFO}


class Inputs:
    """Subscriptions to both images and their CameraInfo.

    Each stream passes through a `message_filters.Subscriber`, but the intake puts them together and not
    message_filters' synchronizers, because of three defects there: an exception in a callback leaves their
    lock held for ever; after a jump back in time old messages with late stamps fill the queues and nothing
    passes any more; and a slop of 0 never pairs, not even equal stamps.

    Messages are taken as bytes and decoded here. The middleware believes the lengths in a message: one
    damaged CameraInfo made Cyclone DDS allocate 16 GB, and a message that breaks off came out as if it were
    whole. And it takes longer: 0.26 ms for an image of 640 x 480 pixels that take 0.01 ms here.

    Args:
        node: that subscribes.
        transport: ``raw`` or ``compressed``.
        intake: where the messages go.

    Raises:
        ConfigError: QoS that there is not.
    """

    def __init__(self, node: Node, transport: str, intake: StereoIntake) -> None:
        self._node = node
        self._subscribers: dict[str, Subscriber] = {}
        self._latched: dict[str, Any] = {}
        self._incompatible: dict[str, str] = {}
        self._intake = intake
        self._repeats = Repeats(pace=PACE_S)
        image_type = CompressedImage if transport == "compressed" else Image
        try:
            for side in SIDES:
                image, info = input_topics(node, side, transport)
                self._subscribe(f"{side}/image_rect", image_type, image, partial(intake.push_image, side))
                self._subscribe(f"{side}/camera_info", CameraInfo, info, partial(intake.push_info, side))
        except ConfigError:
            self.destroy()
            raise

    def facts(self) -> dict[str, TopicFacts]:
        """Return what is known about the topics: input -> facts.

        Subscribes to latched calibrations where they have become known, so made to be called now and then.
        """
        for side in SIDES:
            self._subscribe_latched(side)
        return {name: self._facts(name, subscriber) for name, subscriber in self._subscribers.items()}

    def destroy(self) -> None:
        """Remove the subscriptions from the node."""
        for subscriber in self._subscribers.values():
            self._node.destroy_subscription(subscriber.sub)
        for subscription in self._latched.values():
            self._node.destroy_subscription(subscription)
        self._subscribers, self._latched = {}, {}

    def _subscribe_latched(self, side: Side) -> None:
        """Get what was published before this node came, where a publisher keeps it.

        Such a subscription gets nothing from other publishers, and their nodes would log a warning. So it
        comes beside the usual one, and only once there is a publisher that it suits.
        """
        name = f"{side}/camera_info"
        topic = self._subscribers[name].sub.topic_name
        if name in self._latched or not any(
            publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
            and publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE
            for publisher in self._node.get_publishers_info_by_topic(topic)
        ):
            return
        self._latched[name] = self._node.create_subscription(
            CameraInfo,
            topic,
            partial(self._take, CAMERA_INFO, topic, partial(self._intake.push_info, side, latched=True)),
            latched_qos(),
            event_callbacks=quiet_events(),
            raw=True,
        )

    def _subscribe(self, name: str, kind: type, topic: str, store: Callable[[Any], None]) -> None:
        create = partial(
            Subscriber,
            self._node,
            kind,
            topic,
            qos_profile=input_qos(),
            qos_overriding_options=overridable(),
            raw=True,
        )
        subscriber = create_with_events(create, partial(self._tell, name), publisher=False)
        subscriber.registerCallback(partial(self._take, _TYPE_NAMES[kind], subscriber.sub.topic_name, store))
        self._subscribers[name] = subscriber

    def _take(self, msgtype: str, topic: str, store: Callable[[Any], None], data: bytes) -> None:
        try:
            message = deserialize(data, msgtype, topic)
        except BagError as error:
            self._intake.reject(str(error))
            if line := self._repeats.line(str(error)):
                _log.warning("message dropped: %s", line)
            return
        store(message)

    def _tell(self, name: str, policy: str) -> None:
        self._incompatible[name] = policy
        _log.warning("%s", mismatch(self._subscribers[name].sub.topic_name, policy, publisher=False))

    def _facts(self, name: str, subscriber: Subscriber) -> TopicFacts:
        expected = _TYPE_NAMES[subscriber.sub.msg_type]
        types = [p.topic_type for p in self._node.get_publishers_info_by_topic(subscriber.topic)]
        if not types:
            self._incompatible.pop(name, None)
        return TopicFacts(
            name=subscriber.sub.topic_name,
            publishers=types.count(expected),
            types=tuple(dict.fromkeys(types)),
            expected_type=expected,
            incompatible=self._incompatible.get(name, ""),
        )


def input_topics(node: Node, side: str, transport: str) -> SideTopics:
    """Return the topics of one camera, see `topics.side_topics`."""
    return side_topics(
        side, transport, node.resolve_topic_name, partial(node.resolve_topic_name, only_expand=True)
    )
