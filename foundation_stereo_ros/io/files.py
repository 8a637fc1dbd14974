# SPDX-License-Identifier: Apache-2.0
"""Files read whole, and files that are written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.outputs import check_output, new_beside


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        FileFormatError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}") from error


def read_text(path: Path) -> str:
    """Return what a text file holds (UTF-8).

    Raises:
        FileFormatError: it cannot be read, or is not text.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise FileFormatError(f"{path} is not a text file") from None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Do something to a file; where the system refuses, say so in one sentence.

    Raises:
        FileFormatError: the place cannot be written to.
    """
    try:
        yield
    except OSError as error:
        raise FileFormatError(f"cannot write {path}: {error.strerror or error}") from error


def append(path: Path, stream: RawIOBase, line: bytes) -> None:
    """Write a line to a file that is open without a buffer, so that it is there at once.

    Raises:
        FileFormatError: the disk is full, or the like.
    """
    with writing(path):
        # one call, of which a full disk may still take a part
        if stream.write(line) != len(line):
            raise OSError("no space left")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give an empty file beside another; it takes that one's name when the block ends, and is removed when it
    fails.

    Missing folders are made. The file gets the rights that new files get (umask), whoever writes it.

    Raises:
        FileFormatError: the file is an input, or the place cannot be written to.
    """
    check_output(path)
    with writing(path):
        unfinished = new_beside(path)
        try:
            rights = unfinished.stat().st_mode
            yield unfinished
            if unfinished.stat().st_mode != rights:
                unfinished.chmod(rights)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing; it appears under its name when the block ends, and not at all when it fails.

    Raises:
        FileFormatError: see `atomic_path`.
    """
    with atomic_path(path) as unfinished, unfinished.open("wb") as stream:
        yield stream


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as JSON.

    Raises:
        FileFormatError: the file cannot be written.
    """
    content = json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic_write(path) as stream:
        stream.write(content.encode("utf-8"))
