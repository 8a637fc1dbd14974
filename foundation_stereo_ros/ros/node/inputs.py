# SPDX-License-Identifier: Apache-2.0
"""The subscriptions; their callbacks only store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from message_filters import Subscriber
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from foundation_stereo_ros.errors import BagError, ConfigError
from foundation_stereo_ros.ros.live.advice import TopicFacts, mismatch
from foundation_stereo_ros.ros.live.inputs import Input
from foundation_stereo_ros.ros.live.repeats import PACE_S, Repeats
from foundation_stereo_ros.ros.live.topics import CameraTopics, camera_topics
from foundation_stereo_ros.ros.messages.cdr import deserialize
from foundation_stereo_ros.ros.node.qos import (
    create_with_events,
    input_qos,
    latched_qos,
    overridable,
    quiet_events,
)

_log = logging.getLogger(__name__)


class Inputs:
    """Subscriptions to a node's inputs.

    Each stream passes through a `message_filters.Subscriber`, but the intake puts them together and not
    message_filters' synchronizers, because of three defects there: an exception in a callback leaves their
    lock held for ever; after a jump back in time old messages with late stamps fill the queues and nothing
    passes any more; and a slop of 0 never pairs, not even equal stamps.

    Messages are taken as bytes and decoded here. The middleware believes the lengths in a message: one
    damaged CameraInfo made Cyclone DDS allocate 16 GB, and a message that breaks off came out as if it were
    whole. And it takes longer: 0.26 ms for an image of 640 x 480 pixels that take 0.01 ms here.

    Args:
        node: that subscribes.
        inputs: what to.
        reject: is told of bytes that are no message.

    Raises:
        ConfigError: QoS that there is not.
    """

    def __init__(self, node: Node, inputs: Sequence[Input], reject: Callable[[str], None]) -> None:
        self._node, self._inputs, self._reject = node, inputs, reject
        self._subscribers: dict[str, Subscriber] = {}
        self._latched: dict[str, Any] = {}
        self._incompatible: dict[str, str] = {}
        self._repeats = Repeats(pace=PACE_S)
        try:
            for one in inputs:
                if len(one.msgtypes) == 1:
                    self._subscribe(one, one.msgtypes[0])
        except ConfigError:
            self.destroy()
            raise

    def facts(self) -> dict[str, TopicFacts]:
        """Return what is known about the topics: input -> facts.

        Subscribes to what has become known: latched calibrations, and topics of several possible types. So it
        is made to be called now and then.
        """
        for one in self._inputs:
            if one.name not in self._subscribers:
                self._subscribe_as_published(one)
            elif one.latched is not None:
                self._subscribe_latched(one, one.latched)
        return {one.name: self._facts(one) for one in self._inputs}

    def destroy(self) -> None:
        """Remove the subscriptions from the node."""
        for subscriber in self._subscribers.values():
            self._node.destroy_subscription(subscriber.sub)
        for subscription in self._latched.values():
            self._node.destroy_subscription(subscription)
        self._subscribers, self._latched = {}, {}

    def _subscribe_as_published(self, one: Input) -> None:
        published = self._published(self._node.resolve_topic_name(one.topic))
        if found := next((kind for kind in published if kind in one.msgtypes), ""):
            self._subscribe(one, found)

    def _subscribe_latched(self, one: Input, store: Callable[[Any], None]) -> None:
        """Get what was published before this node came, where a publisher keeps it.

        Such a subscription gets nothing from other publishers, and their nodes would log a warning. So it
        comes beside the usual one, and only once there is a publisher that it suits.
        """
        topic = self._subscribers[one.name].sub.topic_name
        if one.name in self._latched or not any(
            publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
            and publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE
            for publisher in self._node.get_publishers_info_by_topic(topic)
        ):
            return
        kind = one.msgtypes[0]
        self._latched[one.name] = self._node.create_subscription(
            _message_class(kind),
            topic,
            partial(self._take, kind, topic, store),
            latched_qos(),
            event_callbacks=quiet_events(),
            raw=True,
        )

    def _subscribe(self, one: Input, kind: str) -> None:
        create = partial(
            Subscriber,
            self._node,
            _message_class(kind),
            one.topic,
            qos_profile=input_qos(one.quality),
            qos_overriding_options=overridable(),
            raw=True,
        )
        subscriber = create_with_events(create, partial(self._tell, one.name), publisher=False)
        subscriber.registerCallback(partial(self._take, kind, subscriber.sub.topic_name, one.store))
        self._subscribers[one.name] = subscriber

    def _take(self, msgtype: str, topic: str, store: Callable[[Any], None], data: bytes) -> None:
        try:
            message = deserialize(data, msgtype, topic)
        except BagError as error:
            self._reject(str(error))
            if line := self._repeats.line(str(error)):
                _log.warning("message dropped: %s", line)
            return
        store(message)

    def _tell(self, name: str, policy: str) -> None:
        self._incompatible[name] = policy
        _log.warning("%s", mismatch(self._subscribers[name].sub.topic_name, policy, publisher=False))

    def _facts(self, one: Input) -> TopicFacts:
        subscriber = self._subscribers.get(one.name)
        topic = subscriber.sub.topic_name if subscriber else self._node.resolve_topic_name(one.topic)
        types = self._published(topic)
        if not types:
            self._incompatible.pop(one.name, None)
        return TopicFacts(
            name=topic,
            publishers=sum(kind in one.msgtypes for kind in types),
            types=tuple(dict.fromkeys(types)),
            expected_type=" or ".join(one.msgtypes),
            incompatible=self._incompatible.get(one.name, ""),
        )

    def _published(self, topic: str) -> list[str]:
        return [publisher.topic_type for publisher in self._node.get_publishers_info_by_topic(topic)]


def input_topics(node: Node, camera: CameraTopics, transport: str) -> CameraTopics:
    """Return the topics of one camera, see `topics.camera_topics`."""
    return camera_topics(
        camera, transport, node.resolve_topic_name, partial(node.resolve_topic_name, only_expand=True)
    )


def _message_class(kind: str) -> type:
    package, _, name = kind.split("/")
    found: type = getattr(import_module(f"{package}.msg"), name)
    return found
