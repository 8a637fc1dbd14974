# SPDX-License-Identifier: Apache-2.0
"""Who else is there: the publishers and subscribers of topics of ROS, as discovery finds them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription
from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState
from cyclonedds.domain import DomainParticipant

from foundation_stereo_ros.ros.dds.names import ros_topic, ros_type
from foundation_stereo_ros.ros.dds.qos import Profile, of_endpoint
from foundation_stereo_ros.ros.messages.topics import Schema, Topic

_MOST = 10_000


@dataclass(frozen=True)
class Endpoint:
    """A publisher or a subscriber.

    Attributes:
        topic: full name in ROS.
        msgtype: as in "sensor_msgs/msg/Image".
        profile: what it offers or asks for.
        id: of the publisher or subscriber, 16 bytes.
        participant: that it belongs to, 16 bytes.
    """

    topic: str
    msgtype: str
    profile: Profile
    id: bytes
    participant: bytes


class Graph:
    """Publishers and subscribers on the network, those of this participant included.

    Args:
        participant: whose view it is.
    """

    def __init__(self, participant: DomainParticipant) -> None:
        self._publishers = _Endpoints(participant, BuiltinTopicDcpsPublication)
        self._subscribers = _Endpoints(participant, BuiltinTopicDcpsSubscription)

    def publishers(self) -> list[Endpoint]:
        """Return all publishers of topics of ROS at this moment."""
        return self._publishers.alive()

    def subscribers(self) -> list[Endpoint]:
        """Return all subscribers of topics of ROS at this moment."""
        return self._subscribers.alive()

    def topics(self) -> list[Topic]:
        """Return the topics that have a publisher, in the order of their names."""
        found = {(e.topic, e.msgtype): e for e in self.publishers()}
        return [Topic(name, Schema(msgtype)) for name, msgtype in sorted(found) if msgtype.count("/") == 2]


class _Endpoints:
    def __init__(self, participant: DomainParticipant, topic: Any) -> None:
        self._reader = BuiltinDataReader(participant, topic)
        gone = InstanceState.NotAliveDisposed | InstanceState.NotAliveNoWriters
        self._gone = ReadCondition(self._reader, SampleState.Any | ViewState.Any | gone)
        # In a thread of its own, where no signal is handled: an exception that Ctrl-C raises inside one of
        # the engine's callbacks is lost, and another one comes out.
        self._thread = ThreadPoolExecutor(1, "graph")

    def alive(self) -> list[Endpoint]:
        return [
            Endpoint(
                topic=ros_topic(e.topic_name),
                msgtype=ros_type(e.type_name),
                profile=of_endpoint(e.qos),
                id=e.key.bytes,
                participant=e.participant_key.bytes,
            )
            for e in self._thread.submit(self._read).result()
            if e.sample_info.valid_data and ros_topic(e.topic_name)
        ]

    def _read(self) -> list[Any]:
        # Otherwise they would gather for ever.
        self._reader.take(_MOST, self._gone)
        return list(self._reader.read(_MOST))
