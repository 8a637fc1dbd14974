# SPDX-License-Identifier: Apache-2.0
import array

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.io.bit_depth import BitDepth
from foundation_stereo_ros.ros.messages.images import decode_image, encode_image

RED, GREEN, BLUE, WHITE, GREY = (230, 20, 10), (15, 200, 30), (5, 25, 240), (255, 255, 255), (90, 90, 90)
ORDERS = {"rgb": (0, 1, 2), "bgr": (2, 1, 0), "rgba": (0, 1, 2, 3), "bgra": (2, 1, 0, 3)}


def blocks(side: int = 16) -> np.ndarray:
    """Return a picture of flat blocks, wider than high, red in the upper left."""
    colors = np.array(((RED, GREEN, BLUE), (WHITE, GREY, RED)), np.uint8)
    return colors.repeat(side, axis=0).repeat(side, axis=1)


def inner(picture: np.ndarray, side: int = 16) -> np.ndarray:
    """Return the pixels away from the edges of the blocks, where neighbours do not matter."""
    keep_rows = [row for row in range(picture.shape[0]) if 3 <= row % side < side - 3]
    keep_columns = [column for column in range(picture.shape[1]) if 3 <= column % side < side - 3]
    return picture[np.ix_(keep_rows, keep_columns)].astype(int)


def message(types, header, values, encoding, *, big=False, padding=0, height=None, width=None):
    """Return an Image whose rows are those of ``values`` with bytes of 0xEE after each."""
    rows = values.astype(values.dtype.newbyteorder(">" if big else "<")).reshape(values.shape[0], -1)
    rows = np.ascontiguousarray(rows).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xEE)
    return types.Image(
        header=header,
        height=height or values.shape[0],
        width=width or values.shape[1],
        encoding=encoding,
        is_bigendian=int(big),
        step=rows.shape[1],
        data=rows.reshape(-1),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(sorted(ORDERS)),
    st.booleans(),
    st.booleans(),
    st.integers(0, 5),
    st.integers(0, 2**32 - 1),
)
def test_colours_of_every_order_depth_endianness_and_padding(
    types, header, sent, height, width, order, wide, big, padding, seed
) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels = values[..., ORDERS[order]]
    if wide:
        pixels = pixels.astype(np.uint16) * 257
    encoding = f"{order}{16 if wide else 8}"
    depth = BitDepth()
    depth.bits = 16
    found = decode_image(sent(message(types, header, pixels, encoding, big=big, padding=padding)), depth)
    np.testing.assert_array_equal(found, values[..., :3])
    assert (found.dtype, found.flags.c_contiguous, found.flags.writeable) == (np.uint8, True, True)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_becomes_equal_channels(types, header, sent, encoding) -> None:
    grey = np.arange(15, dtype=np.uint8).reshape(3, 5)
    found = decode_image(sent(message(types, header, grey, encoding, padding=3)))
    np.testing.assert_array_equal(found, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("encoding", ["mono16", "16UC1"])
@pytest.mark.parametrize("big", [False, True])
def test_sixteen_bits_are_reduced_by_a_fixed_factor(types, header, sent, encoding, big) -> None:
    values = np.array(((0, 128, 129, 257, 0x1234, 0xFF00, 65535),), np.uint16)
    found = decode_image(sent(message(types, header, values, encoding, big=big, padding=1)))
    np.testing.assert_array_equal(found[0, :, 0], (0, 0, 1, 1, round(0x1234 / 257), round(0xFF00 / 257), 255))


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", ["mono16", "16UC1", "bgr16", "rgba16", "bayer_rggb16"])
def test_fewer_bits_in_sixteen_are_stretched(types, header, sent, encoding, bits, big) -> None:
    channels = {"bgr16": 3, "rgba16": 4}.get(encoding, 1)
    values = np.full((4, 12, channels), 2**bits - 1, np.uint16)
    values[:, :6] //= 2
    values[..., 3:] = 65535  # alpha
    found = decode_image(sent(message(types, header, values, encoding, big=big, padding=2)))
    assert np.unique(found[:, 10]).tolist() == [255]
    assert abs(int(found[2, 1, 0]) - 127) <= 1


@pytest.mark.parametrize("encoding", ["mono12", "rgb12", "bayer_gbrg12"])
def test_a_depth_that_the_encoding_states_wins(types, header, sent, encoding) -> None:
    values = np.full((4, 6, 3 if encoding.startswith("rgb") else 1), 100, np.uint16)
    found = decode_image(sent(message(types, header, values, encoding)))
    assert np.unique(found).tolist() == [round(100 * 255 / 4095)]


def packed(values: np.ndarray, bits: int, padding: int) -> bytes:
    """Write values without gaps, the lowest bits first, each row from a byte on; by whole numbers alone."""
    lines = []
    for row in values.tolist():
        whole = sum(value << (bits * place) for place, value in enumerate(row))
        lines.append(whole.to_bytes((len(row) * bits + 7) // 8, "little") + bytes(padding))
    return b"".join(lines)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("encoding", ["mono", "bayer_rggb"])
@pytest.mark.parametrize("width", [8, 7])
def test_values_without_gaps_are_those_in_sixteen_bits(types, header, sent, bits, encoding, width) -> None:
    values = np.random.default_rng(0).integers(0, 2**bits, (6, width), np.uint16)
    expected = decode_image(message(types, header, values, f"{encoding}{bits}"))
    data = packed(values, bits, padding=3)
    sample = types.Image(
        header=header,
        height=6,
        width=width,
        encoding=f"{encoding}{bits}p",
        is_bigendian=0,
        step=len(data) // 6,
        data=types.buffer(np.frombuffer(data, np.uint8)),
    )
    np.testing.assert_array_equal(decode_image(sent(sample)), expected)


def test_8uc3_is_blue_first_as_in_opencv(types, header, sent) -> None:
    found = decode_image(sent(message(types, header, blocks()[..., ::-1], "8UC3")))
    np.testing.assert_array_equal(found, blocks())


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("bits", [8, 16])
def test_red_is_red_in_every_bayer_pattern(types, header, sent, pattern, bits) -> None:
    # ROS names the pattern by its upper left corner, row by row; OpenCV by another corner.
    picture = blocks()
    rows, columns = np.indices(picture.shape[:2])
    channel = np.array(["rgb".index(letter) for letter in pattern])[2 * (rows % 2) + columns % 2]
    mosaic = np.take_along_axis(picture, channel[..., None], axis=2)[..., 0]
    if bits == 16:
        mosaic = mosaic.astype(np.uint16) * 257
    sample = message(types, header, mosaic, f"bayer_{pattern}{bits}", padding=6, big=bits == 16)
    found = decode_image(sent(sample))
    assert found.shape == picture.shape
    np.testing.assert_array_equal(inner(found), inner(picture))


def yuv(picture: np.ndarray) -> np.ndarray:
    """Return BT.601 in video range, from its definition."""
    rgb = picture.astype(float) / 255
    y = rgb @ (0.299, 0.587, 0.114)
    u, v = (rgb[..., 2] - y) / 1.772, (rgb[..., 0] - y) / 1.402
    return np.rint(np.stack((16 + 219 * y, 128 + 224 * u, 128 + 224 * v), axis=-1)).astype(np.uint8)


@pytest.mark.parametrize(
    ("encoding", "luma_first"), [("yuv422", 0), ("uyvy", 0), ("yuv422_yuy2", 1), ("yuyv", 1)]
)
def test_red_is_red_in_yuv422(types, header, sent, encoding, luma_first) -> None:
    values = yuv(blocks())
    chroma = np.where(np.arange(values.shape[1]) % 2 == 0, values[..., 1], values[..., 2])
    pair = (values[..., 0], chroma) if luma_first else (chroma, values[..., 0])
    found = decode_image(sent(message(types, header, np.stack(pair, axis=-1), encoding, padding=8)))
    np.testing.assert_allclose(inner(found), inner(blocks()), atol=3)


@pytest.mark.parametrize(("encoding", "first"), [("nv12", 1), ("nv21", 2)])
def test_red_is_red_in_nv(types, header, sent, encoding, first) -> None:
    values = yuv(blocks())
    chroma = values[::2, ::2][..., [first, 3 - first]].reshape(values.shape[0] // 2, -1)
    data = np.concatenate((values[..., 0], chroma))
    sample = message(types, header, data, encoding, padding=4, height=values.shape[0])
    np.testing.assert_allclose(inner(decode_image(sent(sample))), inner(blocks()), atol=3)


@pytest.mark.parametrize(
    ("encoding", "shape"),
    [("yuv422", (2, 3, 2)), ("yuv422_yuy2", (2, 3, 2)), ("bayer_rggb8", (1, 4)), ("bayer_bggr16", (4, 1))],
)
def test_sizes_that_an_encoding_does_not_have(types, header, encoding, shape) -> None:
    dtype = np.uint16 if "16" in encoding else np.uint8
    with pytest.raises(ImageError, match=f"{encoding} image is {shape[1]}"):
        decode_image(message(types, header, np.zeros(shape, dtype), encoding))


def test_nv12_with_odd_sides(types, header) -> None:
    with pytest.raises(ImageError, match="nv12 image is 4 x 3 pixels; expected even"):
        decode_image(message(types, header, np.zeros((5, 4), np.uint8), "nv12", height=3))


@pytest.mark.parametrize("encoding", ["", "32FC1", "RGB8", "yuv420", "bayer_rgbg8", "h264"])
def test_an_unknown_encoding_is_named_beside_those_known(types, header, encoding) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(message(types, header, np.zeros((2, 2), np.uint8), encoding))
    assert repr(encoding) in str(caught.value)
    for known in ("mono8", "rgb8", "bgra16", "bayer_grbg16", "yuv422_yuy2", "16UC1"):
        assert known in str(caught.value)


@pytest.mark.parametrize("missing", [1, 5, 48])
def test_data_that_is_too_short_is_refused(types, header, missing) -> None:
    sample = message(types, header, np.zeros((4, 4, 3), np.uint8), "rgb8")
    sample.data = sample.data[:-missing]
    with pytest.raises(ImageError, match="rgb8 image of 4 x 4 pixels"):
        decode_image(sample)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: array.array("B", data)])
def test_data_as_other_libraries_hold_it(types, header, kind) -> None:
    sample = message(types, header, blocks(), "rgb8")
    sample.data = kind(sample.data.tobytes())
    np.testing.assert_array_equal(decode_image(sample), blocks())


def test_the_picture_does_not_change_with_the_message(types, header) -> None:
    sample = message(types, header, blocks(), "rgb8")
    found = decode_image(sample)
    sample.data[:] = 0
    np.testing.assert_array_equal(found, blocks())


def test_compressed_and_raw_give_the_same_picture(store, header, types, sent) -> None:
    data = cv2.imencode(".png", blocks()[..., ::-1])[1]
    compressed = store.types["sensor_msgs/msg/CompressedImage"](header=header, format="png", data=data)
    raw = encode_image(types, header, blocks(), "rgb8")
    np.testing.assert_array_equal(decode_image(sent(compressed)), decode_image(sent(raw)))


@pytest.mark.parametrize(
    ("encoding", "dtype", "shape"),
    [
        ("mono8", np.uint8, (3, 5)),
        ("rgb8", np.uint8, (3, 5, 3)),
        ("bgr8", np.uint8, (3, 5, 3)),
        ("mono16", np.uint16, (3, 5)),
        ("16UC1", np.uint16, (3, 5, 1)),
        ("32FC1", np.float32, (3, 5)),
    ],
)
def test_encoded_fields(types, header, sent, encoding, dtype, shape) -> None:
    values = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    # A view with other strides, and the other byte order, must not show.
    backwards = np.flip(np.flip(values, 1).astype(np.dtype(dtype).newbyteorder(">")), 1)
    found = sent(encode_image(types, header, backwards, encoding))
    assert (found.height, found.width, found.encoding, found.is_bigendian) == (3, 5, encoding, 0)
    assert found.step == 5 * np.dtype(dtype).itemsize * (shape[2] if len(shape) == 3 else 1)
    assert found.header == header
    little = np.dtype(dtype).newbyteorder("<")
    np.testing.assert_array_equal(found.data.view(little), values.ravel())


@pytest.mark.parametrize(
    ("encoding", "values", "words"),
    [
        ("rgba8", np.zeros((2, 2, 4), np.uint8), "'rgba8'; expected one of mono8"),
        ("rgb8", np.zeros((2, 2), np.uint8), "uint8 with 3 channels"),
        ("mono8", np.zeros((2, 2, 3), np.uint8), "uint8 with 1 channels"),
        ("32FC1", np.zeros((2, 2), np.float64), "float64 .*expected float32"),
        ("rgb8", np.zeros(12, np.uint8), "expected uint8"),
    ],
)
def test_arrays_that_do_not_fit_the_encoding(types, header, encoding, values, words) -> None:
    with pytest.raises(ImageError, match=words):
        encode_image(types, header, values, encoding)
