# SPDX-License-Identifier: Apache-2.0
"""Notes of cameras in JPEG files; OpenCV, which heeds the orientation too, is the oracle for it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from noted_pictures import IMAGE, jpeg

from foundation_stereo_ros.io.exif import Exif, read_exif, upright


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_opencv_turns_it(orientation: int, order: str) -> None:
    content = jpeg(orientation, 28, order)
    assert read_exif(content) == Exif(orientation, 28)
    stored = np.frombuffer(content, np.uint8)
    as_stored = cv2.imdecode(stored, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    np.testing.assert_array_equal(upright(as_stored, orientation), cv2.imdecode(stored, cv2.IMREAD_COLOR))


def test_a_focal_length_of_36_mm_sees_as_wide_as_the_diagonal_says() -> None:
    assert Exif(1, 36).focal_pixels(3600, 2400) == pytest.approx(3600)
    assert Exif().focal_pixels(3600, 2400) == 0


def test_files_without_notes() -> None:
    plain = bytes(cv2.imencode(".jpg", IMAGE)[1])
    assert read_exif(plain) == Exif()
    assert read_exif(bytes(cv2.imencode(".png", IMAGE)[1])) == Exif()
    assert read_exif(jpeg(0)) == read_exif(jpeg(9)) == Exif()


@given(st.integers(0, 120), st.integers(0, 255), st.integers(0, 130))
def test_damaged_notes_are_none_or_others(place: int, value: int, cut: int) -> None:
    content = bytearray(jpeg(6, 28))
    content[min(place, len(content) - 1)] = value
    for damaged in (bytes(content), bytes(content[:cut])):
        assert 1 <= read_exif(damaged).orientation <= 8
