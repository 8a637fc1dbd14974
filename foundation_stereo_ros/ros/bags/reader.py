# SPDX-License-Identifier: Apache-2.0
"""Any recording, a file or a folder of files, as one stream of messages."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import zstandard

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.io.files import check_input
from foundation_stereo_ros.ros.bags.compression import DamagedBlockError, unpack_file, unpacked
from foundation_stereo_ros.ros.bags.mcap_file import McapFile
from foundation_stereo_ros.ros.bags.ros1_file import Ros1File
from foundation_stereo_ros.ros.bags.sqlite_file import SqliteFile
from foundation_stereo_ros.ros.bags.storage import SUFFIXES, RecordedMessage, Storage, decode, find_files
from foundation_stereo_ros.ros.messages.topics import Topic

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_PIECE = 1 << 20


class Recording:
    """A recording opened for reading: an .mcap, .db3 or .bag file (also with .zstd), or a rosbag2 folder.

    Nothing is held in memory but the message at hand, the chunk that it is in, and the index. Use it as a
    context manager.

    Attributes:
        files: what it is made of.
        topics: one for each name and type, in the order of the names, over all files.
        notices: what the user should know that is no damage.

    Raises:
        BagError: there is no recording at this path, or nothing of it can be read.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.notices: list[str] = []
        self.files: list[Path] = []
        self._missing = ""
        self._files: list[Storage] = []
        self._cleanup = ExitStack()
        try:
            self._open()
        except BaseException:
            self._cleanup.close()
            raise
        self._merged = _merge(topic for file in self._files for topic in file.topics.values())
        self.topics = tuple(sorted(self._merged.values(), key=lambda topic: topic.name))
        if not self.topics and self.damage:
            self.close()
            raise BagError(f"{self.damage}; no topic and no message before that can be read")

    @property
    def start_ns(self) -> int:
        """Log time of the first message; 0 where it is not known before reading."""
        return min((file.start_ns for file in self._files if file.start_ns), default=0)

    @property
    def end_ns(self) -> int:
        """Log time of the last message; 0 where it is not known before reading."""
        return max((file.end_ns for file in self._files), default=0)

    @property
    def damage(self) -> str:
        """What is damaged or missing, as far as it was read by now; empty when all is well."""
        return "; ".join(text for text in [self._missing, *(file.damage for file in self._files)] if text)

    def messages(
        self, topics: Collection[str] | None = None, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[RecordedMessage]:
        """Yield the messages of some topics (None: all) with start <= log time < stop, file after file."""
        for file in self._files:
            for message in file.messages(topics, start_ns, stop_ns):
                # rosbag2 can compress each message by itself; CDR never begins like that.
                data = _unpacked(message.data) if message.data[:4] == _ZSTD_MAGIC else message.data
                yield message._replace(topic=self._merged[_key(message.topic)], data=data)

    def takes(self, path: Path) -> bool:
        """Return whether a new file would be a part of it, as in a folder without a list of its files."""
        folder = self.path.is_dir() and not (self.path / "metadata.yaml").exists()
        return folder and path.parent.is_dir() and path.parent.samefile(self.path)

    def close(self) -> None:
        """Close all files and remove what was unpacked."""
        self._cleanup.close()

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        found = find_files(self.path)
        self._missing = found.missing
        self.files = [*found.paths, self.path / "metadata.yaml"] if self.path.is_dir() else found.paths
        self.notices += found.notices
        for path in found.paths:
            try:
                check_input(path, BagError)
                file = self._open_file(path, found.distribution)
            except BagError as error:
                if len(found.paths) == 1:
                    raise
                self._missing = str(error)
                continue
            self._cleanup.callback(file.close)
            self._files.append(file)
            self.notices += getattr(file, "notices", [])
        if not self._files:
            raise BagError(
                self._missing or f"no recording at {self.path}; expected {', '.join(SUFFIXES)} files"
            )

    def _open_file(self, path: Path, distribution: str) -> Storage:
        if path.suffix != ".zstd":
            return _open_plain(path, distribution, path)
        plain, complete = _decompressed(path, Path(self._cleanup.enter_context(TemporaryDirectory())))
        cut = f"{path.name} breaks off: the end of its compressed data is missing"
        try:
            file = _open_plain(plain, distribution, path)
        except BagError as error:
            raise error if complete else BagError(f"{cut}; nothing before that can be read") from error
        if not complete and not file.damage:
            self._missing = cut
        return file


class DecodedMessage(NamedTuple):
    """A message of a recording as an object with the fields of its ROS type; time in nanoseconds."""

    topic: str
    message: Any
    log_time: int


def read_messages(path: Path | str, topics: Collection[str] | None = None) -> Iterator[DecodedMessage]:
    """Yield the messages of some topics (None: all), decoded.

    Raises:
        BagError: the recording cannot be opened, or a message is damaged.
    """
    with Recording(path) as recording:
        for message in recording.messages(topics):
            yield DecodedMessage(message.topic.name, decode(message), message.log_time)


def _open_plain(path: Path, distribution: str, shown: Path) -> Storage:
    kind = path.suffix
    if kind not in SUFFIXES:
        raise BagError(
            f"{shown} is not a recording by its name; expected one of {', '.join(SUFFIXES)} or a folder"
        )
    try:
        if kind == ".mcap":
            return McapFile(path, shown)
        return SqliteFile(path, distribution, shown) if kind == ".db3" else Ros1File(path, shown)
    except OSError as error:
        raise BagError(f"cannot open {shown}: {error.strerror or error}") from error


def _decompressed(path: Path, folder: Path) -> tuple[Path, bool]:
    """Unpack a file as far as it goes; return where, and whether it has its end."""
    target = folder / path.stem
    try:
        with path.open("rb") as source, target.open("wb") as unpacked:
            complete = unpack_file(source, unpacked, folder, path.stat().st_size)
    except (zstandard.ZstdError, OSError, BagError) as error:
        raise BagError(f"cannot decompress {path}: {error}") from error
    return target, complete


def _unpacked(data: bytes) -> bytes:
    try:
        return unpacked("zstd", data)
    except (DamagedBlockError, BagError):
        return data


def _key(topic: Topic) -> tuple[str, str, str]:
    return topic.name, topic.msgtype, topic.encoding


def _merge(topics: Iterator[Topic]) -> dict[tuple[str, str, str], Topic]:
    merged: dict[tuple[str, str, str], Topic] = {}
    for topic in topics:
        same = merged.setdefault(_key(topic), topic)
        if same is not topic:
            known = same.count is not None and topic.count is not None
            count = (same.count or 0) + (topic.count or 0) if known else None
            merged[_key(topic)] = Topic(same.name, same.schema, same.encoding, same.metadata, count)
    return merged
