# SPDX-License-Identifier: Apache-2.0
import array

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.compressed import decode_compressed

COLORS = np.array(((230, 20, 10), (15, 200, 30), (5, 25, 240)), np.uint8)
PICTURE = COLORS[None].repeat(16, axis=0).repeat(16, axis=1)


@pytest.fixture
def compressed(store, header, sent):
    def make(pixels: np.ndarray, suffix: str, text: str):
        data = cv2.imencode(suffix, pixels)[1]
        return sent(store.types["sensor_msgs/msg/CompressedImage"](header=header, format=text, data=data))

    return make


@pytest.mark.parametrize(
    "text",
    [
        "jpeg",
        "jpg",
        "bgr8; jpeg compressed bgr8",
        "rgb8; jpeg compressed bgr8",
        "rgb8; jpeg compressed",
        "JPEG",
    ],
)
def test_red_is_red_in_every_spelling_of_jpeg(compressed, text) -> None:
    found = decode_compressed(compressed(PICTURE[..., ::-1], ".jpg", text))
    assert found.shape == PICTURE.shape
    np.testing.assert_allclose(found[4:-4, 4::16].astype(int), PICTURE[4:-4, 4::16], atol=12)


@pytest.mark.parametrize("text", ["png", "rgb8; png compressed", "bgr8; png compressed bgr8"])
def test_png_is_exact(compressed, text) -> None:
    found = decode_compressed(compressed(PICTURE[..., ::-1], ".png", text))
    np.testing.assert_array_equal(found, PICTURE)
    assert (found.flags.c_contiguous, found.flags.writeable) == (True, True)


def test_alpha_is_dropped(compressed) -> None:
    pixels = np.dstack((PICTURE[..., ::-1], np.full(PICTURE.shape[:2], 7, np.uint8)))
    found = decode_compressed(compressed(pixels, ".png", "bgra8; png compressed bgra8"))
    np.testing.assert_array_equal(found, PICTURE)


def test_grey_and_sixteen_bits(compressed) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = np.repeat(grey[..., None], 3, axis=2)
    for pixels, text in (
        (grey, "mono8; png compressed mono8"),
        (grey.astype(np.uint16) * 257, "mono16; png compressed "),
    ):
        np.testing.assert_array_equal(decode_compressed(compressed(pixels, ".png", text)), expected)


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_mosaic_that_was_compressed_as_grey_gets_its_colours(compressed, pattern) -> None:
    rows, columns = np.indices(PICTURE.shape[:2])
    channel = np.array(["rgb".index(letter) for letter in pattern])[2 * (rows % 2) + columns % 2]
    mosaic = np.take_along_axis(PICTURE, channel[..., None], axis=2)[..., 0]
    found = decode_compressed(compressed(mosaic, ".png", f"bayer_{pattern}8; png compressed "))
    np.testing.assert_array_equal(found[4:-4, 4::16], PICTURE[4:-4, 4::16])
    # The transport's JPEG of a mosaic is grey already, and says so.
    grey = decode_compressed(compressed(mosaic, ".png", f"bayer_{pattern}8; jpeg compressed mono8"))
    np.testing.assert_array_equal(grey[..., 0], mosaic)


@pytest.mark.parametrize("kind", [bytes, memoryview, lambda data: array.array("B", data)])
def test_data_as_other_libraries_hold_it(compressed, kind) -> None:
    message = compressed(PICTURE[..., ::-1], ".png", "png")
    message.data = kind(message.data.tobytes())
    np.testing.assert_array_equal(decode_compressed(message), PICTURE)


@pytest.mark.parametrize("text", ["16UC1; compressedDepth png", "32FC1; compressedDepth", "", "h264", "rgb8"])
def test_what_is_no_picture_is_named(compressed, text) -> None:
    with pytest.raises(ImageError) as caught:
        decode_compressed(compressed(PICTURE, ".png", text))
    assert repr(text) in str(caught.value)
    assert "expected jpeg, png" in str(caught.value)


@pytest.mark.parametrize("keep", [0, 1, 30])
def test_damaged_data(compressed, keep) -> None:
    message = compressed(PICTURE, ".png", "png")
    message.data = message.data[:keep]
    with pytest.raises(ImageError, match=rf"\('png'\) of {keep} bytes cannot be decoded"):
        decode_compressed(message)


def test_a_picture_of_floats_is_refused(compressed) -> None:
    with pytest.raises(ImageError, match="holds float32"):
        decode_compressed(compressed(np.zeros((4, 4), np.float32), ".tiff", "32FC1; tiff compressed"))


def test_fewer_bits_in_a_png_of_sixteen_are_stretched(compressed) -> None:
    values = np.array([[0, 300, 1023]], np.uint16)
    found = decode_compressed(compressed(values, ".png", "mono16; png compressed "))
    assert found[0, :, 0].tolist() == [0, round(300 * 255 / 1023), 255]
    stated = decode_compressed(compressed(values, ".png", "mono12; png compressed "))
    assert stated[0, :, 0].tolist() == [0, round(300 * 255 / 4095), round(1023 * 255 / 4095)]
    mosaic = decode_compressed(compressed(np.full((4, 4), 1023, np.uint16), ".png", "bayer_rggb10; png"))
    assert np.unique(mosaic).tolist() == [255]
