# SPDX-License-Identifier: Apache-2.0
"""Predictions on disk: PNG pictures, PLY clouds and NPZ arrays, by one table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.cloud import valid_cloud
from foundation_stereo_ros.estimate.config import CloudSettings
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.io.pictures import write_depth_png, write_png
from foundation_stereo_ros.io.ply import write_ply
from foundation_stereo_ros.io.visualize import Range, colorize, colorize_disparity


class OutputFile(NamedTuple):
    """A row of `FILES`.

    Attributes:
        kind: the word by which people ask for it.
        write: takes path, prediction and the cloud's settings.
        there: whether a prediction has what the file shows.
    """

    kind: str
    write: Callable[[Path, Prediction, CloudSettings], None]
    there: Callable[[Prediction], bool] = lambda prediction: True


def _confidence(path: Path, prediction: Prediction, config: CloudSettings) -> None:
    if prediction.confidence is not None:
        everywhere = np.ones_like(prediction.valid)
        write_png(path, colorize(prediction.confidence, everywhere, Range(0.0, 1.0)))


def _cloud(path: Path, prediction: Prediction, config: CloudSettings) -> None:
    cloud = valid_cloud(prediction, config)
    write_ply(path, cloud.points, cloud.colors)


def write_npz(path: Path, prediction: Prediction) -> None:
    """Write the arrays of a prediction by name.

    ``depth`` (H x W, metres, NaN where invalid), ``valid`` (H x W), ``K`` (3 x 3 of this grid); of a stereo
    pair ``disparity`` (H x W, pixels, dense), ``baseline`` (metres), ``doffs`` (cx_left - cx_right, already
    taken off the disparity); and ``confidence`` (H x W, 0 to 1) where it was computed.
    """
    camera, match = prediction.camera, prediction.match
    arrays: dict[str, Any] = {
        "depth": prediction.depth,
        "valid": prediction.valid,
        "K": camera.matrix,
    }
    if match is not None:
        arrays["disparity"] = match.disparity
        arrays["baseline"] = np.float64(match.rig.baseline)
        arrays["doffs"] = np.float64(match.rig.doffs)
    if prediction.confidence is not None:
        arrays["confidence"] = prediction.confidence
    with atomic_write(path) as stream:
        np.savez(stream, **arrays)


FILES: Mapping[str, OutputFile] = {
    "left.png": OutputFile(
        "png", lambda path, made, config: write_png(path, made.image), lambda made: made.view == "left"
    ),
    "image.png": OutputFile(
        "png", lambda path, made, config: write_png(path, made.image), lambda made: made.view != "left"
    ),
    "disparity.png": OutputFile(
        "png",
        lambda path, made, config: write_png(path, colorize_disparity(made.disparity, made.valid)),
        lambda made: made.match is not None,
    ),
    "depth.png": OutputFile("png", lambda path, made, config: write_depth_png(path, made.depth)),
    "confidence.png": OutputFile("png", _confidence, lambda made: made.confidence is not None),
    "cloud.ply": OutputFile("ply", _cloud),
    "result.npz": OutputFile("npz", lambda path, made, config: write_npz(path, made)),
}
"""Name -> what is written under it: the view itself, disparity in colours, depth (16 bit, millimetres, 0 is
unknown), confidence in colours (red is sure), the coloured cloud, the arrays."""

KINDS = tuple(dict.fromkeys(row.kind for row in FILES.values()))
"""What `write_result` can write."""


def parse_kinds(text: str) -> tuple[str, ...]:
    """Split "png,ply,npz".

    Raises:
        ConfigError: a word is none of these.
    """
    kinds = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    _check(kinds)
    return kinds


def _check(kinds: Collection[str]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(f"unknown export {kind!r}; expected some of {','.join(KINDS)}")


def result_names(kinds: Collection[str], *, confidence: bool) -> list[str]:
    """Return the names of the `FILES` of these kinds that a stereo pair gives, with or without confidence."""
    return [n for n, row in FILES.items() if row.kind in kinds and (confidence or n != "confidence.png")]


def write_result(
    folder: Path, prediction: Prediction, config: CloudSettings, kinds: Collection[str], prefix: str = ""
) -> list[Path]:
    """Write one prediction: the `FILES` of these kinds for which it has what they show.

    Args:
        folder: made if missing.
        prediction: what to write.
        config: the cloud's stride and filters.
        kinds: some of `KINDS`.
        prefix: put before each name, as "000012_" for a frame of a recording.

    Returns:
        The files written.

    Raises:
        ConfigError: an unknown kind, or outliers are to be removed and Open3D is not installed.
        FileFormatError: a file cannot be written.
    """
    _check(kinds)
    written = []
    for name, row in FILES.items():
        if row.kind in kinds and row.there(prediction):
            written.append(folder / f"{prefix}{name}")
            row.write(written[-1], prediction, config)
    return written
