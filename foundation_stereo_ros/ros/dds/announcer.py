# SPDX-License-Identifier: Apache-2.0
"""Tells the graph of this node, in the form that the distribution of the others wants."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import RLock
from time import monotonic
from typing import Any

from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

from foundation_stereo_ros.ros.dds.engine import delete, write
from foundation_stereo_ros.ros.dds.presence import (
    TOPIC,
    TYPE,
    NodePresence,
    Presence,
    decode_presence,
    encode_presence,
    id_size_of,
    store_of_ids,
    type_hash_data,
)
from foundation_stereo_ros.ros.dds.qos import Profile
from foundation_stereo_ros.ros.dds.receiver import Subscription
from foundation_stereo_ros.ros.dds.wire_types import presence_type, wire_type

_log = logging.getLogger(__name__)

_PATIENCE_S = 1.0
_NEWER = 16


class Announcer:
    """Publishes `presence.TOPIC`, and listens there.

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
        topic = Topic(participant, TOPIC, presence_type(TYPE))
        # Distributions without hashes do not look at it.
        qos = Profile(latched=True, depth=0).qos(type_hash_data(TYPE, store_of_ids(_NEWER)))
        reader: DataReader[Any] = DataReader(participant, topic, qos)
        self.subscription = Subscription(TOPIC, TYPE, reader, self._hear)

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
            topic: Topic[Any] = Topic(self._participant, TOPIC, wire_type(TYPE, store))
            qos = Profile(latched=True, depth=1).qos(type_hash_data(TYPE, store))
            self._writer = DataWriter(self._participant, topic, qos)
        presence = Presence(self._participant.guid.bytes, (self._node(),), self._size)
        write(self._writer, encode_presence(presence))
