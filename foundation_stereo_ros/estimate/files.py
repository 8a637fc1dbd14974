# SPDX-License-Identifier: Apache-2.0
"""Results on disk: PNG pictures, PLY clouds and NPZ arrays."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.cloud import valid_cloud
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.io.pictures import write_depth_png, write_png
from foundation_stereo_ros.io.ply import write_ply
from foundation_stereo_ros.io.visualize import Range, colorize, colorize_disparity

KINDS = ("png", "ply", "npz")
"""What `write_result` can write."""


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
    folder: Path, result: Prediction, config: PipelineConfig, kinds: Collection[str], prefix: str = ""
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
        cloud = valid_cloud(result, config)
        write_ply(place("cloud.ply"), cloud.points, cloud.colors)
    if "npz" in kinds:
        write_npz(place("result.npz"), result)
    return written


def write_npz(path: Path, result: Prediction) -> None:
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
