# SPDX-License-Identifier: Apache-2.0
import array
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.point_cloud import decode_points, encode_points


def cloud(
    height: int = 4, width: int = 6, unknown: tuple[int, ...] = (0, 7)
) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    points = generator.normal(size=(height, width, 3)).astype(np.float32)
    points.reshape(-1, 3)[list(unknown)] = np.nan
    return points, generator.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_layout(types, header, sent) -> None:
    found = sent(encode_points(types, header, *cloud()))
    float32 = 7
    assert [(f.name, f.offset, f.datatype, f.count) for f in found.fields] == [
        ("x", 0, float32, 1),
        ("y", 4, float32, 1),
        ("z", 8, float32, 1),
        ("rgb", 12, float32, 1),
    ]
    # Peers had a point_step of 15, a row_step of 12 bytes a point, and is_dense the wrong way round.
    assert (found.width, found.height, found.point_step, found.row_step) == (6, 4, 16, 96)
    assert len(found.data) == found.row_step * found.height
    assert (found.is_bigendian, found.is_dense, found.header) == (False, False, header)


def test_bytes_of_a_point(types, header, sent) -> None:
    points = np.array((((1.5, -2.0, 3.25),),), np.float32)
    found = sent(encode_points(types, header, points, np.array((((0x12, 0xAB, 0xFE),),), np.uint8)))
    assert found.data.tobytes() == struct.pack("<fffI", 1.5, -2.0, 3.25, 0x0012ABFE)


@pytest.mark.parametrize("organized", [True, False])
@pytest.mark.parametrize("unknown", [(), (3,)])
def test_is_dense_says_whether_all_points_are_known(types, header, organized, unknown) -> None:
    found = encode_points(types, header, *cloud(unknown=unknown), organized=organized)
    assert found.is_dense is (not organized or not unknown)
    assert (found.height, found.width) == ((4, 6) if organized else (1, 24 - len(unknown)))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_bad_coordinate_makes_a_point_unknown(types, header, axis, value) -> None:
    points, rgb = cloud(unknown=())
    points[2, 3, axis] = value
    assert encode_points(types, header, points, rgb).is_dense is False
    assert encode_points(types, header, points, rgb, organized=False).width == 23


def test_colours_stay_with_their_points(types, header, sent) -> None:
    points, rgb = cloud()
    known = np.isfinite(points).all(axis=-1)
    found_points, found_rgb = decode_points(sent(encode_points(types, header, points, rgb, organized=False)))
    np.testing.assert_array_equal(found_points[0], points[known])
    np.testing.assert_array_equal(found_rgb[0], rgb[known])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 10), st.booleans())
def test_there_and_back(types, header, sent, height, width, stride, organized) -> None:
    points, rgb = cloud(height, width, unknown=(0,))
    message = sent(encode_points(types, header, points, rgb, organized=organized, stride=stride))
    expected_points, expected_rgb = points[::stride, ::stride], rgb[::stride, ::stride]
    if not organized:
        known = np.isfinite(expected_points).all(axis=-1)
        expected_points, expected_rgb = expected_points[known][None], expected_rgb[known][None]
    found_points, found_rgb = decode_points(message)
    np.testing.assert_array_equal(found_points, expected_points)
    np.testing.assert_array_equal(found_rgb, expected_rgb)
    assert (message.height, message.width) == expected_points.shape[:2]


def test_a_cloud_without_any_known_point(types, header, sent) -> None:
    points, rgb = cloud(unknown=tuple(range(24)))
    found = sent(encode_points(types, header, points, rgb, organized=False))
    assert (found.height, found.width, found.row_step, len(found.data), found.is_dense) == (1, 0, 0, 0, True)


def test_the_buffer_is_what_the_library_wants(types, header) -> None:
    def to_array(data: np.ndarray) -> array.array:
        buffer = array.array("B")
        buffer.frombytes(data.data)
        return buffer

    points, rgb = cloud()
    found = encode_points(replace(types, buffer=to_array), header, points, rgb)
    assert isinstance(found.data, array.array)
    np.testing.assert_array_equal(decode_points(found)[0], points)


@pytest.mark.parametrize(
    ("points", "rgb", "stride", "words"),
    [
        (np.zeros((2, 2, 3), np.float32), np.zeros((2, 3, 3), np.uint8), 1, "expected float32 and uint8"),
        (np.zeros((4, 3), np.float32), np.zeros((4, 3), np.uint8), 1, "height, width, 3"),
        (np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32), 1, "colours float32"),
        (np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.uint8), 0, "stride is 0"),
    ],
)
def test_what_does_not_fit_is_refused(types, header, points, rgb, stride, words) -> None:
    with pytest.raises(ImageError, match=words):
        encode_points(types, header, points, rgb, stride=stride)


@pytest.mark.parametrize(
    "changes", [{"point_step": 32}, {"is_bigendian": True}, {"fields": []}, {"height": 9}]
)
def test_clouds_of_another_layout_are_refused(types, header, changes) -> None:
    message = encode_points(types, header, *cloud())
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(ImageError, match="expected"):
        decode_points(message)
