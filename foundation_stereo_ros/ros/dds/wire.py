# SPDX-License-Identifier: Apache-2.0
"""A node of ROS on the wire: a participant with its publishers and subscriptions, and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, RLock
from typing import Any

from cyclonedds.core import DDSException
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from rosbags.typesys.store import Typestore

from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.dds.conventions import ENCLAVE, NodePresence, type_hash_data, wire_topic
from foundation_stereo_ros.ros.dds.endpoints import OnData, Publisher, Receiver, Subscription, delete
from foundation_stereo_ros.ros.dds.environment import WireSettings
from foundation_stereo_ros.ros.dds.graph import Announcer, Graph
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.wire_types import wire_type
from foundation_stereo_ros.ros.messages.cdr import CLOCK, deserialize, typestore

CLOCK_TOPIC = "/clock"


class Wire:
    """Takes part in a domain as one node; a context manager that leaves it.

    There can be one for each domain in a process.

    Args:
        settings: which domain, and how.
        name: of the node.
        namespace: of the node; "" or "/rig".

    Attributes:
        graph: who else is there.

    Raises:
        WireError: Cyclone DDS refuses, mostly because of its configuration.
    """

    def __init__(self, settings: WireSettings, name: str, namespace: str = "") -> None:
        self.name, self.namespace = name, namespace
        self._lock = RLock()
        self._publishers: tuple[Publisher, ...] = ()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._closed = False
        try:
            self._domain = Domain(settings.domain, settings.configuration)
            self._participant = DomainParticipant(settings.domain, Qos(Policy.Userdata(ENCLAVE)))
        except (DDSException, UnicodeEncodeError) as error:
            raise WireError(
                f"cannot take part in domain {settings.domain}: {error}; Cyclone DDS says more above; its "
                f"configuration is {settings.configuration}"
            ) from error
        self.graph = Graph(self._participant)
        self._announcer = Announcer(self._participant, self._presence, settings.distribution)
        self._receiver = Receiver(self._participant, self._announcer.tick)
        self._receiver.add(self._announcer.subscription)

    @property
    def full_name(self) -> str:
        """The node's, as in "/stereo/stereo_node"."""
        return f"{self.namespace}/{self.name}"

    def publisher(
        self, topic: str, msgtype: str, profile: Profile, store: Typestore | None = None
    ) -> Publisher:
        """Begin to publish on a topic.

        Args:
            topic: full name in ROS.
            msgtype: as in "sensor_msgs/msg/Image".
            profile: what to offer.
            store: has the type's definition; Humble's where None.

        Raises:
            WireError: the type cannot be on the wire.
        """
        store = store or typestore()
        made = DataWriter(
            self._participant,
            self._topic(topic, msgtype, store),
            profile.qos(type_hash_data(msgtype, store)),
        )
        publisher = Publisher(topic, msgtype, made)
        with self._lock:
            self._publishers += (publisher,)
        self._announcer.announce()
        return publisher

    def subscription(
        self, topic: str, msgtype: str, profile: Profile, on_data: OnData, store: Typestore | None = None
    ) -> Subscription:
        """Begin to take a topic's messages; as `publisher`.

        Args:
            on_data: called for each message, in the receiver's thread.
        """
        store = store or typestore()
        made: DataReader[Any] = DataReader(
            self._participant,
            self._topic(topic, msgtype, store),
            profile.qos(type_hash_data(msgtype, store)),
        )
        subscription = Subscription(topic, msgtype, made, on_data)
        with self._lock:
            self._subscriptions += (subscription,)
        self._receiver.add(subscription)
        self._announcer.announce()
        return subscription

    def listen(
        self, topic: str, msgtype: str, profile: Profile, on_message: Callable[[Any], None]
    ) -> Subscription:
        """As `subscription`, for messages that are decoded first."""
        return self.subscription(
            topic, msgtype, profile, lambda data, _: on_message(deserialize(data, msgtype, topic))
        )

    def close(self) -> None:
        """Leave the domain, and tell the others."""
        if self._closed:
            return
        self._closed = True
        self._receiver.close()
        delete(self._participant)
        delete(self._domain)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _topic(self, topic: str, msgtype: str, store: Typestore) -> Topic[Any]:
        try:
            return Topic(self._participant, wire_topic(topic), wire_type(msgtype, store))
        except DDSException as error:
            raise WireError(f"{topic}: no topic of type {msgtype} can be made: {error}") from error

    def _presence(self) -> NodePresence:
        with self._lock:
            return NodePresence(
                self.namespace,
                self.name,
                tuple(s.reader.guid.bytes for s in self._subscriptions),
                tuple(p.writer.guid.bytes for p in self._publishers),
            )


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
            wire.listen(CLOCK_TOPIC, CLOCK, Profile(reliable=False, depth=1), self._set)

    def __call__(self) -> int:
        """Return the time."""
        with self._lock:
            return self._now_ns if self._simulated else time.time_ns()

    def _set(self, message: Any) -> None:
        with self._lock:
            self._now_ns = int(message.clock.sec) * 10**9 + int(message.clock.nanosec)
