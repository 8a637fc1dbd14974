# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.geometry.depth import disparity_to_depth
from foundation_stereo_ros.ros.messages.disparity import decode_disparity, encode_disparity

CAMERA = Camera(64, 4, 100.0, 100.0, 31.5, 1.5)
STEREO = StereoRig(CAMERA, CAMERA, 0.1)
FLAT = np.full((4, 64), 5.0, np.float32)
ALL = np.ones((4, 64), np.bool_)
FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


def test_every_field(types, header, sent) -> None:
    found = sent(encode_disparity(types, header, FLAT, ALL, STEREO, 0.5, 10.0))
    assert found.header == header
    assert found.image.header == header
    assert (found.f, found.t) == (100.0, pytest.approx(0.1))
    assert (found.min_disparity, found.max_disparity) == (1.0, 20.0)
    assert (found.image.encoding, found.image.width, found.image.height) == ("32FC1", 64, 4)
    assert (found.image.step, found.image.is_bigendian) == (256, 0)
    assert not found.valid_window.do_rectify


def test_metres_stay_metres(types, header, sent) -> None:
    # A peer divides the baseline by 100 twice.
    found = sent(encode_disparity(types, header, FLAT, ALL, STEREO, 0.5, 10.0))
    assert found.f * found.t / 5.0 == pytest.approx(2.0)


def test_focal_length_is_that_of_the_published_grid(types, header, sent) -> None:
    half = STEREO.scaled(32, 2)
    found = sent(encode_disparity(types, header, FLAT[::2, ::2] / 2, ALL[::2, ::2], half, 0.5, 10.0))
    assert (found.f, found.max_disparity) == (50.0, 10.0)
    assert found.f * found.t / 2.5 == pytest.approx(2.0)


def test_fractions_of_a_pixel_survive(types, header, sent) -> None:
    # A peer truncates to whole pixels.
    disparity = FLAT + np.linspace(0, 0.99, 64, dtype=np.float32)
    found = decode_disparity(sent(encode_disparity(types, header, disparity, ALL, STEREO, 0.5, 10)))
    np.testing.assert_array_equal(found.disparity, disparity)
    assert found.valid.all()


def test_the_principal_points_difference_is_not_taken_off_again(types, header, sent) -> None:
    shifted = replace(STEREO, right=replace(CAMERA, cx=41.5))
    found = sent(encode_disparity(types, header, FLAT, ALL, shifted, 0.5, 10.0))
    np.testing.assert_array_equal(decode_disparity(found).disparity, FLAT)
    assert found.min_disparity == 1.0


def test_invalid_pixels_are_below_the_least_disparity(types, header, sent) -> None:
    disparity, valid = FLAT.copy(), ALL.copy()
    disparity[0, :4] = (np.nan, np.inf, 0.0, -2.0)
    valid[1] = False
    found = sent(encode_disparity(types, header, disparity, valid, STEREO, 0.5, np.inf))
    pixels = found.image.data.view("<f4").reshape(4, 64)
    assert found.min_disparity == 0.0
    assert (pixels[1] < found.min_disparity).all()
    assert (pixels[0, :4] < found.min_disparity).all()
    assert np.isfinite(pixels).all()
    expected = valid.copy()
    expected[0, :4] = False
    np.testing.assert_array_equal(decode_disparity(found).valid, expected)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hnp.arrays(np.float32, (4, 64), elements=FLOATS, fill=st.floats(1, 40, width=32)),
    hnp.arrays(np.bool_, (4, 64)),
    st.floats(0.01, 3),
    st.floats(3.5, 1e6),
    st.floats(-80, 80),
)
def test_bounds_and_window_hold_for_anything(
    types, header, sent, disparity, valid, z_near, z_far, doffs
) -> None:
    stereo = replace(STEREO, right=replace(CAMERA, cx=CAMERA.cx - doffs))
    found = sent(encode_disparity(types, header, disparity, valid, stereo, z_near, z_far))
    pixels = found.image.data.view("<f4").reshape(4, 64)
    good = valid & (disparity > 0) & np.isfinite(disparity)
    np.testing.assert_array_equal(pixels[good], disparity[good])
    # What consumers do: keep what lies within the bounds.
    np.testing.assert_array_equal((pixels >= found.min_disparity) & (pixels <= found.max_disparity), good)
    assert found.min_disparity <= np.float32(10 / z_far)
    assert found.max_disparity >= np.float32(10 / z_near)
    assert 0 < found.delta_d < found.max_disparity
    window = found.valid_window
    assert window.width >= 1
    assert window.height == 4
    assert window.x_offset + window.width <= 64
    outside = good.copy()
    outside[:, window.x_offset : window.x_offset + window.width] = False
    assert not outside.any()


def test_no_more_is_promised_than_the_network_reaches(types, header, sent) -> None:
    """Z = 0.05 m would be 200 pixels; the network finds up to 100, and what is in the picture counts."""
    found = sent(encode_disparity(types, header, FLAT, ALL, STEREO, 0.05, 10.0, reach=100.0))
    assert (found.min_disparity, found.max_disparity) == (1.0, 100.0)
    beyond = sent(encode_disparity(types, header, FLAT + 120, ALL, STEREO, 0.05, 10.0, reach=100.0))
    assert beyond.max_disparity == FLAT.max() + 120
    near = sent(encode_disparity(types, header, FLAT, ALL, STEREO, 0.5, 10.0, reach=100.0))
    assert near.max_disparity == 20.0


@pytest.mark.parametrize(
    ("doffs", "first", "width"),
    [(0.0, 2, 62), (10.0, 12, 52), (-1.5, 0, 64), (-30.0, 0, 54), (200.0, 63, 1), (-200.0, 0, 1)],
)
def test_the_window_holds_the_columns_that_the_right_camera_sees(
    types, header, sent, doffs, first, width
) -> None:
    stereo = replace(STEREO, right=replace(CAMERA, cx=CAMERA.cx - doffs))
    # Disparities from 1.25 to 20 are possible.
    found = sent(encode_disparity(types, header, FLAT, ~ALL, stereo, 0.5, 8.0)).valid_window
    assert (found.x_offset, found.width, found.y_offset, found.height) == (first, width, 0, 4)


def test_the_step_is_what_float32_can_tell(types, header, sent) -> None:
    found = sent(encode_disparity(types, header, FLAT, ALL, STEREO, 0.5, 10.0))
    highest = np.float32(found.max_disparity)
    assert found.delta_d == np.nextafter(highest, np.float32(np.inf)) - highest


def test_depth_of_a_subscriber_is_ours(types, header, sent) -> None:
    disparity = np.linspace(1, 20, 256, dtype=np.float32).reshape(4, 64)
    found = decode_disparity(sent(encode_disparity(types, header, disparity, ALL, STEREO, 0.5, 10.0)))
    theirs = found.focal * found.baseline / found.disparity
    np.testing.assert_allclose(theirs, disparity_to_depth(disparity, STEREO), rtol=1e-6)


def test_the_baseline_of_ros_1_is_upper_case(types, header) -> None:
    message = encode_disparity(types, header, FLAT, ALL, STEREO, 0.5, 10.0)
    fields = {name: value for name, value in vars(message).items() if name != "t"}
    assert decode_disparity(SimpleNamespace(**fields, T=0.25)).baseline == 0.25


def test_what_does_not_fit_is_refused(types, header) -> None:
    with pytest.raises(ImageError, match=r"\(3, 64\).*expected \(4, 64\)"):
        encode_disparity(types, header, FLAT[:3], ALL, STEREO, 0.5, 10)
    with pytest.raises(ConfigError, match="0 < z_near < z_far"):
        encode_disparity(types, header, FLAT, ALL, STEREO, 0.0, 10)
    message = encode_disparity(types, header, FLAT, ALL, STEREO, 0.5, 10)
    message.image.encoding = "16UC1"
    with pytest.raises(ImageError, match="'16UC1'; expected '32FC1'"):
        decode_disparity(message)
