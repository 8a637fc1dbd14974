# SPDX-License-Identifier: Apache-2.0
"""A picture of every stage of one frame, from the images over the inside of the network to the cloud."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from foundation_stereo_ros.demo.figures import hidden
from foundation_stereo_ros.demo.recording import StoredFrame
from foundation_stereo_ros.estimate.cloud import Cloud, picture_of_cloud, valid_cloud
from foundation_stereo_ros.estimate.grid import resize_disparity, resize_image, scaled_size
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.geometry.depth import depth_to_disparity, points_from_depth
from foundation_stereo_ros.io.report import Legend, Picture
from foundation_stereo_ros.io.visualize import Range, colorize, colorize_depth, value_range
from foundation_stereo_ros.nets.stereo import pad_to_multiple
from foundation_stereo_ros.shapes import DisparityMap, Mask, RgbImage

_REFINEMENTS_SHOWN = 3
_WORST_SHOWN = 4.0  # pixels: where the error's colours end


class Stages:
    """Draws one frame.

    Args:
        frame: as it was stored.
        cloud: its points, as they were stored.
        estimator: runs twice more, to show what happens inside the network and the check from the right
            image.
    """

    def __init__(self, frame: StoredFrame, cloud: Cloud, estimator: StereoEstimator) -> None:
        self._frame, self._cloud, self._estimator = frame, cloud, estimator
        self._exact = depth_to_disparity(frame.exact_depth, frame.stereo)
        self._seen: Mask = np.isfinite(self._exact) & ~hidden(self._exact)
        self._range = value_range(self._exact, np.isfinite(self._exact))
        self._legend = Legend(f"{self._range.low:.0f} px, far", f"{self._range.high:.0f} px, near")

    def pictures(self) -> dict[str, Picture]:
        """Return the pictures in the order of the pipeline, by the names of their files."""
        frame, checked = self._frame, self._checked()
        return {
            "left": Picture("Left image", frame.left, "As recorded."),
            "right": Picture(
                "Right image", frame.right, "Things have moved to the left, near ones farthest."
            ),
            **self._inside(),
            **self._disparities(),
            **self._depths(checked),
            **self._clouds(checked),
        }

    def _inside(self) -> dict[str, Picture]:
        if not self._estimator.in_torch:
            return {}  # nobody can look into a model of ONNX Runtime
        inside = look_inside(self._frame.left, self._frame.right, self._estimator)
        count = len(inside.refined)
        pictures = {
            "network_first": self._painted(
                "Network: first guess",
                inside.initial,
                f"From the filtered cost volume, at a quarter of the resolution. {self._off(inside.initial)}",
            )
        }
        for number in sorted({round(i) for i in np.linspace(1, count, _REFINEMENTS_SHOWN)}):
            refined = inside.refined[number - 1]
            pictures[f"network_{number:02d}"] = self._painted(
                f"Network: refinement {number} of {count}", refined, self._off(refined)
            )
        return pictures

    def _disparities(self) -> dict[str, Picture]:
        frame = self._frame
        return {
            "disparity": Picture(
                "Disparity",
                colorize(frame.disparity, frame.valid, self._range),
                "As in the recording. Dark: no valid depth, mostly because the right image ends there.",
                self._legend,
            ),
            "disparity_exact": self._painted("Exact disparity", self._exact, "From the renderer."),
            "error": Picture(
                "Error of the disparity",
                colorize(
                    np.abs(frame.disparity - self._exact), frame.valid & self._seen, Range(0.0, _WORST_SHOWN)
                ),
                "Dark: hidden from the right camera, or no estimate.",
                Legend("0 px", f"{_WORST_SHOWN:g} px or more"),
            ),
        }

    def _depths(self, checked: Prediction) -> dict[str, Picture]:
        frame = self._frame
        limits = value_range(frame.exact_depth, np.isfinite(frame.exact_depth))
        legend = Legend(f"{limits.low:.1f} m", f"{limits.high:.1f} m", reverse=True)
        confidence = np.zeros_like(frame.depth) if checked.confidence is None else checked.confidence
        return {
            "depth": Picture(
                "Depth", colorize_depth(frame.depth, limits), "Focal length x baseline / disparity.", legend
            ),
            "depth_exact": Picture(
                "Exact depth", colorize_depth(frame.exact_depth, limits), "In the recording as well.", legend
            ),
            "confidence": Picture(
                "Confidence",
                colorize(confidence, np.ones_like(frame.valid), Range(0.0, 1.0)),
                "The network runs once more, from the right image; 1: both agree. The setting confidence "
                "does this for every frame, and takes twice the time.",
                Legend("0", "1"),
            ),
        }

    def _clouds(self, checked: Prediction) -> dict[str, Picture]:
        frame = self._frame
        points = points_from_depth(frame.exact_depth, frame.stereo.left)
        known = np.isfinite(points).all(axis=-1)
        exact = Cloud(points[known], frame.left[known])
        consistent = valid_cloud(checked, self._estimator.config)
        return {
            "cloud": Picture(
                "Point cloud",
                picture_of_cloud(self._cloud),
                "As in the recording and in cloud.ply, from above and from the side. Streaks join near and "
                "far where the disparity's edges are not sharp.",
            ),
            "cloud_confident": Picture(
                "Point cloud, consistent points",
                picture_of_cloud(consistent),
                "What the setting confidence leaves: where both directions differ, there is no point.",
            ),
            "cloud_exact": Picture("Exact point cloud", picture_of_cloud(exact), "From the exact depth."),
        }

    def _checked(self) -> Prediction:
        own = self._estimator.config
        self._estimator.reconfigure(own.replace(confidence=True))
        try:
            return self._estimator(self._frame.left, self._frame.right, self._frame.stereo)
        finally:
            self._estimator.reconfigure(own)

    def _painted(self, title: str, disparity: DisparityMap, caption: str) -> Picture:
        image: RgbImage = colorize(disparity, np.isfinite(disparity), self._range)
        return Picture(title, image, caption, self._legend)

    def _off(self, disparity: DisparityMap) -> str:
        error = float(np.abs(disparity - self._exact)[self._seen].mean()) if self._seen.any() else 0.0
        return f"Off by {error:.2f} px on average where both cameras see the surface."


class Inside(NamedTuple):
    """Disparities of one pair, each H x W, in pixels of the given images.

    ``initial`` comes from the filtered cost volume alone, at a quarter of the resolution, whose blocks stay
    visible; ``refined`` holds the one after each refinement.
    """

    initial: DisparityMap
    refined: list[DisparityMap]


def look_inside(left: RgbImage, right: RgbImage, estimator: StereoEstimator) -> Inside:
    """Run the network once more on a rectified pair, and keep what it holds between its parts.

    Args:
        left, right: H x W x 3.
        estimator: its network, device, arithmetic, scale and number of refinements are used; a hierarchical
            run is shown as a plain one.
    """
    size = (left.shape[1], left.shape[0])
    small = scaled_size(size, estimator.config.scale)
    pixels = [torch.from_numpy(resize_image(image, small).copy()) for image in (left, right)]
    first, second = (image.to(estimator.device).permute(2, 0, 1)[None].float() for image in pixels)
    padded, padding = pad_to_multiple(first)
    iterations = estimator.model.config.refinements(estimator.config.iterations)
    half = estimator.dtype != torch.float32
    with torch.inference_mode(), torch.autocast(estimator.device.type, estimator.dtype, enabled=half):
        made = estimator.model(padded, padding.apply(second), iterations, every_iteration=True)
        initial = 4 * F.interpolate(made.initial, scale_factor=4, mode="nearest")
    maps = [padding.crop(tensor)[0, 0].float().cpu().numpy() for tensor in (initial, *made.refined)]
    whole = [resize_disparity(np.asarray(values, np.float32), size) for values in maps]
    return Inside(whole[0], whole[1:])
