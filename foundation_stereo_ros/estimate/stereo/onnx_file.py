# SPDX-License-Identifier: Apache-2.0
"""Which other files an ONNX model would read: tensors may lie outside of it, under any path.

Only these paths are looked for, by walking the file's Protocol Buffers: the tensors themselves are skipped.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.io.files import check_input

# Field number -> message inside, of onnx.proto, as far as it leads to a tensor's entries.
_ENTRY: dict[int, Any] = {}
_TENSOR: dict[int, Any] = {13: _ENTRY}
_SPARSE = {1: _TENSOR, 2: _TENSOR}
_GRAPH: dict[int, Any] = {5: _TENSOR, 15: _SPARSE}
_ATTRIBUTE = {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE}
_NODE = {5: _ATTRIBUTE}
_GRAPH[1] = _NODE
_FUNCTION = {7: _NODE, 11: _ATTRIBUTE}
_MODEL = {7: _GRAPH, 20: {1: _GRAPH, 2: _GRAPH}, 25: _FUNCTION}
_DEEPEST = 50


class _DamagedError(Exception):
    """The bytes are no Protocol Buffers."""


def check_onnx_file(path: Path) -> None:
    """Refuse a model that is none, or that would read files other than plain ones in its own folder.

    Raises:
        CheckpointError: says which.
    """
    check_input(path, CheckpointError)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            names = set(_locations(data, 0, len(data), _MODEL, 0))
        except (_DamagedError, IndexError):
            raise CheckpointError(f"{path} is damaged or no ONNX model") from None
    for name in sorted(names):
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise CheckpointError(
                f"{path} is refused: it would read {name!r}; expected files in its own folder"
            )
        check_input(path.parent / name, CheckpointError)


def _locations(data: mmap.mmap, at: int, end: int, known: Mapping[int, Any], depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise _DamagedError
    texts: dict[int, bytes] = {}
    while at < end:
        tag, at = _number(data, at, end)
        kind, field = tag & 7, tag >> 3
        if kind == 0:
            _, at = _number(data, at, end)
            continue
        if kind == 2:
            size, at = _number(data, at, end)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise _DamagedError
        if size > end - at:
            raise _DamagedError
        if known is _ENTRY and kind == 2 and field in (1, 2):
            texts[field] = data[at : at + min(size, 4096)]
        elif kind == 2 and field in known:
            yield from _locations(data, at, at + size, known[field], depth + 1)
        at += size
    if texts.get(1) == b"location":
        yield texts.get(2, b"").decode("utf-8", "surrogateescape")


def _number(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise _DamagedError
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _DamagedError
