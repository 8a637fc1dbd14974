# SPDX-License-Identifier: Apache-2.0
"""Messages as bytes (CDR) and back, and the definitions of their types, without a ROS installation.

Classes and definitions are those of the ``rosbags`` library.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_typestore
from rosbags.typesys.store import Typestore

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.messages.definitions import types_from_text
from foundation_stereo_ros.ros.messages.types import MessageTypes

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
POINT_CLOUD = "sensor_msgs/msg/PointCloud2"
DISPARITY_IMAGE = "stereo_msgs/msg/DisparityImage"
CLOCK = "rosgraph_msgs/msg/Clock"
DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"


class Schema(NamedTuple):
    """The definition of a message type.

    ``name`` is the type ("sensor_msgs/msg/Image"), ``encoding`` says what ``data`` is: "ros2msg" (the
    definition and all that it depends on, one after the other), "ros2idl", or "" where there is none.
    """

    name: str
    encoding: str = ""
    data: bytes = b""


@lru_cache
def typestore(distribution: str = "humble") -> Typestore:
    """Return the message types of a ROS 2 distribution; of Humble where the name is not known.

    Those that this package reads and writes have not changed from Humble on.
    """
    name = f"ROS2_{distribution.upper()}"
    return get_typestore(Stores[name] if name in Stores.__members__ else Stores.ROS2_HUMBLE)


@lru_cache
def message_types() -> MessageTypes:
    """Return the message classes that the encoders of ``messages`` build."""
    types: dict[str, Any] = dict(typestore().types)
    return MessageTypes(
        Time=types["builtin_interfaces/msg/Time"],
        Header=types["std_msgs/msg/Header"],
        Image=types[IMAGE],
        CameraInfo=types[CAMERA_INFO],
        RegionOfInterest=types["sensor_msgs/msg/RegionOfInterest"],
        PointField=types["sensor_msgs/msg/PointField"],
        PointCloud2=types[POINT_CLOUD],
        DisparityImage=types[DISPARITY_IMAGE],
        buffer=np.ascontiguousarray,
    )


def schema_of(msgtype: str, store: Typestore | None = None) -> Schema:
    """Return the definition of a type with all that it depends on, or an empty one for an unknown type."""
    store = store or typestore()
    if msgtype not in store.fielddefs:
        return Schema(msgtype)
    return Schema(msgtype, "ros2msg", store.generate_msgdef(msgtype, ros_version=2)[0].encode())


def type_hash(msgtype: str, store: Typestore | None = None) -> str:
    """Return the hash of a type's description (REP 2016); empty for an unknown type."""
    store = store or typestore()
    return store.hash_rihs01(msgtype) if msgtype in store.fielddefs else ""


def serialize(message: Any, msgtype: str) -> memoryview:
    """Return the CDR (little endian) of a message.

    Raises:
        BagError: the type is not known, or a field does not fit it.
    """
    if msgtype not in typestore().fielddefs:
        raise BagError(f"cannot write a {msgtype!r}: no definition of this type")
    try:
        return memoryview(typestore().serialize_cdr(message, msgtype, little_endian=True))
    except (SerdeError, TypeError, ValueError, AttributeError) as error:
        raise BagError(f"cannot write this message as {msgtype}: {error}") from error


def deserialize(data: bytes | memoryview, msgtype: str, topic: str, store: Typestore | None = None) -> Any:
    """Return the message in some CDR; its arrays are views of it.

    Args:
        data: begins with the four bytes that tell the encoding.
        msgtype: as in "sensor_msgs/msg/Image".
        topic: that it came on, for the error.
        store: has the type's definition; Humble's where None.

    Raises:
        BagError: the bytes are not a message of this type.
    """
    try:
        return (store or typestore()).deserialize_cdr(memoryview(data), msgtype)
    except KeyError:
        raise BagError(f"{topic} is of the type {msgtype!r}, which is not known") from None
    except SerdeError as error:
        raise BagError(f"a damaged {msgtype} on {topic}: {error}") from error
    except Exception as error:  # the reader is made from a definition, which may be damaged as well
        raise BagError(f"a damaged {msgtype} on {topic}") from error


@lru_cache(maxsize=64)
def store_of(schema: Schema) -> Typestore:
    """Return the types by one definition: it and what it depends on; those of Humble where it has no text.

    A store for each, since recordings may disagree about shared names.
    """
    store = get_typestore(Stores.EMPTY)
    if schema.encoding in ("ros2msg", "ros2idl"):
        try:
            store.register(types_from_text(schema.data.decode(), schema.name, schema.encoding))
        except (TypesysError, UnicodeDecodeError):
            return typestore()
    return store if schema.name in store.fielddefs else typestore()
