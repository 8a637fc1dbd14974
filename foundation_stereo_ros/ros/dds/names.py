# SPDX-License-Identifier: Apache-2.0
"""Names in ROS and on the wire: a topic /a/b of type p/msg/T is rt/a/b of type p::msg::dds_::T_ there."""

from __future__ import annotations

import re

from foundation_stereo_ros.errors import ConfigError

_TOPIC_PREFIX = "rt"
_TYPE = re.compile(r"(\w+)::(\w+)::dds_::(\w+)_")
_FULL_NAME = re.compile(r"(/[A-Za-z_][A-Za-z0-9_]*)+")


def wire_topic(name: str) -> str:
    """Return the topic's name on the wire."""
    return f"{_TOPIC_PREFIX}{name}"


def ros_topic(name: str) -> str:
    """Return the full name in ROS of a topic on the wire; empty where it is no topic of ROS."""
    return name.removeprefix(_TOPIC_PREFIX) if name.startswith(f"{_TOPIC_PREFIX}/") else ""


def wire_type_name(msgtype: str) -> str:
    """Return the name on the wire of a message type such as "sensor_msgs/msg/Image"."""
    package, kind, name = msgtype.split("/")
    return f"{package}::{kind}::dds_::{name}_"


def ros_type(name: str) -> str:
    """Return the message type of a name on the wire; the name itself where it is none of ROS."""
    match = _TYPE.fullmatch(name)
    return "/".join(match.groups()) if match else name


def full_name(name: str, namespace: str = "") -> str:
    """Resolve a topic's name as ROS does: a relative one lies in the namespace.

    Args:
        name: relative, or beginning with a slash.
        namespace: "" or "/rig".

    Raises:
        ConfigError: ROS has no such names.
    """
    full = name if name.startswith("/") else f"{namespace}/{name}"
    if not _FULL_NAME.fullmatch(full) or "__" in full:
        raise ConfigError(
            f"{name!r} is no name of a topic; expected words of letters, digits and single underscores, with "
            "slashes between them"
        )
    return full


def namespace_of(name: str) -> str:
    """Return a namespace as "" or "/rig".

    Raises:
        ConfigError: ROS has no such names.
    """
    stripped = name.strip("/")
    return full_name(f"/{stripped}") if stripped else ""
