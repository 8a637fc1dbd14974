# SPDX-License-Identifier: Apache-2.0
"""What every kind of recording is made of: topics and serialised messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from foundation_stereo_ros.ros.bags import qos


class Schema(NamedTuple):
    """The definition of a message type as a recording holds it.

    ``name`` is the type ("sensor_msgs/msg/Image"), ``encoding`` says what ``data`` is: "ros2msg" (the
    definition and all that it depends on, concatenated), "ros2idl", or "" when the recording has none.
    """

    name: str
    encoding: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class Topic:
    """A topic of a recording.

    Attributes:
        name: full name, with the leading slash.
        schema: its type and, if known, the definition of the type.
        encoding: how the messages are serialised; "cdr" for ROS 2.
        metadata: ``offered_qos_profiles`` (YAML), ``topic_type_hash`` and whatever else the recorder noted.
        count: number of messages; None where only reading to the end could tell.
    """

    name: str
    schema: Schema
    encoding: str = "cdr"
    metadata: dict[str, str] = field(default_factory=dict, hash=False)
    count: int | None = None

    @property
    def msgtype(self) -> str:
        """The message type, as in "sensor_msgs/msg/Image"."""
        return self.schema.name

    @property
    def latched(self) -> bool:
        """Whether late subscribers got the last message (durability transient local), as on /tf_static."""
        return qos.is_latched(self.metadata.get(qos.KEY, ""))


class RecordedMessage(NamedTuple):
    """A message as it lies in the recording; times in nanoseconds."""

    topic: Topic
    log_time: int
    publish_time: int
    sequence: int
    data: bytes


def describe(topics: Sequence[Topic]) -> str:
    """Return one line for each topic: name, type, number of messages."""
    width = max((len(topic.name) for topic in topics), default=0)
    kinds = max((len(topic.msgtype) for topic in topics), default=0)
    lines = []
    for topic in topics:
        count = "?" if topic.count is None else str(topic.count)
        lines.append(f"  {topic.name:<{width}}  {topic.msgtype:<{kinds}}  {count:>7}")
    return "\n".join(lines)
