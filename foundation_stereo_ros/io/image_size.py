# SPDX-License-Identifier: Apache-2.0
"""How large a compressed image will be, read from its header: a few hundred bytes may ask for gigabytes.

OpenCV takes the memory first and looks at the data then. So whatever it is given is measured here, and a
format that is not known here is not decoded.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from foundation_stereo_ros.limits import SETTING, limits

KNOWN = "PNG, JPEG, TIFF, PGM, PPM, BMP, WebP, JPEG 2000, GIF, Sun raster"
"""Formats that are decoded, for errors."""

_REMEDY = {"remedy": SETTING}
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG: start of a frame, of any coding
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_MOST_SCANS = 10  # of the largest image, which is what encoders write; smaller ones may have more
_TIFF_SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_NETPBM = re.compile(rb"P[1-7fF]")
_NETPBM_TOKEN = re.compile(rb"(?:\s|#[^\n]*\n)*([^\s#]+)")


class ImageSize(NamedTuple):
    """Rows, columns, and bytes of a pixel, of what an image decodes to."""

    height: int
    width: int
    pixel_bytes: int


def image_size(data: memoryview) -> ImageSize | None:
    """Return the size that a compressed image names; None: of no known format, or cut in its header."""
    for magic, measure in _FORMATS:
        if magic.match(data):
            try:
                return measure(data)
            except (struct.error, ValueError, LookupError):
                return None
    return None


def too_large(size: ImageSize) -> str:
    """Return what is wrong with a size; empty where it is within the limits."""
    most = limits()
    if size.height * size.width > most.pixels:
        return f"has {size.width} x {size.height} pixels; expected at most {most.megapixels} million"
    if size.height * size.width * size.pixel_bytes > most.decoded_bytes:
        return (
            f"has {size.width} x {size.height} pixels of {size.pixel_bytes} bytes; expected at most"
            f" {most.decoded_bytes // 10**6} million bytes"
        )
    return ""


def _png(data: memoryview) -> ImageSize:
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    channels = {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}.get(colour, 4)
    at, most = 8, limits().decoded_bytes
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if length > most:  # the decoder takes so much for a chunk before it looks for its end
            raise ValueError(f"a chunk of {length} bytes")
        at += 12 + length
    return ImageSize(height, width, channels * (2 if depth == 16 else 1))


def _jpeg(data: memoryview) -> ImageSize:
    at = 2
    while True:
        # As the decoder does: what lies between two markers is skipped.
        at = _find(data, b"\xff", at)
        while data[at] == 0xFF:
            at += 1
        marker, at = data[at], at + 1
        if marker in _FRAMES:
            depth, height, width, channels = struct.unpack_from(">BHHB", data, at + 2)
            if marker in _PROGRESSIVE:
                # Each scan goes over all pixels, though it may have a few bytes.
                scans = bytes(data).count(b"\xff\xda")
                if scans * height * width > _MOST_SCANS * limits().pixels:
                    raise ValueError(f"{scans} scans")
            return ImageSize(height, width, channels * (1 if depth <= 8 else 2))
        if marker not in (0x00, 0x01, *range(0xD0, 0xD9)):
            at += max(2, struct.unpack_from(">H", data, at)[0])


def _tiff(data: memoryview) -> ImageSize:
    order = "<" if bytes(data[:2]) == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    at += 8 if big else 2
    tags: dict[int, int] = {}
    for _ in range(min(count, 4096)):
        tag, kind, number = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
        room, entry = (8, 20) if big else (4, 12)
        code = _TIFF_SIZES.get(kind)
        if code:
            place = at + entry - room
            if number * struct.calcsize(code) > room:
                (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, place)
            tags.setdefault(tag, struct.unpack_from(order + code, data, place)[0])
        at += entry
    width, height = tags[256], tags[257]
    # A tile, or a strip, is decoded whole, whatever the picture needs of it.
    tile = tags.get(322, 0) * tags.get(323, 0)
    rows = max(height, -(-tile // max(width, 1)))
    return ImageSize(rows, width, max(1, tags.get(258, 8) // 8) * max(tags.get(277, 1), 1))


def _bmp(data: memoryview) -> ImageSize:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return ImageSize(height, width, 4)
    width, height = struct.unpack_from("<ii", data, 18)
    return ImageSize(abs(height), abs(width), 4)


def _webp(data: memoryview) -> ImageSize:
    kind = bytes(data[12:16])
    if kind == b"VP8X":
        sides = [int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27)]
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        sides = [(bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1]
    elif kind == b"VP8 ":
        sides = [side & 0x3FFF for side in struct.unpack_from("<HH", data, 26)]
    else:
        raise ValueError(kind)
    return ImageSize(sides[1], sides[0], 4)


def _jpeg_2000(data: memoryview) -> ImageSize:
    largest = ImageSize(0, 0, 1)
    at = 0
    while (at := bytes(data).find(b"\xff\x4f\xff\x51", at)) >= 0:
        right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
        (channels,) = struct.unpack_from(">H", data, at + 40)
        # It is decoded to 4 bytes for each value of each channel, of which at most 4 count for the picture.
        found = ImageSize(
            max(bottom - top, 0), max(right - left, 0), max(1, channels) * (2 if channels <= 4 else 4)
        )
        largest = max(largest, found, key=lambda size: size.height * size.width * size.pixel_bytes)
        at += 4
    if not largest.height:
        raise ValueError("no size")
    return largest


def _gif(data: memoryview) -> ImageSize:
    width, height = struct.unpack_from("<HH", data, 6)
    return ImageSize(height, width, 4)


def _sun(data: memoryview) -> ImageSize:
    width, height = struct.unpack_from(">II", data, 4)
    return ImageSize(height, width, 4)


def _netpbm(data: memoryview) -> ImageSize:
    head = bytes(data[:4096])
    if head[:2] == b"P7":
        fields = dict(re.findall(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d{1,9})\s*$", head, re.MULTILINE))
        value_bytes = 1 if int(fields[b"MAXVAL"]) < 256 else 2
        return ImageSize(int(fields[b"HEIGHT"]), int(fields[b"WIDTH"]), int(fields[b"DEPTH"]) * value_bytes)
    at = 2
    words: list[bytes] = []
    while len(words) < (2 if head[1:2] in b"14" else 3):
        found = _NETPBM_TOKEN.match(head, at)
        if found is None or len(found[1]) > 32:
            raise ValueError("cut in its header")
        words.append(found[1])
        at = found.end()
    width, height = int(words[0]), int(words[1])
    if head[1:2] in b"fF":
        return ImageSize(height, width, 12 if head[1:2] == b"F" else 4)
    deep = head[1:2] not in b"14" and int(words[2]) > 255
    return ImageSize(height, width, (3 if head[1:2] in b"36" else 1) * (2 if deep else 1))


def _find(data: memoryview, wanted: bytes, start: int) -> int:
    at = start
    while at < len(data):
        block = bytes(data[at : at + 4096])
        found = block.find(wanted)
        if found >= 0:
            return at + found
        at += len(block)
    raise ValueError("no more markers")


_FORMATS: tuple[tuple[re.Pattern[bytes], Callable[[memoryview], ImageSize]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), _tiff),
    (_NETPBM, _netpbm),
    (re.compile(rb"BM"), _bmp),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), _jpeg_2000),
    (re.compile(rb"GIF8[79]a"), _gif),
    (re.compile(rb"\x59\xa6\x6a\x95"), _sun),
)
