# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.pictures import read_pair, read_rgb

RGB = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("RGB", "png"), ("RGBA", "png"), ("P", "png"), ("RGB", "tiff"), ("RGB", "ppm"), ("P", "bmp")],
)
def test_colours_keep_their_order_in_every_layout(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    image = Image.fromarray(RGB)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    if mode == "RGBA":
        image.putalpha(128)
    image.save(path)
    np.testing.assert_array_equal(read_rgb(path), RGB)


@pytest.mark.parametrize(("mode", "suffix"), [("L", "png"), ("L", "pgm"), ("LA", "png"), ("1", "png")])
def test_grey_becomes_three_equal_channels(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    grey = np.array([[0, 255], [255, 0]] if mode == "1" else [[0, 77], [128, 255]], np.uint8)
    Image.fromarray(grey).convert(mode).save(path)
    np.testing.assert_array_equal(read_rgb(path), np.stack([grey] * 3, axis=-1))


def test_sixteen_bits_are_reduced_to_eight(tmp_path: Path) -> None:
    values = np.array([[0, 257 * 100, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / "grey.png"), values)
    np.testing.assert_array_equal(read_rgb(tmp_path / "grey.png")[0, :, 0], [0, 100, 255])
    cv2.imwrite(str(tmp_path / "colour.png"), RGB[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_rgb(tmp_path / "colour.png"), RGB)


@pytest.mark.parametrize(
    ("bits", "brightest"), [(8, 255), (10, 1023), (12, 4095), (12, 1024), (14, 4096), (16, 40000)]
)
def test_a_pair_of_fewer_bits_is_stretched_by_one_factor(tmp_path: Path, bits: int, brightest: int) -> None:
    paths = tmp_path / "left.png", tmp_path / "right.png"
    for path, value in zip(paths, (brightest, brightest // 2), strict=True):
        cv2.imwrite(str(path), np.full((2, 3), value, np.uint16))
    left, right = read_pair(*paths)
    full = 2**bits - 1
    assert left[0, 0, 0] == pytest.approx(brightest * 255 / full, abs=0.6)
    assert right[0, 0, 0] == pytest.approx(brightest // 2 * 255 / full, abs=0.6)


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"cannot read .*none\.png: No such file"):
        read_rgb(tmp_path / "none.png")
    for content, words in ((b"", "empty"), (b"no image at all", "not an image")):
        (tmp_path / "text.png").write_bytes(content)
        with pytest.raises(FileFormatError, match=rf"text\.png is {words}"):
            read_rgb(tmp_path / "text.png")
    cv2.imwrite(str(tmp_path / "float.tiff"), np.ones((2, 2), np.float32))
    with pytest.raises(FileFormatError, match="holds float32 pixels; expected 8 or 16 bit"):
        read_rgb(tmp_path / "float.tiff")


def test_names_may_hold_any_letters(tmp_path: Path) -> None:
    path = tmp_path / "Höhle 左.png"
    Image.fromarray(RGB).save(path)
    np.testing.assert_array_equal(read_rgb(path), RGB)
