# SPDX-License-Identifier: Apache-2.0
"""What happens to one pair inside the network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from foundation_stereo_ros.estimate.estimator import StereoEstimator
from foundation_stereo_ros.estimate.grid import resize_disparity, resize_image, scaled_size
from foundation_stereo_ros.nets.stereo import pad_to_multiple
from foundation_stereo_ros.shapes import DisparityMap, RgbImage


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
