# SPDX-License-Identifier: Apache-2.0
"""One MCAP file, also one without an index or with its end missing."""

from __future__ import annotations

import dataclasses
import heapq
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from mcap.data_stream import ReadDataStream
from mcap.exceptions import EndOfFile, McapError
from mcap.reader import SeekingReader
from mcap.records import Channel, Chunk, ChunkIndex, DataEnd, Footer, McapRecord, Message
from mcap.records import Schema as SchemaRecord
from mcap.stream_reader import CRCValidationError, StreamReader, breakup_chunk
from mcap.summary import Summary

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.limits import limits
from foundation_stereo_ros.ros.bags.compression import DamagedBlockError, unpacked
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.messages.cdr import Schema
from foundation_stereo_ros.ros.messages.topics import Topic

_MAGIC = b"\x89MCAP0\r\n"
# What the decoders of records raise on damaged bytes.
_SAID = (McapError, DamagedBlockError, BagError, CRCValidationError)  # in words that mean something to a user
_UNSAID = (
    ValueError,
    struct.error,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    MemoryError,
    OSError,
)
DAMAGE = (*_SAID, *_UNSAID)


class _Whole:
    """A file whose reads are whole or fail: the record decoder takes a short read for a short message.

    No read takes more memory than the file has bytes, or than a block may have.
    """

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._size, self._left = stream, size, size
        self._most = limits().block_bytes

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._left:
            raise EndOfFile()
        if size > self._most:
            raise McapError(f"a record has {size:,} bytes; expected at most {self._most:,}")
        self._left -= size
        data = self._stream.read(size)
        if len(data) < size:
            raise EndOfFile()
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        place = self._stream.seek(offset, whence)
        self._left = max(self._size - place, 0)
        return place


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
        self._chunks: dict[int, ChunkIndex] = {}
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
                yield from self._by_time(self._whole(stream), names, start_ns, stop_ns)
            except DAMAGE as error:
                self.damage = f"{self.shown.name} is damaged: {_reason(error)}"

    def _by_time(
        self, stream: _Whole, names: set[str] | None, start_ns: int | None, stop_ns: int | None
    ) -> Iterator[RecordedMessage]:
        """Yield messages in the order of their times; a chunk is unpacked when its first one is due.

        The library's reader does the same, but takes whatever memory a chunk asks for.
        """
        waiting: list[tuple[int, int, int, ChunkIndex | Message]] = [
            (chunk.message_start_time, offset, -1, chunk)
            for offset, chunk in self._chunks.items()
            if self._concerns(chunk, names, start_ns, stop_ns)
        ]
        heapq.heapify(waiting)
        held = 0
        while waiting:
            _, offset, _, item = heapq.heappop(waiting)
            if isinstance(item, Message):
                held -= len(item.data)
                yield self._recorded(item.channel_id, item)
                continue
            stream.seek(offset + 1 + 8)
            for number, record in enumerate(_unpacked_chunk(Chunk.read(ReadDataStream(stream)))):  # type: ignore[arg-type]
                if isinstance(record, Message) and self._wanted(record, names, start_ns, stop_ns):
                    held += len(record.data)
                    heapq.heappush(waiting, (record.log_time, offset, number, record))
            if held > limits().block_bytes:
                raise McapError("too many of its chunks cover the same time")

    def _concerns(
        self, chunk: ChunkIndex, names: set[str] | None, start_ns: int | None, stop_ns: int | None
    ) -> bool:
        inside = chunk.message_end_time >= (start_ns or 0) and (
            stop_ns is None or chunk.message_start_time < stop_ns
        )
        channels = chunk.message_index_offsets
        # Without an index of its messages a chunk may hold any.
        return inside and (
            names is None or not channels or any(self.topics[channel].name in names for channel in channels)
        )

    def _wanted(
        self, message: Message, names: set[str] | None, start_ns: int | None, stop_ns: int | None
    ) -> bool:
        return (
            (names is None or self.topics[message.channel_id].name in names)
            and (start_ns or 0) <= message.log_time
            and (stop_ns is None or message.log_time < stop_ns)
        )

    def _whole(self, stream: IO[bytes]) -> _Whole:
        return _Whole(stream, self.path.stat().st_size)

    def _read_summary(self) -> bool:
        """Take the topics from the index at the end of the file; say whether there is a usable one."""
        with self.path.open("rb") as stream:
            try:
                most = limits().block_bytes
                summary = SeekingReader(self._whole(stream), record_size_limit=most).get_summary()  # type: ignore[arg-type]
            except DAMAGE:
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
        self._chunks = {chunk.chunk_start_offset: chunk for chunk in summary.chunk_indexes}
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
            if self._wanted(record, names, start_ns, stop_ns):
                yield self._recorded(record.channel_id, record)

    def _records(self) -> Iterator[McapRecord]:
        """Yield the records of the data section up to its end or the damage."""
        complete = False
        with self.path.open("rb") as stream:
            reader = StreamReader(
                self._whole(stream),  # type: ignore[arg-type]
                emit_chunks=True,
                validate_crcs=True,
                record_size_limit=limits().block_bytes,
            )
            try:
                for record in reader.records:
                    complete = complete or isinstance(record, (DataEnd, Footer))
                    if isinstance(record, Chunk):
                        yield from _unpacked_chunk(record)
                    elif not complete:
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


def _unpacked_chunk(chunk: Chunk) -> list[McapRecord]:
    data = unpacked(chunk.compression, chunk.data)
    plain = dataclasses.replace(chunk, compression="", data=data)
    return breakup_chunk(plain, validate_crc=True)


def _reason(error: Exception) -> str:
    if isinstance(error, EndOfFile):
        return "its end is missing"
    return str(error) if isinstance(error, _SAID) and str(error) else "a record of it cannot be read"
