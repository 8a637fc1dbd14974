# SPDX-License-Identifier: Apache-2.0
"""One ROS 1 .bag file, turned into ROS 2 messages while it is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from rosbags.convert.converter import STATIC_MSGTYPE_RENAMES, is_same_wireformat, migrate_bytes
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, TypesysError, get_types_from_msg, get_typestore

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags import qos
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.messages.cdr import schema_of
from foundation_stereo_ros.ros.messages.topics import Topic


class Ros1File:
    """Topics and messages of one .bag file as ROS 2 would have recorded them (CDR, ROS 2 definitions).

    Args:
        path: the file.
        shown: what to call it; None: as ``path``.

    Attributes:
        topics: by connection id; those whose type cannot be turned into ROS 2 are named in ``notices``.
        start_ns, end_ns: time of the first and the last message; 0 in an empty file.
        damage: always empty: a .bag without its index is refused.
        notices: what is worth telling the user.

    Raises:
        BagError: not a ROS 1 bag, or one that was not closed.
    """

    def __init__(self, path: Path, shown: Path | None = None) -> None:
        shown = shown or path
        self.damage = ""
        self.notices: list[str] = []
        self.topics: dict[int, Topic] = {}
        self._converters: dict[str, Callable[[bytes], bytes]] = {}
        self._target = get_typestore(Stores.ROS2_HUMBLE)
        self._cache: dict[str, object] = {}
        try:
            self._reader = AnyReader([path])
            self._reader.open()
        except (AnyReaderError, AssertionError, ValueError) as error:
            reason = str(error).replace(str(path), str(shown))
            raise BagError(
                f"{shown} is not a readable ROS 1 bag: {reason}; if it was not closed, `rosbag reindex` helps"
            ) from error
        self.start_ns = self._reader.start_time if self._reader.message_count else 0
        self.end_ns = self._reader.end_time - 1 if self._reader.message_count else 0
        for connection in self._reader.connections:
            self._add(connection)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def messages(
        self, names: Collection[str] | None = None, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[RecordedMessage]:
        """Yield the messages of some topics (None: all) with start <= time < stop."""
        chosen = [
            connection
            for connection in self._reader.connections
            if connection.id in self.topics and (names is None or connection.topic in names)
        ]
        if not chosen:
            return
        for connection, time, data in self._reader.messages(chosen, start_ns, stop_ns):
            try:
                converted = self._converters[connection.msgtype](data)
            except SerdeError:
                converted = b""
            yield RecordedMessage(self.topics[connection.id], time, time, 0, converted)

    def _add(self, connection: Connection) -> None:
        msgtype = STATIC_MSGTYPE_RENAMES.get(connection.msgtype, connection.msgtype)
        try:
            if connection.msgtype not in self._converters:
                self._converters[connection.msgtype] = self._converter(connection.msgtype, msgtype)
        except (TypesysError, KeyError) as error:
            self.notices.append(
                f"{connection.topic} is left out: {connection.msgtype} has no ROS 2 form ({error})"
            )
            return
        latched = bool(getattr(connection.ext, "latching", 0))
        metadata = {qos.KEY: qos.offered_profile(latched=latched)}
        schema = schema_of(msgtype, self._target)
        self.topics[connection.id] = Topic(connection.topic, schema, "cdr", metadata, connection.msgcount)

    def _converter(self, source: str, msgtype: str) -> Callable[[bytes], bytes]:
        """Return what turns the ROS 1 bytes of a type into CDR."""
        known: Any = self._reader.typestore
        target = self._target
        if msgtype not in target.fielddefs:
            definitions = get_types_from_msg(known.generate_msgdef(source, ros_version=2)[0], msgtype)
            # ROS 2 has no sequence number in the header.
            definitions.pop("std_msgs/msg/Header", None)
            target.register(definitions)
        if is_same_wireformat(known, target, source, msgtype):
            return lambda data: bytes(target.ros1_to_cdr(data, msgtype))
        return lambda data: bytes(
            migrate_bytes(known, target, source, msgtype, self._cache, data, src_is2=False, dst_is2=True)
        )
