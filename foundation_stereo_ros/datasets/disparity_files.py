# SPDX-License-Identifier: Apache-2.0
"""Ground truth in files: disparities in every usual format, and masks of what both cameras see."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.datasets.pfm import read_pfm
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.io.files import check_input
from foundation_stereo_ros.io.pictures import Pixels, read_pixels
from foundation_stereo_ros.limits import SETTING, limits
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
    check_input(path)
    try:
        with path.open("rb") as stream:
            values, doffs = _read_arrays(path, stream)
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}") from error
    except FileFormatError:
        raise
    except Exception:  # numpy and zipfile raise many classes on damaged bytes
        raise FileFormatError(f"{path} is not a NumPy file of numbers, or damaged") from None
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


def _read_arrays(path: Path, stream: BinaryIO) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the disparity, and what was taken off it."""
    if stream.read(2) != b"PK":
        stream.seek(0)
        return _checked_array(path, stream), _NONE
    with zipfile.ZipFile(stream) as archive:
        names = {name.removesuffix(".npy"): name for name in archive.namelist()}

        def array(name: str) -> npt.NDArray[Any]:
            with archive.open(names[name]) as member:
                return _checked_array(path, member)

        chosen = _chosen(path, list(names))
        offset = chosen == _ARRAY_NAME and _OFFSET_NAME in names
        return array(chosen), array(_OFFSET_NAME) if offset else _NONE


def _checked_array(path: Path, stream: IO[bytes]) -> npt.NDArray[Any]:
    """Read an array whose size was checked in its header: the memory is taken before the values are there."""
    start = stream.tell()
    version = np.lib.format.read_magic(stream)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    size, most = math.prod(shape) * dtype.itemsize, limits().block_bytes
    if size > most:
        raise FileFormatError(
            f"{path} holds {shape} numbers, {size:,} bytes; expected at most {most:,}", remedy=SETTING
        )
    stream.seek(start)
    return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _chosen(path: Path, names: list[str]) -> str:
    if _ARRAY_NAME in names:
        return _ARRAY_NAME
    if len(names) != 1:
        raise FileFormatError(f"{path} holds {', '.join(names) or 'nothing'}; expected {_ARRAY_NAME!r}")
    return names[0]
