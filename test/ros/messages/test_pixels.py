# SPDX-License-Identifier: Apache-2.0
import array

import numpy as np
import pytest

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.pixels import byte_view, raw_pixels

BYTES = bytes(range(12))


@pytest.mark.parametrize(
    "data",
    [
        BYTES,
        bytearray(BYTES),
        memoryview(BYTES),
        memoryview(bytes(value for byte in BYTES for value in (byte, 99)))[::2],
        array.array("B", BYTES),
        array.array("H", BYTES),
        np.frombuffer(BYTES, np.uint8),
        np.frombuffer(BYTES, np.int8),
        np.frombuffer(BYTES, np.uint8).reshape(3, 4),
        np.repeat(np.frombuffer(BYTES, np.uint8), 2)[::2],
        list(BYTES),
        tuple(BYTES),
    ],
    ids=lambda data: type(data).__name__,
)
def test_data_of_every_kind(data) -> None:
    np.testing.assert_array_equal(byte_view(data), np.arange(12, dtype=np.uint8))
    assert byte_view(data).dtype == np.uint8


@pytest.mark.parametrize("data", [b"", [], array.array("B"), np.zeros(0, np.uint8)], ids=str)
def test_no_data(data) -> None:
    assert byte_view(data).shape == (0,)


def test_nothing_is_copied_where_the_library_allows() -> None:
    data = array.array("B", BYTES)
    view = byte_view(data)
    data[0] = 77
    assert view[0] == 77


def image(types, header, **changes):
    fields = {
        "header": header,
        "height": 3,
        "width": 2,
        "encoding": "mono16",
        "is_bigendian": 0,
        "step": 4,
        "data": np.frombuffer(BYTES, np.uint8),
    }
    return types.Image(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 0}, "mono16 image of 0 x 3 pixels; expected a positive size"),
        ({"height": 0}, "2 x 0 pixels; expected a positive size"),
        ({"step": 3}, "step of 3 bytes; expected at least 4"),
        ({"step": 0}, "step of 0 bytes; expected at least 4"),
        ({"height": 4}, "has 12 bytes of data; expected 16"),
        ({"data": np.zeros(11, np.uint8)}, "has 11 bytes of data; expected 12"),
        ({"data": np.zeros(0, np.uint8)}, "has 0 bytes"),
        ({"width": 2**32 - 1}, "expected at least"),
    ],
)
def test_images_that_are_too_short(types, header, changes, words) -> None:
    with pytest.raises(ImageError, match=words):
        raw_pixels(image(types, header, **changes), np.dtype(np.uint16), 1)


def test_padding_of_the_last_row_may_be_missing(types, header) -> None:
    message = image(types, header, step=5, height=2, data=np.arange(9, dtype=np.uint8))
    pixels = raw_pixels(message, np.dtype(np.uint16), 1)[..., 0]
    np.testing.assert_array_equal(pixels, ((0x0100, 0x0302), (0x0605, 0x0807)))


def test_bytes_are_read_in_the_order_that_the_message_declares(types, header) -> None:
    big = raw_pixels(image(types, header, is_bigendian=1), np.dtype(np.uint16), 1)
    assert big[0, 0, 0] == 0x0001
    assert raw_pixels(image(types, header), np.dtype(np.uint16), 1)[0, 0, 0] == 0x0100
