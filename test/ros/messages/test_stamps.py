# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from foundation_stereo_ros.ros.messages.stamps import copy_header, header_of, stamp_ns


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 10**9 - 1))
def test_stamps_are_whole_nanoseconds(types, sec, nanosec) -> None:
    header = types.Header(stamp=types.Time(sec=sec, nanosec=nanosec), frame_id="")
    assert stamp_ns(header) == sec * 10**9 + nanosec
    assert stamp_ns(copy_header(types, header)) == stamp_ns(header)
    assert header_of(types, stamp_ns(header)) == header


def test_a_header_of_another_library_is_copied(types, sent) -> None:
    ros1 = get_typestore(Stores.ROS1_NOETIC).types
    stamp = ros1["builtin_interfaces/msg/Time"](sec=5, nanosec=6)
    old = ros1["std_msgs/msg/Header"](seq=9, stamp=stamp, frame_id="left")
    assert sent(copy_header(types, old)) == types.Header(stamp=types.Time(sec=5, nanosec=6), frame_id="left")


def test_a_copy_is_no_alias(types) -> None:
    source = SimpleNamespace(stamp=SimpleNamespace(sec=1, nanosec=2), frame_id="a")
    copy = copy_header(types, source)
    source.stamp.sec = 7
    assert stamp_ns(copy) == 1_000_000_002
