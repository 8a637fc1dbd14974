# SPDX-License-Identifier: Apache-2.0
"""Results on disk: PNG pictures, PLY clouds and NPZ arrays."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.files.atomic import atomic_write
from foundation_stereo_ros.pipeline.cloud import Cloud, valid_cloud
from foundation_stereo_ros.pipeline.config import PipelineConfig
from foundation_stereo_ros.pipeline.result import StereoResult
from foundation_stereo_ros.pipeline.visualize import Range, colorize, colorize_disparity
from foundation_stereo_ros.shapes import DepthMap

KINDS = ("png", "ply", "npz")
"""What `write_result` can write."""

_HIGHEST_MM = 65535
_PLY_POINT = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])


def parse_kinds(text: str) -> tuple[str, ...]:
    """Split "png,ply,npz".

    Raises:
        ConfigError: a word is none of these.
    """
    kinds = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(f"unknown export {kind!r}; expected some of {','.join(KINDS)}")
    return kinds


def write_result(
    folder: Path, result: StereoResult, config: PipelineConfig, kinds: Collection[str], prefix: str = ""
) -> list[Path]:
    """Write one result.

    ``png``: left.png, disparity.png (colours), depth.png (16 bit, millimetres, 0 is unknown) and, where it
    was computed, confidence.png (colours, red is sure); ``ply``: cloud.ply; ``npz``: result.npz.

    Args:
        folder: made if missing.
        result: what to write.
        config: the cloud's stride and filters.
        kinds: some of `KINDS`.
        prefix: put before each name, as "000012_" for a frame of a recording.

    Returns:
        The files written.

    Raises:
        FileFormatError: a file cannot be written.
    """
    written = []

    def place(name: str) -> Path:
        written.append(folder / f"{prefix}{name}")
        return written[-1]

    if "png" in kinds:
        write_png(place("left.png"), result.left_rgb)
        write_png(place("disparity.png"), colorize_disparity(result.disparity, result.valid))
        write_depth_png(place("depth.png"), result.depth)
        if result.confidence is not None:
            everywhere = np.ones_like(result.valid)
            write_png(place("confidence.png"), colorize(result.confidence, everywhere, Range(0.0, 1.0)))
    if "ply" in kinds:
        write_ply(place("cloud.ply"), valid_cloud(result, config))
    if "npz" in kinds:
        write_npz(place("result.npz"), result)
    return written


def png_bytes(image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """Encode H x W or H x W x 3 (red, green, blue), 8 or 16 bit, as PNG."""
    ordered = image[..., ::-1] if image.ndim == 3 else image
    done, content = cv2.imencode(".png", np.ascontiguousarray(ordered))
    if not done:
        raise FileFormatError(f"cannot write {image.dtype} {image.shape} as PNG")
    return bytes(content.tobytes())


def write_png(path: Path, image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    """Write H x W or H x W x 3 (red, green, blue), 8 or 16 bit."""
    content = png_bytes(image)
    with atomic_write(path) as stream:
        stream.write(content)


def write_depth_png(path: Path, depth: DepthMap) -> None:
    """Write depth in metres as 16-bit millimetres; 0 is unknown or beyond 65.535 m (REP 118)."""
    millimetres = np.rint(np.nan_to_num(depth.astype(np.float64), nan=0, posinf=0, neginf=0) * 1000)
    known = (millimetres > 0) & (millimetres <= _HIGHEST_MM)
    write_png(path, np.where(known, millimetres, 0).astype(np.uint16))


def write_ply(path: Path, cloud: Cloud) -> None:
    """Write a binary little-endian PLY with colours, in metres in the left optical frame (REP 103)."""
    vertices = np.empty(len(cloud.points), _PLY_POINT)
    vertices["xyz"], vertices["rgb"] = cloud.points, cloud.colors
    header = [
        "ply",
        "format binary_little_endian 1.0",
        "comment metres; left optical frame: x right, y down, z forward",
        f"element vertex {len(vertices)}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {color}" for color in ("red", "green", "blue")),
        "end_header\n",
    ]
    with atomic_write(path) as stream:
        stream.write("\n".join(header).encode("ascii"))
        stream.write(vertices.tobytes())


def write_npz(path: Path, result: StereoResult) -> None:
    """Write the arrays of a result by name.

    ``disparity`` (H x W, pixels, dense), ``depth`` (H x W, metres, NaN where invalid), ``valid`` (H x W),
    ``K`` (3 x 3 of this grid), ``baseline`` (metres), ``doffs`` (cx_left - cx_right, already taken off the
    disparity), and ``confidence`` (H x W, 0 to 1) where it was computed.
    """
    camera = result.stereo.left
    arrays = {
        "disparity": result.disparity,
        "depth": result.depth,
        "valid": result.valid,
        "K": np.array(((camera.fx, 0, camera.cx), (0, camera.fy, camera.cy), (0, 0, 1))),
        "baseline": np.float64(result.stereo.baseline),
        "doffs": np.float64(result.stereo.doffs),
    }
    if result.confidence is not None:
        arrays["confidence"] = result.confidence
    with atomic_write(path) as stream:
        np.savez(stream, **arrays)
