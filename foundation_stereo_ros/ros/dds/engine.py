# SPDX-License-Identifier: Apache-2.0
"""Functions of Cyclone DDS's C library that its Python package lacks, or calls while it stops all threads."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from cyclonedds.core import DDSException, Entity
from cyclonedds.internal import DDS
from cyclonedds.topic import Sample

_TIMED_OUT = DDSException.DDS_RETCODE_TIMEOUT
_MULTIPLE = 4

# Prototypes of our own: those of the package belong to its classes.
_dds_write = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p)(("dds_write", DDS._dll_handle))
_dds_delete = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32)(("dds_delete", DDS._dll_handle))


def write(writer: Entity, data: bytes | bytearray | memoryview) -> bool:
    """Send a message as it is; other threads of Python run meanwhile, as it may wait for slow subscribers.

    Args:
        writer: of a type out of `wire_types`.
        data: CDR with the four bytes before it.

    Returns:
        False where a reliable subscriber did not keep up; the message is not sent then.

    Raises:
        DDSException: anything else.
    """
    flat = np.frombuffer(data, np.uint8)
    if flat.size % _MULTIPLE:
        # What follows a message on the wire begins at a multiple; ROS pads as well.
        flat = np.concatenate([flat, np.zeros(-flat.size % _MULTIPLE, np.uint8)])
    sample: Any = Sample(flat.ctypes.data, flat.size)
    result = _dds_write(writer._ref, ctypes.byref(sample))
    if result < 0 and result != _TIMED_OUT:
        raise DDSException(result, f"Occurred while writing sample in {writer!r}")
    return bool(result == 0)


def delete(entity: Entity) -> None:
    """Delete an entity and all that belongs to it now, and not once nobody in Python refers to it."""
    _dds_delete(entity._ref)
