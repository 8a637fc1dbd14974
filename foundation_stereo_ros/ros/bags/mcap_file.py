# SPDX-License-Identifier: Apache-2.0
"""One MCAP file, also one without an index or with its end missing."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

import zstandard
from mcap.exceptions import EndOfFile, McapError, RecordLengthLimitExceeded
from mcap.reader import SeekingReader
from mcap.records import Channel, DataEnd, Footer, McapRecord, Message
from mcap.records import Schema as SchemaRecord
from mcap.stream_reader import StreamReader
from mcap.summary import Summary

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.messages.cdr import Schema
from foundation_stereo_ros.ros.messages.topics import Topic

_MAGIC = b"\x89MCAP0\r\n"
# What the decoders of records and of the two chunk compressions raise on damaged bytes.
DAMAGE = (McapError, ValueError, struct.error, zstandard.ZstdError, RuntimeError, EOFError, KeyError)


class _Whole:
    """A file whose reads are whole or fail: the record decoder takes a short read for a short message."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        if 0 <= len(data) < size:
            raise EndOfFile()
        return data


class McapFile:
    """Topics and messages of one MCAP file.

    With an index, messages come in the order of their log time; without one (the recorder was killed, or told
    to write none) in the order of the file, up to the damage if there is any.

    Args:
        path: the file.
        shown: what to call it; None: as ``path``.

    Attributes:
        topics: by channel id.
        start_ns, end_ns: log time of the first and the last message; 0 in an empty file.
        damage: why not everything could be read; empty when all is well. Known in full only after reading.

    Raises:
        BagError: not an MCAP file.
    """

    def __init__(self, path: Path, shown: Path | None = None) -> None:
        self.path, self.shown = path, shown or path
        self.damage = ""
        self.topics: dict[int, Topic] = {}
        self.start_ns = self.end_ns = 0
        with path.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise BagError(f"{self.shown} is not an MCAP file")
        self._indexed = self._read_summary()
        if not self._indexed:
            self._survey()

    def close(self) -> None:
        """Do nothing: each reading opens the file for itself, so that several do not disturb each other."""

    def messages(
        self, names: Collection[str] | None = None, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[RecordedMessage]:
        """Yield the messages of some topics (None: all) with start <= log time < stop."""
        names = None if names is None else set(names)
        if not self._indexed:
            yield from self._linear(names, start_ns, stop_ns)
            return
        with self.path.open("rb") as stream:
            try:
                reader = SeekingReader(stream, validate_crcs=True)
                for _, channel, message in reader.iter_messages(
                    names, starting_at=start_ns, ending_before=stop_ns
                ):
                    yield self._recorded(channel.id, message)
            except DAMAGE as error:
                self.damage = f"{self.shown.name} is damaged: {_reason(error)}"

    def _read_summary(self) -> bool:
        """Take the topics from the index at the end of the file; say whether there is a usable one."""
        with self.path.open("rb") as stream:
            try:
                summary = SeekingReader(stream).get_summary()
            except (*DAMAGE, OSError):
                return False
        return summary is not None and self._use(summary)

    def _use(self, summary: Summary) -> bool:
        statistics = summary.statistics
        if statistics is None or statistics.channel_count != len(summary.channels):
            return False
        if statistics.message_count and not summary.chunk_indexes:
            return False
        schemas = {key: Schema(s.name, s.encoding, s.data) for key, s in summary.schemas.items()}
        if any(
            channel.schema_id and channel.schema_id not in schemas for channel in summary.channels.values()
        ):
            return False
        for key, channel in summary.channels.items():
            count = statistics.channel_message_counts.get(key, 0)
            self.topics[key] = _topic(channel, schemas, count)
        self.start_ns, self.end_ns = statistics.message_start_time, statistics.message_end_time
        return True

    def _survey(self) -> None:
        """Read the whole file once to learn its topics."""
        channels: dict[int, Channel] = {}
        schemas: dict[int, Schema] = {}
        counts: dict[int, int] = {}
        first, last = 2**64, 0
        for record in self._records():
            if isinstance(record, SchemaRecord):
                schemas[record.id] = Schema(record.name, record.encoding, record.data)
            elif isinstance(record, Channel):
                channels[record.id] = record
            elif isinstance(record, Message):
                counts[record.channel_id] = counts.get(record.channel_id, 0) + 1
                first, last = min(first, record.log_time), max(last, record.log_time)
        self.topics = {key: _topic(c, schemas, counts.get(key, 0)) for key, c in channels.items()}
        if counts:
            self.start_ns, self.end_ns = first, last

    def _linear(
        self, names: set[str] | None, start_ns: int | None, stop_ns: int | None
    ) -> Iterator[RecordedMessage]:
        for record in self._records():
            if not isinstance(record, Message) or record.channel_id not in self.topics:
                continue
            wanted = names is None or self.topics[record.channel_id].name in names
            if (
                wanted
                and (start_ns or 0) <= record.log_time
                and (stop_ns is None or record.log_time < stop_ns)
            ):
                yield self._recorded(record.channel_id, record)

    def _records(self) -> Iterator[McapRecord]:
        """Yield the records of the data section up to its end or the damage."""
        limit = self.path.stat().st_size
        complete = False
        with self.path.open("rb") as stream:
            reader = StreamReader(_Whole(stream), validate_crcs=True, record_size_limit=limit)  # type: ignore[arg-type]
            try:
                for record in reader.records:
                    complete = complete or isinstance(record, (DataEnd, Footer))
                    if not complete:
                        yield record
            except DAMAGE as error:
                if not complete:
                    self.damage = f"{self.shown.name} breaks off: {_reason(error)}"

    def _recorded(self, channel_id: int, message: Message) -> RecordedMessage:
        topic = self.topics[channel_id]
        return RecordedMessage(topic, message.log_time, message.publish_time, message.sequence, message.data)


def _topic(channel: Channel, schemas: dict[int, Schema], count: int) -> Topic:
    schema = schemas.get(channel.schema_id, Schema(""))
    return Topic(channel.topic, schema, channel.message_encoding, dict(channel.metadata), count)


def _reason(error: Exception) -> str:
    if isinstance(error, EndOfFile):
        return "its end is missing"
    if isinstance(error, RecordLengthLimitExceeded):
        return "it ends in the middle of a record"
    return str(error) or type(error).__name__
