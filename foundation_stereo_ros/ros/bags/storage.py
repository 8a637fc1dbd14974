# SPDX-License-Identifier: Apache-2.0
"""What recordings of every kind have in common: which files they are made of, and what is read from each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from foundation_stereo_ros.errors import BagError, FileFormatError
from foundation_stereo_ros.io.documents import read_yaml
from foundation_stereo_ros.ros.messages.cdr import deserialize, store_of
from foundation_stereo_ros.ros.messages.topics import Topic

SUFFIXES = (".mcap", ".db3", ".bag")


class RecordedMessage(NamedTuple):
    """A message as it is in the recording; times in nanoseconds."""

    topic: Topic
    log_time: int
    publish_time: int
    sequence: int
    data: bytes


class Storage(Protocol):
    """What the readers of the three kinds of files have in common; see McapFile."""

    damage: str
    start_ns: int
    end_ns: int

    @property
    def topics(self) -> dict[int, Topic]:
        """Topics by the file's own numbers."""

    def messages(
        self, names: Collection[str] | None = None, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[RecordedMessage]:
        """Yield messages in the order of their log times."""

    def close(self) -> None:
        """Close the file."""


def decode(message: RecordedMessage) -> Any:
    """Return the message object with the fields of its ROS type; images' ``data`` are uint8 arrays.

    The recording's own definition of the type is used; where it has none, that of Humble.

    Raises:
        BagError: the bytes are not a message of this type.
    """
    topic = message.topic
    return deserialize(message.data, topic.msgtype, topic.name, store_of(topic.schema))


@dataclass
class RecordingFiles:
    """The files of a recording in their order; each may end in .zstd as well.

    ``distribution`` is the ROS distribution if it is noted, ``missing`` says which listed files are gone.
    """

    paths: list[Path]
    distribution: str = ""
    missing: str = ""
    notices: list[str] = field(default_factory=list)


def find_files(path: Path) -> RecordingFiles:
    """Find the files: the path itself, those that a folder's metadata.yaml lists, or all in the folder.

    Raises:
        BagError: there is nothing at this path.
    """
    try:
        exists, is_folder = path.exists(), path.is_dir()
    except OSError as error:
        raise BagError(f"cannot open {path}: {error.strerror or error}") from None
    if not exists:
        raise BagError(f"no recording at {path}: there is no such file or folder")
    if not is_folder:
        return RecordingFiles([path])
    found = _listed(path)
    present = [file for file in found.paths if file.exists()]
    if len(present) < len(found.paths):
        found.missing = "missing: " + ", ".join(file.name for file in found.paths if file not in present)
    # A recorder that was killed leaves no metadata.yaml.
    found.paths = present or sorted(
        (file for file in path.iterdir() if _kind(file) in SUFFIXES), key=_natural
    )
    return found


def holds_recording(path: Path) -> bool:
    """Tell whether a path is meant as a recording: a file, a folder with some of it, or by its ending."""
    if path.is_dir():
        return bool(find_files(path).paths)
    return path.exists() or _kind(path) in SUFFIXES


def _listed(folder: Path) -> RecordingFiles:
    path = folder / "metadata.yaml"
    if not path.is_file():
        return RecordingFiles([])
    try:
        information = read_yaml(path)["rosbag2_bagfile_information"]
        # Recorders before Galactic wrote the path with the folder's name.
        paths = [folder / Path(name).name for name in information["relative_file_paths"]]
        return RecordingFiles(paths, str(information.get("ros_distro") or ""))
    except (FileFormatError, ValueError, KeyError, TypeError, AttributeError):
        notice = f"{path} cannot be read; taking the files in the order of their names"
        return RecordingFiles([], notices=[notice])


def _kind(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix == ".zstd" else path.suffix


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts bag_2 before bag_10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", path.name)]
