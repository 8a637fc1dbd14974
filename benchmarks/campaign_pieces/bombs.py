# SPDX-License-Identifier: Apache-2.0
"""Files made on purpose: small ones that ask for gigabytes, some that never end, and what is no such file."""

from __future__ import annotations

import io
import os
import pickle
import socket
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
import torch
import zstandard
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter

_GIGA = 1 << 30
_SHORT = {
    "images": ".png",
    "pfm, npy, npz": ".npz",
    "yaml": ".yaml",
    "text lists": ".txt",
    "safetensors": ".safetensors",
}
_SUFFIXES = {**_SHORT, "pth": ".pth", "onnx": ".onnx", "mcap": ".mcap", "db3": ".db3", "ros1 bag": ".bag"}
_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n"


def write_bombs(folder: Path, good: dict[str, list[Path]]) -> list[tuple[str, Path]]:
    """Write them; return them with their kinds."""
    folder.mkdir()
    made = []
    for number, (kind, name, data) in enumerate(_contents(good)):
        place = folder / str(number)
        place.mkdir()
        (place / name).write_bytes(data)
        made.append((kind, place / name))
    return [*made, *_no_files(folder)]


def _contents(good: dict[str, list[Path]]) -> Iterator[tuple[str, str, bytes]]:
    for kind, suffix in _SUFFIXES.items():
        for data in (b"", _POINTER, _PAGE, bytes(5000), os.urandom(5000)):
            yield kind, "file" + suffix, data
    yield from (("images", *bomb) for bomb in _image_bombs(good["images"]))
    yield from (("pfm, npy, npz", *bomb) for bomb in _array_bombs())
    yield from (("yaml", f"{n}.yaml", text.encode()) for n, text in enumerate(_yaml_bombs()))
    yield from (("pth", "model_best_bp2.pth", data) for data in _pth_bombs())
    yield from (("safetensors", "a.safetensors", data) for data in _safetensors_bombs())
    yield from (("mcap", *bomb) for bomb in _mcap_bombs())
    yield "ros1 bag", "bomb.bag", _ros1_bomb(good["ros1 bag"])
    yield "onnx", "outside.onnx", _onnx_outside(good["onnx"])


def _png(width: int, height: int, depth: int, colour: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    pixels = packer.compress(bytes(1 << 20)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _image_bombs(good: list[Path]) -> Iterator[tuple[str, bytes]]:
    for width, height, depth, colour in (
        (60_000, 60_000, 8, 2),
        (30_000, 30_000, 16, 6),
        (8000, 7900, 16, 6),
        (10**6, 1, 8, 0),
    ):
        yield "bomb.png", _png(width, height, depth, colour)
    for path in good:
        data = path.read_bytes()
        if path.suffix == ".jpg":
            at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
            for height, width in ((65_500, 65_500), (8000, 8000), (0, 64)):
                yield path.name, data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]
            if data[at + 1] == 0xC2:
                start = data.rindex(b"\xff\xda")
                yield (
                    path.name,
                    data[: at + 5]
                    + struct.pack(">HH", 6000, 6000)
                    + data[at + 9 : -2]
                    + data[start:-2] * 500,
                )
            decoy = b"\xff\xe1\x00\x13" + data[at : at + 17]
            huge = data[: at + 5] + struct.pack(">HH", 65_500, 65_500) + data[at + 9 :]
            yield path.name, huge[:2] + decoy + huge[2:]
        if path.suffix == ".bmp":
            yield path.name, data[:18] + struct.pack("<ii", 40_000, -40_000) + data[26:]
        if path.suffix in (".pgm", ".ppm"):
            yield path.name, data.replace(b"64 48", b"60000 60000", 1)
            yield path.name, data.replace(b"64 48", b"#" + b"x" * 9000 + b"\n60000 60000", 1)
        if path.suffix == ".tiff":
            yield path.name, _tiff_sized(data, 50_000, 50_000)
    yield "float.pfm", b"PF\n30000 30000\n-1.0\n"


def _tiff_sized(data: bytes, width: int, height: int) -> bytes:
    changed = bytearray(data)
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag = struct.unpack_from("<H", data, entry)[0]
        if tag in (256, 257, 278):
            struct.pack_into("<HII", changed, entry + 2, 4, 1, width if tag == 256 else height)
    return bytes(changed)


def _array_bombs() -> Iterator[tuple[str, bytes]]:
    for shape in ((10**6, 10**6), (40_000, 40_000), (-5, 5), (10**18, 10**18)):
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
        yield "a.npy", head
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("disparity.npy", head + bytes(64 << 20))
        yield "a.npz", stream.getvalue()
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], object), allow_pickle=True)
    yield "pickled.npy", stream.getvalue()
    yield "a.pfm", b"Pf\n999999 999999\n-1\n"


def _yaml_bombs() -> Iterator[str]:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    yield laughs + "width: *a11\nheight: *a11\nk: *a11\n"
    yield laughs + "<<: *a11\n"
    for opened in ("[", "{a: ", "- ", "? "):
        yield opened * 100_000
    yield "width: " + "9" * 100_000
    yield "width: " + "1" + ":59" * 50_000
    yield "width: 2024-99-99\nheight: 0001-01-01T00:00:00-23:59\n"
    yield "k: &k [*k]\nwidth: *k\n"
    yield "width: 1\n" * 50_000
    yield "".join(f"a{n}: {n}\n" for n in range(200_000))
    yield "width: !!python/object/apply:os.system ['true']\n"
    yield "width: 64\nheight: 48\nk: " + "[" * 60 + "]" * 60
    yield '\x1b]0;title\x07: 1\nwidth: "\\e[31m"\n'
    yield "a: " + '"' + "\\n" * 10**6 + '"'


def _pth_bombs() -> Iterator[bytes]:
    stream = io.BytesIO()
    torch.save({"model": {"a": torch.zeros(10_000_000)}}, stream)
    packed = io.BytesIO()
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    yield packed.getvalue()
    small = io.BytesIO()
    torch.save({"model": {"a": torch.zeros(1).expand(10**12)}}, small)
    yield small.getvalue()
    nested: Any = ()
    for _ in range(60):
        nested = (nested, nested)
    yield pickle.dumps({"model": {}, "x": nested}, protocol=2)
    tupled = io.BytesIO()
    torch.save({"model": {}, "a": nested}, tupled)
    yield tupled.getvalue()
    # As a key it is hashed, which takes 2 ** 60 steps.
    yield b"\x80\x02}(" + b")" + b"".join(b"q%c(h%ch%ct" % (n, n, n) for n in range(60)) + b"K\x01u."
    yield b"cos\nsystem\n(S'true'\ntR."
    yield b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x85R."
    yield b"\x80\x02" + b"(" * 100_000 + b"."
    yield b"\x80\x02B" + struct.pack("<I", 0x7FFFFFFF) + b"x"


def _safetensors_bombs() -> Iterator[bytes]:
    def file(header: bytes, data: bytes = b"") -> bytes:
        return struct.pack("<Q", len(header)) + header + data

    yield struct.pack("<Q", 2**63) + b"{}"
    yield file(b"[" * 1_000_000)
    yield file(b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}')
    yield file(b'{"a":{"dtype":"F32","shape":[0,1000000000000],"data_offsets":[0,0]}}')
    for config in (b"{}", b'"' + b"x" * 10**6 + b'"', b"[" * 10**5, b'{"backbone": "hf-hub:nobody/nothing"}'):
        about = b'"format":"foundation_stereo_ros/1","config":' + _json_text(config)
        yield file(b'{"__metadata__":{' + about + b"}}")


def _json_text(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _zeros(size: int) -> Iterator[bytes]:
    for _ in range(size >> 20):
        yield bytes(1 << 20)


def _bomb(kind: str, size: int) -> bytes:
    if kind == "lz4":
        packer: Any = lz4.frame.LZ4FrameCompressor()
        return packer.begin() + b"".join(map(packer.compress, _zeros(size))) + packer.flush()
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    return b"".join(map(packer.compress, _zeros(size))) + packer.flush()


def _mcap_bombs() -> Iterator[tuple[str, bytes]]:
    for kind in ("zstd", "lz4"):
        block = _bomb(kind, _GIGA)
        for claimed in (_GIGA, 1000):
            chunk = struct.pack("<QQQII", 0, 1, claimed, 0, len(kind)) + kind.encode()
            chunk += struct.pack("<Q", len(block)) + block
            yield (
                "bomb.mcap",
                b"\x89MCAP0\r\n\x01"
                + struct.pack("<Q", 8)
                + bytes(8)
                + b"\x06"
                + struct.pack("<Q", len(chunk))
                + chunk,
            )
    yield "bomb.mcap.zstd", zstandard.compress(b"\x89MCAP0\r\n") + _bomb("zstd", _GIGA)
    line = "=" * 80
    for text in (
        f"a/A a\n{line}\nMSG: a/A\na/A a\n",
        "string[100000000] x\n",
        "uint8[4000000000] x\n",
        f"a/B[5000] b\n{line}\nMSG: a/B\na/C[5000] c\n{line}\nMSG: a/C\nstring[5000] s\n",
        "".join(f"a/T{n + 1} a\na/T{n + 1} b\n{line}\nMSG: a/T{n + 1}\n" for n in range(40)) + "uint8 x\n",
        "uint8 x\n" * 300_000,
    ):
        stream = io.BytesIO()
        writer = McapWriter(stream, compression=CompressionType.ZSTD)
        writer.start("ros2")
        for side in ("left", "right"):
            schema = writer.register_schema("sensor_msgs/msg/Image", "ros2msg", text.encode())
            channel = writer.register_channel(f"/\x1b[31m{side}/image_rect", "cdr", schema)
            for n in range(3):
                writer.add_message(channel, n + 1, b"\x00\x01\x00\x00" + bytes(64), n + 1)
        writer.finish()
        yield "definition.mcap", stream.getvalue()


def _ros1_bomb(good: list[Path]) -> bytes:
    data = next(path for path in good if path.stem == "lz4").read_bytes()
    # The chunk's data follow its header; theirs are replaced, and the rest of the file stays where it was.
    start = data.find(b"\x04\x22\x4d\x18", data.find(b"compression=lz4"))
    block = _bomb("lz4", _GIGA)
    size = int.from_bytes(data[start - 4 : start], "little")
    return data[:start] + block[:size].ljust(size, b"\0") + data[start + size :]


def _onnx_outside(good: list[Path]) -> bytes:
    data = next(path for path in good if path.stem == "model").read_bytes()
    return data.replace(b"model.data", b"../../a.txt"[:10])


def _no_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for kind, suffix in _SUFFIXES.items():
        name = kind.replace(" ", "_").replace(",", "")
        pipe, link, directory = (folder / f"{what}_{name}{suffix}" for what in ("pipe", "device", "folder"))
        os.mkfifo(pipe)
        link.symlink_to("/dev/zero")
        directory.mkdir()
        yield from ((kind, path) for path in (pipe, link, directory, folder / f"missing{suffix}"))
        here = os.open(folder, os.O_RDONLY)  # the address of a socket has 108 bytes at most
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(f"/proc/self/fd/{here}/socket{suffix}")
        os.close(here)
        yield kind, folder / f"socket{suffix}"
