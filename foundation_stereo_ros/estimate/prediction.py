# SPDX-License-Identifier: Apache-2.0
"""What the pipeline knows about one stereo pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.shapes import DepthMap, DisparityMap, Mask, RgbImage


@dataclass(frozen=True, eq=False)
class Prediction:
    """Disparity and depth of the left image. All arrays share one grid, and ``stereo`` describes that grid.

    Attributes:
        left_rgb: the rectified left image, H x W x 3.
        disparity: H x W, pixels of this grid, x_left - x_right - (cx_left - cx_right) as in
            DisparityImage.msg. Dense: predictions are kept where ``valid`` is false.
        depth: H x W, metres; NaN where ``valid`` is false.
        valid: H x W; the pixel has a finite depth within the limits, and a counterpart in the right image.
        stereo: cameras of this grid, and the baseline.
        confidence: H x W, 0 to 1: 2 ** (-e / t) where e is the difference of the left and the right disparity
            in pixels of the network's image and t is ``confidence_threshold``; 1 is perfect, 0.5 is at the
            threshold, 0 has no counterpart. None where it was not asked for.
        seconds: time that each stage took, in the order of the stages.
        refinements: how many were made until ``early_stop`` or the end; None where the model does not say.
        note: what ``memory_budget`` changed, in one sentence; empty: nothing.
    """

    left_rgb: RgbImage
    disparity: DisparityMap
    depth: DepthMap
    valid: Mask
    stereo: StereoRig
    confidence: npt.NDArray[np.float32] | None
    seconds: Mapping[str, float]
    refinements: int | None = None
    note: str = ""
