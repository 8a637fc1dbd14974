# SPDX-License-Identifier: Apache-2.0
"""Topics, of a recording or of a network, and the rules for their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.messages.cdr import Schema

_FULL_NAME = re.compile(r"(/[A-Za-z_][A-Za-z0-9_]*)+")


@dataclass(frozen=True)
class Topic:
    """A topic.

    Attributes:
        name: full name, with the leading slash.
        schema: its type and, if known, the definition of the type.
        encoding: how the messages are serialised; "cdr" for ROS 2.
        metadata: what a recorder noted: ``offered_qos_profiles`` (YAML), ``topic_type_hash`` and others.
        count: number of messages; None where it is not known.
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


def describe(topics: Sequence[Topic]) -> str:
    """Return one line for each topic: name, type and, where any is known, the number of messages."""
    width = max((len(topic.name) for topic in topics), default=0)
    kinds = max((len(topic.msgtype) for topic in topics), default=0)
    counted = any(topic.count is not None for topic in topics)
    lines = []
    for topic in topics:
        count = "?" if topic.count is None else str(topic.count)
        numbers = f"  {count:>7}" if counted else ""
        lines.append(f"  {topic.name:<{width}}  {topic.msgtype:<{kinds}}{numbers}".rstrip())
    return "\n".join(lines)


def full_name(name: str, namespace: str = "") -> str:
    """Resolve a topic's name as ROS does: a relative one is put below the namespace.

    Args:
        name: relative, or beginning with a slash.
        namespace: "" or "/rig".

    Raises:
        ConfigError: ROS does not allow such a name.
    """
    full = name if name.startswith("/") else f"{namespace}/{name}"
    if not _FULL_NAME.fullmatch(full) or "__" in full:
        raise ConfigError(
            f"{name!r} is not a topic name; expected words of letters, digits and single underscores, with "
            "slashes between them"
        )
    return full


def namespace_of(name: str) -> str:
    """Return a namespace as "" or "/rig".

    Raises:
        ConfigError: ROS does not allow such a name.
    """
    stripped = name.strip("/")
    return full_name(f"/{stripped}") if stripped else ""
