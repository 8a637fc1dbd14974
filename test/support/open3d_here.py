# SPDX-License-Identifier: Apache-2.0
"""Open3D for the tests that need it, also on a machine without the system libraries that it loads."""

from __future__ import annotations

import ctypes
import importlib
from typing import Any

import pytest

_PACKAGES = "libusb-1.0-0 libegl1 libgl1 libgomp1 libx11-6"


def load_open3d() -> Any:
    """Return Open3D, or skip the test and say what is missing."""
    try:
        ctypes.CDLL("libusb-1.0.so.0")
    except OSError:
        _take_libusb_of_pip()
    try:
        return importlib.import_module("open3d")
    except ImportError as error:
        pytest.skip(f"Open3D does not load: {error} (Debian has its libraries in {_PACKAGES})")


def _take_libusb_of_pip() -> None:
    """Load the library of the package libusb-package, which Open3D then finds."""
    try:
        libusb = importlib.import_module("libusb_package").get_library_path()
    except ImportError:
        return
    ctypes.CDLL(str(libusb))
