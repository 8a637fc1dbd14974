# SPDX-License-Identifier: Apache-2.0
"""Blocks and files that grow out of all proportion are refused before they are there."""

from __future__ import annotations

import bz2
import io
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.limits import DEFAULT_MEGAPIXELS, allow, limits
from foundation_stereo_ros.ros.bags.compression import DamagedBlockError, unpack_file, unpacked


def streamed(data: bytes) -> bytes:
    """Zstandard that does not say how large it will be."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(data) + packer.flush()


PACKERS = {
    "zstd": zstandard.compress,
    "zstd streamed": streamed,
    "lz4": lz4.frame.compress,
    "bz2": bz2.compress,
    "": bytes,
}


@pytest.fixture(autouse=True)
def _limits() -> Iterator[None]:
    yield
    allow(DEFAULT_MEGAPIXELS)


@settings(deadline=None)
@given(st.binary(max_size=5000), st.sampled_from(sorted(PACKERS)))
def test_blocks_come_back(data: bytes, kind: str) -> None:
    assert unpacked(kind.partition(" ")[0], PACKERS[kind](data)) == data


@pytest.mark.parametrize("kind", ["zstd", "zstd streamed", "lz4", "bz2"])
def test_a_block_stops_at_the_limit(kind: str) -> None:
    allow(1)
    size = limits().block_bytes
    name = kind.partition(" ")[0]
    assert len(unpacked(name, PACKERS[kind](bytes(size)))) == size
    with pytest.raises(BagError, match="grows to more than 8,000,000 bytes"):
        unpacked(name, PACKERS[kind](bytes(size + 1)))


@pytest.mark.parametrize("kind", ["zstd", "lz4", "bz2"])
@pytest.mark.parametrize(
    "damage", [lambda d: d[: len(d) // 2], lambda d: b"", lambda d: b"x" + d, bytes.swapcase]
)
def test_damage_is_told(kind: str, damage) -> None:
    data = damage(PACKERS[kind](bytes(range(256)) * 99))
    with pytest.raises(DamagedBlockError, match=kind):
        unpacked(kind, data)


def test_an_unknown_compression_is_told() -> None:
    with pytest.raises(DamagedBlockError, match="unknown compression 'xz'"):
        unpacked("xz", b"")


def test_a_file_may_not_grow_out_of_proportion(tmp_path: Path) -> None:
    allow(1)
    data = streamed(bytes(30_000_000))
    target = io.BytesIO()
    with pytest.raises(BagError, match=rf"its {len(data):,} bytes grow to more than"):
        unpack_file(io.BytesIO(data), target, tmp_path, len(data))
    assert target.tell() < 12_000_000


def test_a_file_may_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1 << 20))
    with pytest.raises(BagError, match="has no room"):
        unpack_file(io.BytesIO(streamed(b"x")), io.BytesIO(), tmp_path, 1)
