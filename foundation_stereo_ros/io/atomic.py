# SPDX-License-Identifier: Apache-2.0
"""Files that are either whole or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from foundation_stereo_ros.errors import FileFormatError


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
