# SPDX-License-Identifier: Apache-2.0
"""Pictures of a pair, its disparity and the error, for people."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from foundation_stereo_ros.shapes import RgbImage

WRONG = 5.0
"""Pixels of error that are painted red; the right ones are blue."""

_UNKNOWN = (24, 24, 28)  # near black, which the colour map does not contain


class Shown(NamedTuple):
    """One pair.

    Attributes:
        left, right: 3 x H x W, 0 to 255.
        truth, estimate: 1 x H x W, pixels.
        valid: 1 x H x W bool: where the truth is known.
    """

    left: Tensor
    right: Tensor
    truth: Tensor
    valid: Tensor
    estimate: Tensor


def panel(shown: Shown) -> RgbImage:
    """Paint a pair: left, right and error above the true and the estimated disparity (2 H x 3 W x 3).

    Disparities have the colours of the truth's range; what nobody knows is dark.
    """
    truth, estimate = (x.detach()[0].float().cpu().numpy() for x in (shown.truth, shown.estimate))
    valid = shown.valid[0].cpu().numpy()
    known = truth[valid]
    low, high = np.percentile(known, (2, 98)) if known.size else (0.0, 1.0)
    everywhere = np.ones_like(valid)
    error = paint(np.abs(estimate - truth), valid, 0.0, WRONG)
    views = [np.ascontiguousarray(_bytes(view)) for view in (shown.left, shown.right)]
    maps = [paint(truth, valid, low, high), paint(estimate, everywhere, low, high)]
    rest = np.full_like(error, _UNKNOWN)
    return np.concatenate([np.concatenate([*row], 1) for row in ((*views, error), (*maps, rest))], 0)


def paint(values: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], low: float, high: float) -> RgbImage:
    """Paint H x W values from blue at ``low`` to red at ``high``; invalid ones are dark."""
    valid = valid & np.isfinite(values)
    level = np.clip((np.where(valid, values, low) - low) / max(high - low, 1e-6), 0.0, 1.0)
    painted = cv2.applyColorMap(np.rint(level * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1].copy()
    painted[~valid] = _UNKNOWN
    return np.asarray(painted, np.uint8)


def _bytes(view: Tensor) -> RgbImage:
    return np.asarray(view.detach().float().clamp(0, 255).round().byte().permute(1, 2, 0).cpu().numpy())
