# SPDX-License-Identifier: Apache-2.0
"""Ground truth in files: disparities in every usual format, and masks of what both cameras see."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.datasets.pfm import read_pfm
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.pictures import Pixels, read_pixels
from foundation_stereo_ros.shapes import Mask, ShiftMap

SEEN = 255
"""Value of a mask where both cameras see the surface (Middlebury, ETH3D); 128 is occluded, 0 unknown."""

_ARRAY_NAME, _OFFSET_NAME = "disparity", "doffs"
_NONE = np.zeros(())


def known_or_nan(values: npt.NDArray[Any]) -> ShiftMap:
    """Return disparities with NaN for what is none: infinite, not a number, or negative."""
    with np.errstate(invalid="ignore"):
        known = np.isfinite(values) & (values >= 0)
    return np.where(known, values, np.nan).astype(np.float32)


def read_pfm_disparity(path: Path) -> ShiftMap:
    """Read a PFM file in pixels; infinite is unknown, 0 is infinitely far.

    Raises:
        FileFormatError: see `read_pfm`.
    """
    return known_or_nan(read_pfm(path))


def read_png_disparity(path: Path, scale: float) -> ShiftMap:
    """Read a grey PNG, 8 or 16 bit, whose values are disparity times ``scale``; 0 is unknown.

    Raises:
        FileFormatError: there is no such image, or it has colours.
    """
    stored = _grey(path, read_pixels(path))
    return np.asarray(np.where(stored > 0, stored / scale, np.nan), np.float32)


def read_packed_disparity(path: Path) -> ShiftMap:
    """Read an 8-bit colour PNG of the FoundationStereo dataset: (255 * 255 R + 255 G + B) / 1000 pixels.

    The base is 255, not 256: so the dataset's public description says. 0 is infinitely far.

    Raises:
        FileFormatError: there is no such image, or it is not 8-bit colour.
    """
    stored = read_pixels(path)
    if stored.dtype != np.uint8 or stored.ndim != 3 or stored.shape[2] != 3:
        raise FileFormatError(f"{path} holds {stored.dtype} {stored.shape}; expected 8-bit red, green, blue")
    blue, green, red = (stored[..., channel].astype(np.float64) for channel in range(3))
    return ((255 * 255 * red + 255 * green + blue) / 1000).astype(np.float32)


def read_array_disparity(path: Path) -> ShiftMap:
    """Read a NumPy file, never unpickling: ``.npy``, or ``.npz`` with ``disparity`` or one array in it.

    Where ``doffs`` is beside ``disparity``, as in files of this package, the disparity has ROS's meaning:
    cx_left - cx_right is taken off. It is added again, since truth is x_left - x_right everywhere in
    ``datasets``.

    Raises:
        FileFormatError: it is no such file, or not H x W numbers; or ``doffs`` is not one finite number.
    """
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            values, doffs = (loaded, _NONE) if isinstance(loaded, np.ndarray) else _chosen(path, loaded)
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, EOFError, KeyError, MemoryError, zlib.error, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path} is not a NumPy file of numbers: {error}") from None
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiu":
        raise FileFormatError(f"{path} holds {values.dtype} {values.shape}; expected numbers (height, width)")
    if doffs.size != 1 or doffs.dtype.kind not in "fiu" or not np.isfinite(doffs).all():
        raise FileFormatError(f"{path} has doffs {doffs!r}; expected one number of pixels")
    return known_or_nan(values + doffs.item())


def read_mask(path: Path) -> Mask:
    """Read a grey image that is 255 where both cameras see the surface.

    Raises:
        FileFormatError: there is no such image, or it has colours.
    """
    return np.asarray(_grey(path, read_pixels(path)) == SEEN, np.bool_)


def read_known(path: Path) -> Mask:
    """Read a PNG disparity as a mask: true where it is known (KITTI's ``disp_noc``).

    Raises:
        FileFormatError: there is no such image, or it has colours.
    """
    return np.asarray(_grey(path, read_pixels(path)) > 0, np.bool_)


def _grey(path: Path, stored: Pixels) -> Pixels:
    if stored.ndim == 2:
        return stored
    first = stored[..., :1]
    # Image programs like to write grey as three equal channels.
    if stored.shape[2] != 3 or not np.array_equal(stored, np.broadcast_to(first, stored.shape)):
        raise FileFormatError(f"{path} has {stored.shape[2]} channels; expected a grey image")
    return stored[..., 0]


def _chosen(path: Path, stored: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the disparity, and what was taken off it."""
    if _ARRAY_NAME in stored:
        return stored[_ARRAY_NAME], stored.get(_OFFSET_NAME, _NONE)
    if len(stored) != 1:
        raise FileFormatError(f"{path} holds {', '.join(stored) or 'nothing'}; expected {_ARRAY_NAME!r}")
    return next(iter(stored.values())), _NONE
