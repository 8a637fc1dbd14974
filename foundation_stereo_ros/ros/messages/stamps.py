# SPDX-License-Identifier: Apache-2.0
"""Stamps and headers."""

from __future__ import annotations

from typing import Any

from foundation_stereo_ros.ros.messages.protocols import Header
from foundation_stereo_ros.ros.messages.types import MessageTypes


def stamp_ns(header: Header) -> int:
    """Return a header's stamp, nanoseconds since the epoch of its clock."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def time_of(types: MessageTypes, stamp_ns: int) -> Any:
    """Return a Time of ``types``."""
    return types.Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)


def header_of(types: MessageTypes, stamp_ns: int, frame_id: str = "") -> Any:
    """Return a Header of ``types``."""
    return types.Header(stamp=time_of(types, stamp_ns), frame_id=frame_id)


def copy_header(types: MessageTypes, header: Header) -> Any:
    """Return a header of ``types`` with the stamp and frame of another one, which may be of another library.

    Results carry the left image's header, never the time of their making: they are matched by stamp.
    """
    stamp = types.Time(sec=int(header.stamp.sec), nanosec=int(header.stamp.nanosec))
    return types.Header(stamp=stamp, frame_id=str(header.frame_id))
