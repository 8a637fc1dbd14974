# SPDX-License-Identifier: Apache-2.0
"""The graph of nodes: who else is there, as discovery finds them, and how this node tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import RLock
from time import monotonic
from typing import Any

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication
from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic as DdsTopic

from foundation_stereo_ros.ros.dds.conventions import (
    DISCOVERY_TOPIC,
    DISCOVERY_TYPE,
    NodePresence,
    Presence,
    decode_presence,
    encode_presence,
    id_size_of,
    ros_topic,
    ros_type,
    store_of_ids,
    type_hash_data,
)
from foundation_stereo_ros.ros.dds.endpoints import Subscription, delete, write
from foundation_stereo_ros.ros.dds.qos import Profile, of_endpoint
from foundation_stereo_ros.ros.dds.wire_types import presence_type, wire_type
from foundation_stereo_ros.ros.messages.cdr import Schema
from foundation_stereo_ros.ros.messages.topics import Topic

_MOST = 10_000
_PATIENCE_S = 1.0
_NEWER = 16
"""Size of the ids in the form of newer distributions."""


@dataclass(frozen=True)
class Endpoint:
    """A publisher.

    Attributes:
        topic: full name in ROS.
        msgtype: as in "sensor_msgs/msg/Image".
        profile: what it offers.
    """

    topic: str
    msgtype: str
    profile: Profile


class Graph:
    """Publishers on the network, those of this participant included.

    Args:
        participant: whose view it is.
    """

    def __init__(self, participant: DomainParticipant) -> None:
        self._reader = BuiltinDataReader(participant, BuiltinTopicDcpsPublication)
        gone = InstanceState.NotAliveDisposed | InstanceState.NotAliveNoWriters
        self._gone = ReadCondition(self._reader, SampleState.Any | ViewState.Any | gone)
        # In a thread of its own, where no signal is handled: an exception that Ctrl-C raises inside one of
        # the engine's callbacks is lost, and another one comes out.
        self._thread = ThreadPoolExecutor(1, "graph")

    def publishers(self) -> list[Endpoint]:
        """Return all publishers of topics of ROS at this moment."""
        return [
            Endpoint(ros_topic(e.topic_name), ros_type(e.type_name), of_endpoint(e.qos))
            for e in self._thread.submit(self._read).result()
            if e.sample_info.valid_data and ros_topic(e.topic_name)
        ]

    def topics(self) -> list[Topic]:
        """Return the topics that have a publisher, in the order of their names."""
        found = {(e.topic, e.msgtype) for e in self.publishers()}
        return [Topic(name, Schema(msgtype)) for name, msgtype in sorted(found) if msgtype.count("/") == 2]

    def _read(self) -> list[Any]:
        # Those that are gone are taken out: they would gather without end.
        self._reader.take(_MOST, self._gone)
        return list(self._reader.read(_MOST))


class Announcer:
    """Publishes `conventions.DISCOVERY_TOPIC`, and listens there.

    Nodes of Humble cannot read the form of newer distributions, and the other way round. Unless it is known,
    the form is that of the first node heard; where none is heard for a second, it is the newer one, until
    nodes of Humble come.

    Args:
        participant: this one.
        node: tells of its node.
        distribution: of ROS; empty: not known.

    Attributes:
        subscription: for a receiver.
    """

    def __init__(
        self, participant: DomainParticipant, node: Callable[[], NodePresence], distribution: str
    ) -> None:
        self._participant, self._node = participant, node
        self._lock = RLock()
        self._size = id_size_of(distribution)
        self._fixed = bool(self._size)
        self._born = monotonic()
        self._writer: DataWriter[Any] | None = None
        topic = DdsTopic(participant, DISCOVERY_TOPIC, presence_type(DISCOVERY_TYPE))
        # Distributions without hashes do not look at it.
        qos = Profile(latched=True, depth=0).qos(type_hash_data(DISCOVERY_TYPE, store_of_ids(_NEWER)))
        reader: DataReader[Any] = DataReader(participant, topic, qos)
        self.subscription = Subscription(DISCOVERY_TOPIC, DISCOVERY_TYPE, reader, self._hear)

    def announce(self) -> None:
        """Tell what the node has now."""
        with self._lock:
            if self._size:
                self._write()

    def tick(self) -> None:
        """Begin, where nobody else has been heard."""
        with self._lock:
            if not self._size and monotonic() - self._born > _PATIENCE_S:
                self._use(_NEWER)

    def _hear(self, data: bytes, _: int) -> None:
        presence = decode_presence(data)
        with self._lock:
            if presence is None or presence.participant == self._participant.guid.bytes or self._fixed:
                return
            self._fixed = True
            if presence.id_size != self._size:
                self._use(presence.id_size)

    def _use(self, size: int) -> None:
        self._size = size
        if self._writer is not None:
            delete(self._writer)
            self._writer = None
        self._write()

    def _write(self) -> None:
        store = store_of_ids(self._size)
        if self._writer is None:
            topic: DdsTopic[Any] = DdsTopic(
                self._participant, DISCOVERY_TOPIC, wire_type(DISCOVERY_TYPE, store)
            )
            qos = Profile(latched=True, depth=1).qos(type_hash_data(DISCOVERY_TYPE, store))
            self._writer = DataWriter(self._participant, topic, qos)
        presence = Presence(self._participant.guid.bytes, (self._node(),), self._size)
        write(self._writer, encode_presence(presence))
