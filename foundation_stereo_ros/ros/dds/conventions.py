# SPDX-License-Identifier: Apache-2.0
"""How ROS uses DDS: names of topics and types, ros_discovery_info, the enclave, and the hash of types.

A topic /a/b of type p/msg/T is rt/a/b of type p::msg::dds_::T_. Each participant tells on one topic which
nodes it has, and which readers and writers are theirs. The ids in there have 16 bytes since Iron and 24
before, which is all that differs on the wire between distributions.
"""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from rosbags.serde import SerdeError
from rosbags.typesys.store import Typestore

from foundation_stereo_ros.ros.messages.cdr import type_hash, typestore

_log = logging.getLogger(__name__)

DISCOVERY_TOPIC = "ros_discovery_info"
DISCOVERY_TYPE = "rmw_dds_common/msg/ParticipantEntitiesInfo"
ENCLAVE = b"enclave=/;"
"""User data of a participant of ROS that has no security."""

_TOPIC_PREFIX = "rt"
_TYPE = re.compile(r"(\w+)::(\w+)::dds_::(\w+)_")
_LONG_IDS = frozenset({"foxy", "galactic", "humble"})
_SIZES = (16, 24)
_ID = 16
_PARTS = ("Gid", "NodeEntitiesInfo", "ParticipantEntitiesInfo")


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


class NodePresence(NamedTuple):
    """A node: its name, and the ids of its readers and writers (16 bytes each)."""

    namespace: str
    name: str
    readers: tuple[bytes, ...] = ()
    writers: tuple[bytes, ...] = ()

    @property
    def full_name(self) -> str:
        """As in "/stereo/stereo_node"."""
        return f"{self.namespace.rstrip('/')}/{self.name}"


class Presence(NamedTuple):
    """What one participant tells; ``id_size`` is 16 or 24."""

    participant: bytes
    nodes: tuple[NodePresence, ...]
    id_size: int


def id_size_of(distribution: str) -> int:
    """Return the size of ids in a distribution of ROS; 0: not known."""
    if not distribution:
        return 0
    return 24 if distribution.lower() in _LONG_IDS else 16


def store_of_ids(size: int) -> Typestore:
    """Return the message types with ids of a size."""
    return typestore("humble" if size == 24 else "jazzy")


@lru_cache(maxsize=256)
def type_hash_data(msgtype: str, store: Typestore) -> bytes:
    """Return the user data of a reader or writer: the hash of its type (REP 2016), since Iron."""
    known = type_hash(msgtype, store)
    return f"typehash={known};".encode() if known else b""


def encode_presence(presence: Presence) -> bytes:
    """Return the message's CDR."""
    store = store_of_ids(presence.id_size)
    types: dict[str, Any] = dict(store.types)
    make_id, make_node, make_all = (types[f"rmw_dds_common/msg/{name}"] for name in _PARTS)

    def gid(value: bytes) -> Any:
        return make_id(np.frombuffer(value.ljust(presence.id_size, b"\x00"), np.uint8))

    nodes = [
        make_node(n.namespace or "/", n.name, [gid(i) for i in n.readers], [gid(i) for i in n.writers])
        for n in presence.nodes
    ]
    return bytes(store.serialize_cdr(make_all(gid(presence.participant), nodes), DISCOVERY_TYPE))


def decode_presence(data: bytes) -> Presence | None:
    """Read a message with ids of either size; None where it is neither."""
    for size in _SIZES:
        try:
            message: Any = store_of_ids(size).deserialize_cdr(data, DISCOVERY_TYPE)
        except (SerdeError, AssertionError, struct.error, ValueError, IndexError):
            # With the other size, something is missing or left over at the end.
            continue
        nodes = tuple(
            NodePresence(n.node_namespace, n.node_name, _ids(n.reader_gid_seq), _ids(n.writer_gid_seq))
            for n in message.node_entities_info_seq
        )
        return Presence(bytes(message.gid.data)[:_ID], nodes, size)
    _log.debug("a %s of %d bytes that is no such message", DISCOVERY_TOPIC, len(data))
    return None


def _ids(messages: Sequence[Any]) -> tuple[bytes, ...]:
    return tuple(bytes(message.data)[:_ID] for message in messages)
