# SPDX-License-Identifier: Apache-2.0
"""One sqlite3 storage file of rosbag2, also one with its end missing.

Read with the standard library: a damaged database needs a pragma, and the offered QoS has to come as it was
written.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.limits import limits
from foundation_stereo_ros.ros.bags import qos
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.messages.cdr import Schema, schema_of, typestore
from foundation_stereo_ros.ros.messages.topics import Topic

_TABLES = ("messages", "topics", "message_definitions", "schema", "metadata")
_ERRORS = (sqlite3.Error, OverflowError, MemoryError, LookupError, TypeError, ValueError)
_STEP = 1000  # of SQLite's instructions; a message has some 30, and at least as many bytes
_FREE_STEPS = 10_000


class SqliteFile:
    """Topics and messages of one .db3 file, all versions from Foxy's to the newest.

    Messages come in the order of their log time; from a damaged file in the order of recording, up to the
    damage.

    Args:
        path: the file.
        distribution: of ROS, where it is known.
        shown: what to call the file; None: as ``path``.

    Attributes:
        topics: by topic id.
        start_ns, end_ns: log time of the first and the last message; 0 in an empty file, the end also in a
            damaged one.
        damage: why not everything could be read; empty when all is well.

    Raises:
        BagError: not a database, or one without the tables of a recording.
    """

    def __init__(self, path: Path, distribution: str = "", shown: Path | None = None) -> None:
        self.shown, self._bytes = shown or path, path.stat().st_size
        self.damage = ""
        self.start_ns = self.end_ns = 0
        self._database = _open(path)
        try:
            self._prepare()
            self.topics = self._read_topics(distribution)
        except (*_ERRORS, BagError) as error:
            self.close()
            raise BagError(f"{self.shown} is not a readable sqlite3 recording: {_reason(error)}") from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def messages(
        self, names: Collection[str] | None = None, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[RecordedMessage]:
        """Yield the messages of some topics (None: all) with start <= log time < stop."""
        chosen = [key for key, topic in self.topics.items() if names is None or topic.name in names]
        least = start_ns if start_ns is not None else -(2**63)
        limit = stop_ns if stop_ns is not None else 2**63 - 1
        try:
            rows = self._rows_one_by_one() if self.damage else self._chosen_rows(chosen, least, limit)
            for key, time, data in rows:
                if type(time) is not int or type(data) is not bytes:
                    raise BagError(
                        f"a message is no bytes with a time ({type(data).__name__}, {type(time).__name__})"
                    )
                if key in chosen and least <= time < limit:
                    yield RecordedMessage(self.topics[key], time, time, 0, data)
        except (*_ERRORS, BagError) as error:
            self.damage = self.damage or f"{self.shown.name} is damaged: {_reason(error)}"

    def _chosen_rows(self, chosen: Sequence[int], least: int, limit: int) -> Iterator[tuple[Any, ...]]:
        marks = ",".join("?" * len(chosen))
        query = (
            f"SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({marks})"
            " AND timestamp >= ? AND timestamp < ? ORDER BY timestamp, id"
        )
        return self._rows(query, [*chosen, least, limit])

    def _rows_one_by_one(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows up to the damage.

        The index may lie in the part that is missing; rows themselves are stored in the order of recording.
        Each has a query of its own, since sqlite3 looks one row ahead, and would lose the last good one.
        """
        query = (
            "SELECT id, topic_id, timestamp, data FROM messages NOT INDEXED WHERE id > ? ORDER BY id LIMIT 1"
        )
        last = -(2**63)
        while (row := next(self._rows(query, [last]), None)) and type(row[0]) is int and row[0] > last:
            last = row[0]
            yield row[1:]

    def _rows(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, as long as it does no more work than a file of this size can ask for.

        Pages of a damaged file may lead back to each other.
        """
        left = _FREE_STEPS + 8 * self._bytes // _STEP

        def spend() -> bool:
            nonlocal left
            left -= 1
            return bool(left < 0)

        self._database.set_progress_handler(spend, _STEP)
        yield from self._database.execute(query, values)

    def _check_tables(self) -> None:
        """Refuse what is no plain table: views and computed columns are programs."""
        names = ", ".join(f"'{name}'" for name in _TABLES)
        for name, kind, text in self._rows(
            f"SELECT name, type, sql FROM sqlite_master WHERE name IN ({names}) OR type = 'view'"
        ):
            if kind != "table" or str(text).upper().startswith("CREATE VIRTUAL"):
                raise BagError(f"{name} is a {kind} that computes; expected a plain table")
        for name in _TABLES:
            if any(row[6] for row in self._rows(f"PRAGMA table_xinfo({name})")):
                raise BagError(f"{name} has computed columns; expected plain ones")

    def _prepare(self) -> None:
        try:
            self._check_tables()
            first, last = next(self._rows("SELECT MIN(timestamp), MAX(timestamp) FROM messages"))
        except sqlite3.DatabaseError as error:
            if "malformed" not in str(error):
                raise
            self.damage = f"{self.shown.name} breaks off: {error}"
            # Without this a file shorter than its header says is refused as a whole.
            self._database.execute("PRAGMA writable_schema = ON")
            self._check_tables()
            query = "SELECT timestamp, 0 FROM messages NOT INDEXED ORDER BY id LIMIT 1"
            first, last = next(self._rows(query), (0, 0))
        if not all(value is None or type(value) is int for value in (first, last)):
            raise BagError("its times are no whole numbers")
        self.start_ns, self.end_ns = first or 0, last or 0

    def _read_topics(self, distribution: str) -> dict[int, Topic]:
        columns = {row[1] for row in self._database.execute("PRAGMA table_info(topics)")}
        optional = [name for name in (qos.KEY, "type_description_hash") if name in columns]
        selected = ", ".join(["id", "name", "type", "serialization_format", *optional])
        counts = self._counts()
        definitions = self._definitions()
        store = typestore(distribution or self._distribution())
        topics = {}
        for key, name, msgtype, encoding, *rest in self._rows(f"SELECT {selected} FROM topics"):
            if type(key) is not int or not all(type(text) is str for text in (name, msgtype, encoding)):
                raise BagError("a topic has no number and name; expected a number and texts")
            noted = dict(zip(optional, rest, strict=True))
            metadata = {
                qos.KEY: noted.get(qos.KEY) or "",
                "topic_type_hash": noted.get("type_description_hash", ""),
            }
            metadata = {name: value for name, value in metadata.items() if value and type(value) is str}
            schema = definitions.get(msgtype) or schema_of(msgtype, store)
            count = None if self.damage else counts.get(key, 0)
            topics[key] = Topic(name, schema, encoding, metadata, count)
        return topics

    def _counts(self) -> dict[int, int]:
        if self.damage:
            return {}
        return dict(self._rows("SELECT topic_id, COUNT(*) FROM messages GROUP BY topic_id"))

    def _definitions(self) -> dict[str, Schema]:
        """Return the definitions that the file holds; none before Iron."""
        if not self._database.execute("PRAGMA table_info(message_definitions)").fetchall():
            return {}
        rows = self._rows("SELECT topic_type, encoding, encoded_message_definition FROM message_definitions")
        return {
            name: Schema(name, encoding, text.encode())
            for name, encoding, text in rows
            if text and all(type(part) is str for part in (name, encoding, text))
        }

    def _distribution(self) -> str:
        if not self._database.execute("PRAGMA table_info(schema)").fetchall():
            return ""
        row = next(self._rows("SELECT ros_distro FROM schema"), None)
        return row[0] if row and type(row[0]) is str else ""


def _open(path: Path) -> sqlite3.Connection:
    # A write-ahead log beside the file belongs to it; without one, nothing may be created there.
    wal = path.with_name(path.name + "-wal").exists()
    address = f"file:{quote(str(path.resolve()))}?{'mode=ro' if wal else 'immutable=1'}"
    try:
        database = sqlite3.connect(address, uri=True)
    except sqlite3.Error as error:
        raise BagError(f"cannot open {path}: {error}") from error
    database.execute("PRAGMA trusted_schema = OFF")
    if sys.version_info >= (3, 11):
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits().block_bytes)
    return database


def _reason(error: Exception) -> str:
    if isinstance(error, (sqlite3.OperationalError, BagError)) and "interrupted" in str(error):
        return "its pages lead back to each other"
    return str(error) if isinstance(error, (sqlite3.Error, BagError)) else "it asks for more than it has"
