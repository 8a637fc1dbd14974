# SPDX-License-Identifier: Apache-2.0
"""Files read whole, and files that are written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from foundation_stereo_ros.errors import FileFormatError


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
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing; it appears under its name when the block ends, and not at all when it fails.

    Missing folders are made.

    Raises:
        FileFormatError: the place cannot be written to.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as stream:
            yield stream
        unfinished.replace(path)
    except OSError as error:
        raise FileFormatError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as JSON.

    Raises:
        FileFormatError: the file cannot be written.
    """
    content = json.dumps(values, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with atomic_write(path) as stream:
        stream.write(content.encode("utf-8"))
