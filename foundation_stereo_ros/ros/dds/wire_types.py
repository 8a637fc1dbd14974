# SPDX-License-Identifier: Apache-2.0
"""Message types as Cyclone DDS wants to know them; the messages themselves pass as they are.

Cyclone's Python package turns every field into an object of Python, which takes seconds for an image. The
types made here declare the true fields, so that Cyclone can check what comes from the network and peers can
compare types, but leave messages in their CDR bytes, which the library for recordings reads and writes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cyclonedds.idl.types
from cyclonedds.idl import IdlStruct, make_idl_struct
from rosbags.interfaces import Nodetype
from rosbags.typesys.store import Typestore

from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.ros.dds.conventions import wire_type_name

# Its annotations say less than it does.
types: Any = cyclonedds.idl.types

_NUMBERS: dict[str, Any] = {
    "bool": bool,
    "byte": types.byte,
    "char": types.uint8,
    "int8": types.int8,
    "uint8": types.uint8,
    "int16": types.int16,
    "uint16": types.uint16,
    "int32": types.int32,
    "uint32": types.uint32,
    "int64": types.int64,
    "uint64": types.uint64,
    "float32": types.float32,
    "float64": types.float64,
}


class RawMessage:
    """A message as it came: ``data`` is its CDR with the four bytes before it, ``sample_info`` is DDS's."""

    __slots__ = ("data", "sample_info")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sample_info: Any = None


@lru_cache(maxsize=256)
def wire_type(msgtype: str, store: Typestore) -> type[IdlStruct]:
    """Return the type for topics of a message type.

    Args:
        msgtype: as in "sensor_msgs/msg/Image".
        store: has its definition.

    Raises:
        WireError: it is not known, or has fields that Cyclone's Python package does not (``wstring``).
    """
    return _raw(_struct(msgtype, store, {}))


def _raw(made: type[IdlStruct]) -> type[IdlStruct]:
    # Called by DataReader, for each sample.
    made.deserialize = classmethod(_as_it_is)  # type: ignore[assignment, method-assign]
    made.deserialize_key = classmethod(_nothing)  # type: ignore[assignment, method-assign]
    return made


def _as_it_is(_: type, data: bytes, has_header: bool = True, use_version_2: bool | None = None) -> RawMessage:
    return RawMessage(data)


def _nothing(_: type, data: bytes, has_header: bool = True, use_version_2: bool | None = None) -> None:
    return None


def _struct(msgtype: str, store: Typestore, made: dict[str, Any]) -> Any:
    if msgtype not in made:
        if msgtype not in store.fielddefs:
            raise WireError(f"no definition of the type {msgtype}")
        fields = {name: _field(kind, store, made) for name, kind in store.fielddefs[msgtype][1]}
        name = msgtype.rpartition("/")[2]
        made[msgtype] = make_idl_struct(f"{name}_", wire_type_name(msgtype), fields)
    return made[msgtype]


def _field(definition: Any, store: Typestore, made: dict[str, Any]) -> Any:
    kind, inside = definition
    if kind == Nodetype.NAME:
        return _struct(inside, store, made)
    if kind == Nodetype.BASE:
        return _base(*inside)
    element, length = _field(inside[0], store, made), inside[1]
    if kind == Nodetype.ARRAY:
        return types.array[element, length]
    return types.sequence[element, length] if length else types.sequence[element]


def _base(name: str, limit: int) -> Any:
    if name == "string":
        return types.bounded_str[limit] if limit else str
    if name not in _NUMBERS:
        raise WireError(f"fields of type {name} cannot be on the wire")
    return _NUMBERS[name]


@lru_cache(maxsize=1)
def presence_type(msgtype: str) -> type[IdlStruct]:
    """Return a type for reading `conventions.DISCOVERY_TOPIC` from all distributions: the part they share.

    What follows in a message is not checked, and comes along.
    """
    name = msgtype.rpartition("/")[2]
    made: type[IdlStruct] = make_idl_struct(
        f"{name}_", wire_type_name(msgtype), {"gid": types.array[types.uint8, 16]}
    )
    return _raw(made)
