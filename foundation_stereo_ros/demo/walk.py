# SPDX-License-Identifier: Apache-2.0
"""Depth from posed video, on twelve images of a real walk that come with the package (``walk_data``)."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from foundation_stereo_ros.datasets.posed_layouts import open_posed_video
from foundation_stereo_ros.estimate.cloud import Cloud, picture_of_cloud
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.geometry.filters import voxel_downsample
from foundation_stereo_ros.geometry.poses import motion
from foundation_stereo_ros.io.ply import write_ply
from foundation_stereo_ros.io.report import Figure, Legend, Picture
from foundation_stereo_ros.io.visualize import Range, colorize, colorize_depth
from foundation_stereo_ros.shapes import Matrix

_SURE = 0.5  # least confidence of a point that is shown
_VOXEL = 0.015  # metres
_FAR = 5.0  # metres: beyond, the points of a small network lie too far apart to look like anything
_RANGE = Range(0.5, _FAR)


class Walk(NamedTuple):
    """What came of it.

    Attributes:
        pictures: for the page, by the names of their files.
        figures: for the page.
        cloud: the file with the points of all images.
    """

    pictures: dict[str, Picture]
    figures: list[Figure]
    cloud: Path


def walk(folder: Path, device: torch.device) -> Walk:
    """Estimate the depths of the walk, and join their points.

    Args:
        folder: gets ``walk.ply``.
        device: where the network runs.

    Raises:
        FileFormatError: the file cannot be written.
    """
    estimator = VideoEstimator(VideoSettings(device=str(device)))
    video = open_posed_video(Path(str(resources.files("foundation_stereo_ros"))) / "demo" / "walk_data")
    found: list[tuple[Prediction, Matrix]] = []
    for frame in video.frames:
        image = video.image(frame)
        prediction = estimator.step(PosedImage(image, video.camera(image), frame.pose))
        if prediction is not None:
            found.append((prediction, frame.pose))
    shown, pose = found[len(found) // 2]
    cloud = _joined(found, pose)
    write_ply(folder / "walk.ply", cloud.points, cloud.colors)
    seconds = float(np.median([sum(p.seconds.values()) for p, _ in found]))
    figures = [
        Figure(
            "Posed video",
            f"{1 / seconds:.1f} frames/s",
            f"{len(found)} real images of {shown.camera.width} x {shown.camera.height} pixels; median",
        )
    ]
    return Walk(_pictures(shown, cloud), figures, folder / "walk.ply")


def _joined(found: list[tuple[Prediction, Matrix]], into: Matrix) -> Cloud:
    """Return the sure points of all predictions in one camera's frame."""
    parts = []
    for prediction, pose in found:
        points = prediction.points().reshape(-1, 3)
        sure = prediction.valid if prediction.confidence is None else prediction.confidence >= _SURE
        keep = np.isfinite(points).all(axis=1) & sure.ravel() & (points[:, 2] < _FAR)
        move = motion(pose, into)
        moved = points[keep] @ move[:3, :3].T + move[:3, 3]
        parts.append(Cloud(moved.astype(np.float32), prediction.image.reshape(-1, 3)[keep]))
    points, colors = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Cloud(*voxel_downsample(points, colors, _VOXEL))


def _pictures(shown: Prediction, cloud: Cloud) -> dict[str, Picture]:
    pictures = {
        "walk": Picture(
            "Posed video: an image",
            shown.image,
            "One of twelve real images of a walk with one camera, whose poses are known.",
        ),
        "walk_depth": Picture(
            "Its depth",
            colorize_depth(shown.depth, _RANGE),
            "From this image and the ones before it. Black: no earlier image shows it.",
            Legend(f"{_RANGE.low:g} m", f"{_RANGE.high:g} m", reverse=True),
        ),
    }
    if shown.confidence is not None:
        pictures["walk_confidence"] = Picture(
            "How sure it is",
            colorize(shown.confidence, np.ones(shown.confidence.shape, bool), Range(0.0, 1.0)),
            "By the network itself; least sure at edges and at what no earlier image shows.",
            Legend("0", "1"),
        )
    pictures["walk_cloud"] = Picture(
        "The walk's points",
        picture_of_cloud(cloud, 960, 640, yaw_deg=8.0, pitch_deg=10.0),
        "All depths together, in one frame, as walk.ply has them. `foundation_stereo video` does this with "
        "your images, and with --fuse it makes a mesh.",
    )
    return pictures
