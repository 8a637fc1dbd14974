# SPDX-License-Identifier: Apache-2.0
"""Sizes in the headers of images, against what they decode to; and headers that ask for too much."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.image_size import image_size, too_large
from foundation_stereo_ros.io.pictures import read_pixels
from foundation_stereo_ros.limits import DEFAULT_MEGAPIXELS, allow

FORMS = {
    ".png": [],
    ".jpg": [],
    ".jpeg": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    ".tiff": [cv2.IMWRITE_TIFF_COMPRESSION, 1],
    ".bmp": [],
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, 80],
    ".jp2": [],
    ".ppm": [],
    ".ras": [],
}


@pytest.fixture(autouse=True)
def _limits() -> Iterator[None]:
    yield
    allow(DEFAULT_MEGAPIXELS)


def encoded(suffix: str, image: np.ndarray, options: list[int] | None = None) -> bytes:
    done, data = cv2.imencode(suffix, image, FORMS[suffix] if options is None else options)
    if not done:
        pytest.skip(f"this OpenCV writes no {suffix}")
    return data.tobytes()


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (301, 8), (257, 129)])
def test_the_header_says_what_is_decoded(suffix: str, shape: tuple[int, int]) -> None:
    data = encoded(suffix, np.random.default_rng(3).integers(0, 256, (*shape, 3)).astype(np.uint8))
    size = image_size(memoryview(data))
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert size is not None
    assert (size.height, size.width) == shape == decoded.shape[:2]
    assert size.height * size.width * size.pixel_bytes >= decoded.nbytes


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jp2", ".pgm"])
def test_deep_values_count_double(suffix: str) -> None:
    data = encoded(suffix, np.full((5, 9), 40_000, np.uint16), [])
    size = image_size(memoryview(data))
    assert size is not None
    assert (size.height, size.width) == (5, 9)
    assert size.pixel_bytes >= 2


def test_float_maps_are_measured() -> None:
    assert image_size(memoryview(b"PF\n# made by\n600 20\n-1.0\n")) == (20, 600, 12)


def jpeg_of(height: int, width: int) -> bytes:
    """A JPEG that claims a size, with a thumbnail of another one before it."""
    data = encoded(".jpg", np.zeros((48, 64, 3), np.uint8))
    at = data.index(b"\xff\xc0")
    decoy = b"\xff\xe1\x00\x13" + data[at : at + 17]
    return data[:2] + decoy + data[2 : at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


@pytest.mark.parametrize(("height", "width"), [(65_500, 65_500), (8001, 8001), (48, 64)])
def test_a_thumbnail_does_not_hide_the_size(height: int, width: int) -> None:
    size = image_size(memoryview(jpeg_of(height, width)))
    assert size == (height, width, 3)
    assert bool(too_large(size)) == (height > 48)


def test_more_than_the_limit_is_refused_and_can_be_allowed(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    cv2.imwrite(str(path), np.zeros((1100, 1000), np.uint8))
    allow(1)
    with pytest.raises(
        FileFormatError, match="has 1000 x 1100 pixels; expected at most 1 million"
    ) as refused:
        read_pixels(path)
    assert refused.value.told(lambda name, value: f"--{name} {value}").endswith("(--max_megapixels )")
    allow(2)
    assert read_pixels(path).shape == (1100, 1000)


def test_many_bytes_for_a_pixel_count(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), np.zeros((900, 1000, 4), np.uint16))
    allow(1)
    with pytest.raises(FileFormatError, match="pixels of 8 bytes; expected at most 4 million bytes"):
        read_pixels(path)


def test_scans_without_end_are_not_waited_for(tmp_path: Path) -> None:
    data = encoded(".jpeg", np.zeros((48, 64, 3), np.uint8))
    at, scan = data.index(b"\xff\xc2"), data[data.rindex(b"\xff\xda") : -2]
    assert read_pixels(written(tmp_path, data[:-2] + scan * 500 + data[-2:])).shape == (48, 64, 3)
    large = data[: at + 5] + struct.pack(">HH", 6000, 6000) + data[at + 9 : -2]
    with pytest.raises(FileFormatError, match=r"a\.jpg is not an image that can be read"):
        read_pixels(written(tmp_path, large + scan * 500 + data[-2:]))


def written(folder: Path, data: bytes) -> Path:
    (folder / "a.jpg").write_bytes(data)
    return folder / "a.jpg"


def test_a_chunk_of_gigabytes_is_not_waited_for(tmp_path: Path) -> None:
    data = encoded(".png", np.zeros((48, 64), np.uint8))
    at = data.index(b"IDAT") - 4
    (tmp_path / "a.png").write_bytes(data[:at] + b"\xff\x00\x00\x00" + data[at + 4 :])
    with pytest.raises(FileFormatError, match=r"a\.png is not an image that can be read"):
        read_pixels(tmp_path / "a.png")


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jpg"
    path.write_bytes(jpeg_of(65_500, 65_500))
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from foundation_stereo_ros.io.pictures import read_pixels\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: read_pixels(Path(sys.argv[1]))\n"
        "except ValueError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    sentence, kibibytes = said.stdout.splitlines()
    assert sentence == f"{path} has 65500 x 65500 pixels; expected at most 64 million"
    assert int(kibibytes) < 20_000


@pytest.mark.parametrize(
    "data", [b"II*\0\x08\0\0\0\0\0", b"P7\nWIDTH 5\nENDHDR\n", b"RIFF    WEBPVP8?" + bytes(40)]
)
def test_a_header_without_a_size_is_no_image(data: bytes) -> None:
    assert image_size(memoryview(data)) is None


@pytest.mark.parametrize("cut", range(0, 60, 7))
@pytest.mark.parametrize("suffix", FORMS)
def test_a_cut_header_is_no_image(suffix: str, cut: int) -> None:
    data = encoded(suffix, np.zeros((40, 50, 3), np.uint8))[:cut]
    size = image_size(memoryview(data))
    assert size is None or size[:2] == (40, 50)
