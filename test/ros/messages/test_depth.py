# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.ros.messages.depth import decode_depth, encode_depth

DEPTH = np.array(((0.0, 1.2344, 1.2346, np.nan), (65.535, 65.536, np.inf, -1.0)), np.float32)


def test_metres_as_floats(types, header, sent) -> None:
    found = sent(encode_depth(types, header, DEPTH))
    assert (found.encoding, found.width, found.height, found.step) == ("32FC1", 4, 2, 16)
    assert (found.header, found.is_bigendian) == (header, 0)
    np.testing.assert_array_equal(found.data.view("<f4").reshape(2, 4), DEPTH)


def test_millimetres_with_zero_for_unknown_and_for_too_far(types, header, sent) -> None:
    found = sent(encode_depth(types, header, DEPTH, "16UC1"))
    assert (found.encoding, found.step, found.header) == ("16UC1", 8, header)
    np.testing.assert_array_equal(
        found.data.view("<u2").reshape(2, 4), ((0, 1234, 1235, 0), (65535, 0, 0, 0))
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)))
def test_millimetres_are_near_or_zero(types, header, sent, depth) -> None:
    found = decode_depth(sent(encode_depth(types, header, depth, "16UC1")))
    inside = (depth > 0.0006) & (depth < 65.535)
    np.testing.assert_allclose(found[inside], depth[inside], atol=0.00051)
    assert np.isnan(found[~((depth >= 0) & (depth < 65.536))]).all()


def test_floats_there_and_back_in_either_byte_order(types, header, sent) -> None:
    message = encode_depth(types, header, DEPTH)
    np.testing.assert_array_equal(decode_depth(sent(message)), DEPTH)
    message.data, message.is_bigendian = message.data.view(np.uint32).byteswap().view(np.uint8), 1
    np.testing.assert_array_equal(decode_depth(sent(message)), DEPTH)


def test_other_encodings_are_refused(types, header) -> None:
    with pytest.raises(ImageError, match="'64FC1'; expected '32FC1' or '16UC1'"):
        encode_depth(types, header, DEPTH, "64FC1")
    message = encode_depth(types, header, DEPTH)
    message.encoding = "rgb8"
    with pytest.raises(ImageError, match="depth has encoding 'rgb8'"):
        decode_depth(message)
