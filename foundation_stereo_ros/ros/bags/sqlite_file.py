# SPDX-License-Identifier: Apache-2.0
"""One sqlite3 storage file of rosbag2, also one with its end missing.

Read with the standard library: a damaged database needs a pragma, and the offered QoS has to come as it was
written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.bags import qos
from foundation_stereo_ros.ros.bags.storage import RecordedMessage
from foundation_stereo_ros.ros.messages.cdr import Schema, schema_of, typestore
from foundation_stereo_ros.ros.messages.topics import Topic


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
        self.shown = shown or path
        self.damage = ""
        self.start_ns = self.end_ns = 0
        self._database = _open(path)
        try:
            self._prepare()
            self.topics = self._read_topics(distribution)
        except sqlite3.Error as error:
            self.close()
            raise BagError(f"{self.shown} is not a readable sqlite3 recording: {error}") from error

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
            rows = self._rows_one_by_one() if self.damage else self._rows(chosen, least, limit)
            for key, time, data in rows:
                if key in chosen and least <= time < limit:
                    yield RecordedMessage(self.topics[key], time, time, 0, bytes(data))
        except sqlite3.Error as error:
            self.damage = self.damage or f"{self.shown.name} is damaged: {error}"

    def _rows(self, chosen: Sequence[int], least: int, limit: int) -> Iterator[tuple[int, int, bytes]]:
        marks = ",".join("?" * len(chosen))
        query = (
            f"SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({marks})"
            " AND timestamp >= ? AND timestamp < ? ORDER BY timestamp, id"
        )
        return self._database.execute(query, [*chosen, least, limit])

    def _rows_one_by_one(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield the rows up to the damage.

        The index may lie in the part that is missing; rows themselves are stored in the order of recording.
        Each has a query of its own, since sqlite3 looks one row ahead, and would lose the last good one.
        """
        query = (
            "SELECT id, topic_id, timestamp, data FROM messages NOT INDEXED WHERE id > ? ORDER BY id LIMIT 1"
        )
        last = -(2**63)
        while (row := self._database.execute(query, [last]).fetchone()) and row[0] > last:
            last = row[0]
            yield row[1:]

    def _prepare(self) -> None:
        try:
            first, last = self._database.execute(
                "SELECT MIN(timestamp), MAX(timestamp) FROM messages"
            ).fetchone()
        except sqlite3.DatabaseError as error:
            if "malformed" not in str(error):
                raise
            self.damage = f"{self.shown.name} breaks off: {error}"
            # Without this a file shorter than its header says is refused as a whole.
            self._database.execute("PRAGMA writable_schema = ON")
            query = "SELECT timestamp, 0 FROM messages NOT INDEXED ORDER BY id LIMIT 1"
            first, last = self._database.execute(query).fetchone() or (0, 0)
        self.start_ns, self.end_ns = first or 0, last or 0

    def _read_topics(self, distribution: str) -> dict[int, Topic]:
        columns = {row[1] for row in self._database.execute("PRAGMA table_info(topics)")}
        optional = [name for name in (qos.KEY, "type_description_hash") if name in columns]
        selected = ", ".join(["id", "name", "type", "serialization_format", *optional])
        counts = self._counts()
        definitions = self._definitions()
        store = typestore(distribution or self._distribution())
        topics = {}
        for key, name, msgtype, encoding, *rest in self._database.execute(f"SELECT {selected} FROM topics"):
            noted = dict(zip(optional, rest, strict=True))
            metadata = {
                qos.KEY: noted.get(qos.KEY) or "",
                "topic_type_hash": noted.get("type_description_hash", ""),
            }
            metadata = {name: value for name, value in metadata.items() if value}
            schema = definitions.get(msgtype) or schema_of(msgtype, store)
            count = None if self.damage else counts.get(key, 0)
            topics[key] = Topic(name, schema, encoding, metadata, count)
        return topics

    def _counts(self) -> dict[int, int]:
        if self.damage:
            return {}
        return dict(
            self._database.execute("SELECT topic_id, COUNT(*) FROM messages GROUP BY topic_id").fetchall()
        )

    def _definitions(self) -> dict[str, Schema]:
        """Return the definitions that the file holds; none before Iron."""
        if not self._database.execute("PRAGMA table_info(message_definitions)").fetchall():
            return {}
        rows = self._database.execute(
            "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
        )
        return {name: Schema(name, encoding, text.encode()) for name, encoding, text in rows if text}

    def _distribution(self) -> str:
        if not self._database.execute("PRAGMA table_info(schema)").fetchall():
            return ""
        row = self._database.execute("SELECT ros_distro FROM schema").fetchone()
        return str(row[0]) if row else ""


def _open(path: Path) -> sqlite3.Connection:
    # A write-ahead log beside the file belongs to it; without one, nothing may be created there.
    wal = path.with_name(path.name + "-wal").exists()
    address = f"file:{quote(str(path.resolve()))}?{'mode=ro' if wal else 'immutable=1'}"
    try:
        return sqlite3.connect(address, uri=True)
    except sqlite3.Error as error:
        raise BagError(f"cannot open {path}: {error}") from error
