# SPDX-License-Identifier: Apache-2.0
"""How far the demonstration's result is from the exact depth, from what the result's recording holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from foundation_stereo_ros.demo.recording import StoredFrame, stored_frames
from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.evaluate.metrics import average, error_metrics
from foundation_stereo_ros.geometry.depth import depth_to_disparity
from foundation_stereo_ros.shapes import DisparityMap, Mask

_HIDDEN_BY = 1.0
"""Pixels of disparity by which something must be nearer to hide what lies behind it."""


@dataclass(frozen=True)
class Errors:
    """Means over frames of what was compared: ``epe`` pixels; ``bp2`` per cent of pixels off by more than 2
    pixels; ``abs_rel`` mean error of the depth as per cent of the depth."""

    epe: float
    bp2: float
    abs_rel: float


@dataclass(frozen=True)
class Figures:
    """What the comparison says.

    Attributes:
        visible: where both cameras see the surface.
        everywhere: wherever there is an estimate.
        valid: per cent of all pixels that have one.
        shown_ns: stamp of the frame to show, in the middle.
    """

    visible: Errors
    everywhere: Errors
    valid: float
    shown_ns: int


def compare(path: Path, config: PipelineConfig, *, on_frame: Callable[[], None] = lambda: None) -> Figures:
    """Compare every frame of a result's recording with the exact depth in it.

    Args:
        path: the recording.
        config: its limits of depth: nothing beyond them is compared.
        on_frame: called after each frame.

    Raises:
        BagError: it cannot be read, or holds no frame.
    """
    visible, everywhere, valid, stamps = [], [], [], []
    for frame in stored_frames(path):
        exact = depth_to_disparity(frame.exact_depth, frame.stereo)
        in_reach = (frame.exact_depth >= config.z_near) & (frame.exact_depth <= config.z_far)
        compared = frame.valid & np.isfinite(frame.depth) & np.isfinite(exact) & in_reach
        visible.append(_errors(frame, exact, compared & ~hidden(exact)))
        everywhere.append(_errors(frame, exact, compared))
        valid.append(float(frame.valid.mean()))
        stamps.append(frame.stamp_ns)
        on_frame()
    if not stamps:
        raise BagError(f"{path} holds no frame with exact depth and a result")
    return Figures(
        Errors(**average(visible)),
        Errors(**average(everywhere)),
        100 * float(np.mean(valid)),
        stamps[len(stamps) // 2],
    )


def hidden(disparity: DisparityMap) -> Mask:
    """Tell which pixels of the left image the right camera does not see, from the exact disparity alone.

    Each pixel is put where the right camera has it; of several at one place the nearest hides the others.
    What lies outside the right image is hidden as well.

    Args:
        disparity: H x W, pixels; both principal points alike.

    Returns:
        H x W.
    """
    height, width = disparity.shape
    rows, columns = np.mgrid[:height, :width]
    known = np.isfinite(disparity)
    shift = np.where(known, disparity, 0)
    target = columns - shift
    inside = known & (target >= 0)
    nearest = np.zeros((height, width + 1), np.float32)
    # Both neighbours of the place between pixels, so that slanted surfaces leave no holes.
    low = np.floor(np.clip(target, 0, width - 1)).astype(np.intp)
    for column in (low, low + 1):
        np.maximum.at(nearest, (rows[inside], column[inside]), shift[inside])
    seen = np.minimum(nearest[rows, low], nearest[rows, low + 1])
    return np.asarray(~inside | (seen > shift + _HIDDEN_BY), np.bool_)


def _errors(frame: StoredFrame, exact: DisparityMap, mask: Mask) -> dict[str, torch.Tensor]:
    chosen = torch.from_numpy(mask)
    metrics = error_metrics(torch.from_numpy(frame.disparity), torch.from_numpy(exact), chosen)
    relative = np.abs(frame.depth[mask] / frame.exact_depth[mask] - 1)
    # An empty mask is NaN for all figures alike and left out of the means.
    abs_rel = 100 * float(relative.mean()) if relative.size else float("nan")
    return {"epe": metrics["epe"], "bp2": metrics["bp2"], "abs_rel": torch.tensor(abs_rel)}
