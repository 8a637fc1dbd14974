# SPDX-License-Identifier: Apache-2.0
"""Decompression that stops where memory, or the disk, would be taken for a few bytes of input."""

from __future__ import annotations

import bz2
import shutil
from pathlib import Path
from typing import IO

import lz4.frame
import zstandard

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.limits import SETTING, limits

_STEP = 1 << 20
_PIECE = 1 << 12
_RATIO = 1000  # a whole file may grow so much; recorded images shrink to a tenth at best
_SPARE = 1 << 30  # bytes of the disk that are left to others


class DamagedBlockError(Exception):
    """A compressed block that is cut, or is not what it says."""


def unpacked(kind: str, data: bytes) -> bytes:
    """Decompress one block, as a chunk or a message.

    Args:
        kind: ``zstd``, ``lz4`` (its frame format), ``bz2``, or empty or ``none`` for bytes as they are.
        data: the block.

    Raises:
        DamagedBlockError: it is damaged, cut, or of another kind.
        BagError: it would be larger than a block may be.
    """
    most = limits().block_bytes
    if kind in ("", "none"):
        return data
    try:
        if kind == "zstd":
            result = _from_zstd(data, most)
        elif kind in ("lz4", "bz2"):
            decoder = lz4.frame.LZ4FrameDecompressor() if kind == "lz4" else bz2.BZ2Decompressor()
            result = decoder.decompress(data, max_length=most + 1)
            if len(result) <= most and not decoder.eof:
                raise DamagedBlockError(f"a block of {kind} is cut")
        else:
            raise DamagedBlockError(f"unknown compression {kind!r}")
    except (zstandard.ZstdError, RuntimeError, OSError, ValueError, EOFError) as error:
        raise DamagedBlockError(f"a block of {kind} is damaged") from error
    except MemoryError:
        result = None
    if result is None or len(result) > most:
        raise BagError(
            f"a block of {len(data):,} bytes ({kind}) grows to more than {most:,} bytes", remedy=SETTING
        )
    return bytes(result)


def _from_zstd(data: bytes, most: int) -> bytes | None:
    """Return the first frame's content; None: it is larger than ``most``."""
    size = zstandard.frame_content_size(data)
    if size > most:
        return None
    if size >= 0:
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    pieces, total = [], 0
    for piece in zstandard.ZstdDecompressor().read_to_iter(data):
        pieces.append(piece)
        total += len(piece)
        if total > most:
            return None
    return b"".join(pieces)


def unpack_file(source: IO[bytes], target: IO[bytes], folder: Path, size: int) -> bool:
    """Decompress a file (zstd) to the disk, as far as it goes.

    Args:
        source: of ``size`` bytes.
        target: is written to.
        folder: on the disk that it is written to.
        size: of the source.

    Returns:
        Whether it has its end.

    Raises:
        BagError: the result would fill the disk, or is out of all proportion.
        zstandard.ZstdError: the file is damaged.
    """
    written = checked = 0
    frame = zstandard.ZstdDecompressor().decompressobj()
    # Another frame may follow the end of one. A piece of input is small, so that what comes of it is, too.
    while packed := frame.unused_data or source.read(_PIECE):
        frame = zstandard.ZstdDecompressor().decompressobj() if frame.eof else frame
        piece = frame.decompress(packed)
        if written >= checked:
            checked += 64 * _STEP
            if shutil.disk_usage(folder).free < _SPARE + 64 * _STEP:
                raise BagError(f"the disk of {folder} has no room for what comes out of it")
        written += len(piece)
        if written > max(_RATIO * size, limits().block_bytes):
            raise BagError(f"its {size:,} bytes grow to more than {written:,}", remedy=SETTING)
        target.write(piece)
    return frame.eof
