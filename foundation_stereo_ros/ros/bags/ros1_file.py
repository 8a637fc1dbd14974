# SPDX-License-Identifier: Apache-2.0
"""One ROS 1 .bag file, turned into ROS 2 messages while it is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from rosbags.convert.converter import STATIC_MSGTYPE_RENAMES, is_same_wireformat, migrate_bytes
from rosbags.interfaces import Connection
from rosbags.rosbag1 import Reader, ReaderError
from rosbags.rosbag1.reader import decompressors
from rosbags.typesys import Stores, TypesysError, get_typestore

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags import qos
from foundation_stereo_ros.ros.bags.compression import DamagedBlockError, unpacked
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.messages.cdr import schema_of
from foundation_stereo_ros.ros.messages.definitions import check_types, types_from_text
from foundation_stereo_ros.ros.messages.topics import Topic

_COMPRESSIONS = {decompress: kind for kind, decompress in decompressors.items()}


class Ros1File:
    """Topics and messages of one .bag file as ROS 2 would have recorded them (CDR, ROS 2 definitions).

    Args:
        path: the file.
        shown: what to call it; None: as ``path``.

    Attributes:
        topics: by connection id; those whose type cannot be turned into ROS 2 are named in ``notices``.
        start_ns, end_ns: time of the first and the last message; 0 in an empty file.
        damage: why not everything could be read; a .bag without its index is refused.
        notices: what is worth telling the user.

    Raises:
        BagError: not a ROS 1 bag, or one that was not closed.
    """

    def __init__(self, path: Path, shown: Path | None = None) -> None:
        self.shown = shown = shown or path
        self.damage = ""
        self.notices: list[str] = []
        self.topics: dict[int, Topic] = {}
        self._converters: dict[str, Callable[[bytes], bytes]] = {}
        self._target = get_typestore(Stores.ROS2_HUMBLE)
        self._cache: dict[str, object] = {}
        self._known = get_typestore(Stores.EMPTY)
        self._reader = Reader(path)
        try:
            self._reader.open()
            for place, chunk in self._reader.chunks.items():
                kind = _COMPRESSIONS.get(chunk.decompressor, "")
                self._reader.chunks[place] = chunk._replace(decompressor=partial(unpacked, kind))
            count = self._reader.message_count
            self.start_ns, self.end_ns = (
                (self._reader.start_time, self._reader.end_time - 1) if count else (0, 0)
            )
        except Exception as error:  # the reader was made for whole files, and checks with `assert`
            reason = f": {error}".replace(str(path), str(shown)) if isinstance(error, ReaderError) else ""
            raise BagError(
                f"{shown} is not a readable ROS 1 bag{reason}; if it was not closed, `rosbag reindex` helps"
            ) from None
        self._learn_types()
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
        try:
            for connection, time, data in self._reader.messages(chosen, start_ns, stop_ns):
                topic = self.topics[connection.id]
                yield RecordedMessage(topic, time, time, 0, self._converted(connection.msgtype, data))
        except Exception as error:  # see above
            said = isinstance(error, (ReaderError, DamagedBlockError, BagError))
            self.damage = (
                f"{self.shown.name} is damaged: {error if said else 'a record of it cannot be read'}"
            )

    def _converted(self, msgtype: str, data: bytes) -> bytes:
        try:
            return self._converters[msgtype](data)
        except Exception:  # a converter is made from a definition, which may be damaged as well
            return b""

    def _learn_types(self) -> None:
        types = {}
        for connection in self._reader.connections:
            with suppress(TypesysError):  # told where the topic is left out
                types.update(types_from_text(connection.msgdef.data, connection.msgtype, "ros2msg"))
        try:
            check_types(types)
            self._known.register(types)
        except Exception as error:
            raise BagError(f"{self.shown} has message definitions that cannot be used") from error

    def _add(self, connection: Connection) -> None:
        msgtype = STATIC_MSGTYPE_RENAMES.get(connection.msgtype, connection.msgtype)
        try:
            if connection.digest and self._known.generate_msgdef(connection.msgtype)[1] != connection.digest:
                raise TypesysError("its definition does not belong to its checksum")
            if connection.msgtype not in self._converters:
                self._converters[connection.msgtype] = self._converter(connection.msgtype, msgtype)
        except Exception as error:
            reason = str(error) if isinstance(error, TypesysError) else "its definition cannot be used"
            self.notices.append(
                f"{connection.topic} is left out: {connection.msgtype} has no ROS 2 form ({reason})"
            )
            return
        latched = bool(getattr(connection.ext, "latching", 0))
        metadata = {qos.KEY: qos.offered_profile(latched=latched)}
        schema = schema_of(msgtype, self._target)
        self.topics[connection.id] = Topic(connection.topic, schema, "cdr", metadata, connection.msgcount)

    def _converter(self, source: str, msgtype: str) -> Callable[[bytes], bytes]:
        """Return what turns the ROS 1 bytes of a type into CDR."""
        known, target = self._known, self._target
        if msgtype not in target.fielddefs:
            definitions = types_from_text(known.generate_msgdef(source, ros_version=2)[0], msgtype, "ros2msg")
            # ROS 2 has no sequence number in the header.
            target.register(
                {name: type_ for name, type_ in definitions.items() if name != "std_msgs/msg/Header"}
            )
        if is_same_wireformat(known, target, source, msgtype):
            return lambda data: bytes(target.ros1_to_cdr(data, msgtype))
        return lambda data: bytes(
            migrate_bytes(known, target, source, msgtype, self._cache, data, src_is2=False, dst_is2=True)
        )
