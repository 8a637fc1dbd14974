# SPDX-License-Identifier: Apache-2.0
"""Files read whole after a look at what they are, and files that are written whole or not at all."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from foundation_stereo_ros.errors import FileFormatError, FoundationStereoError
from foundation_stereo_ros.io.outputs import check_output, new_beside
from foundation_stereo_ros.limits import SETTING, limits

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = (b"<!doctype html", b"<html", b"<head")


def check_input(
    path: Path,
    error: type[FoundationStereoError] = FileFormatError,
    most: int | None = None,
    *,
    may_be_empty: bool = False,
) -> None:
    """Refuse what is no regular file, before it is opened: a pipe or a device may never end, or never begin.

    A file that another program put in the place of the wanted one is called what it is.

    Args:
        path: of an input.
        error: class of what is raised.
        most: bytes that it may have.
        may_be_empty: accept a file without any bytes.

    Raises:
        FoundationStereoError: of the class ``error``.
    """
    try:
        found = path.stat()
        kind = next((name for test, name in _KINDS if test(found.st_mode)), None)
        if kind:
            raise error(f"{path} is {kind}; expected a file")
        with path.open("rb") as stream:
            head = stream.read(512).lstrip()
    except (OSError, ValueError) as reason:  # ValueError: a NUL in the name
        raise error(f"cannot read {path}: {getattr(reason, 'strerror', None) or reason}") from None
    if most is not None and found.st_size > most:
        raise error(f"{path} has {found.st_size:,} bytes; expected at most {most:,}", remedy=SETTING)
    if head.startswith(_LFS):
        raise error(
            f"{path} is a pointer of Git LFS, not the file itself; expected `git lfs pull` to fetch it"
        )
    if head[:20].lower().startswith(_HTML) and b"\0" not in head:
        raise error(f"{path} is a web page; expected the file that it leads to")
    if not found.st_size and not may_be_empty:
        raise error(f"{path} is empty")


def read_bytes(path: Path, most: int | None = None, *, may_be_empty: bool = False) -> bytes:
    """Return what a file holds.

    Args:
        path: of the file.
        most: bytes that it may have; None: as `limits` says of a block.
        may_be_empty: accept a file without any bytes.

    Raises:
        FileFormatError: it cannot be read, is empty or too large, or no file.
    """
    check_input(path, most=limits().block_bytes if most is None else most, may_be_empty=may_be_empty)
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}") from error


def read_text(path: Path) -> str:
    """Return what a text file holds (UTF-8).

    Raises:
        FileFormatError: it cannot be read, is empty or too large, or is not text.
    """
    try:
        return read_bytes(path, limits().text_bytes).decode("utf-8")
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
