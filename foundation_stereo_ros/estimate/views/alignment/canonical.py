# SPDX-License-Identifier: Apache-2.0
"""What a view alone says about itself: one pointmap out of those of all its pairs, and the focal length.

As in MASt3R-SfM (arXiv 2409.19152, section 4.1). All points are in the view's own camera.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.estimate.views.alignment.anchors import AnchorGrid, anchor_grid
from foundation_stereo_ros.shapes import Mask, Matrix

Floats = npt.NDArray[np.float32]

_LEAST_WEIGHT = 0.999  # a confidence of 1, the least, weighs 0.001
_EPSILON = np.float32(np.finfo(np.float32).eps)
_TINY = np.float32(1e-8)
RELATIVE = (0.05, 20.0)
"""Depths relative to their anchor are kept in this range; beyond it, one of the two is wrong."""

_ROUNDS = 10  # of Weiszfeld's algorithm
_FOCAL = (0.5, 3.5)  # relative to that of a field of view of 60 degrees


class CanonicalView(NamedTuple):
    """What the pairs of a view say about it together.

    Attributes:
        points: H x W x 3, in the view's camera; the mean of its pointmaps, weighted by their confidence.
        confidence: H x W, 0.001 or more; about 1 less than the network's.
        relative: H x W; depth of each pixel relative to its block's anchor, 1 at the anchor.
        anchors: of the view.
        depths: blocks; the depth at each anchor.
        mask: H x W; foreground pixels whose points can be used.
    """

    points: Floats
    confidence: Floats
    relative: Floats
    anchors: AnchorGrid
    depths: Floats
    mask: Mask


def canonical_view(points: Floats, confidence: Floats, mask: Mask, mode: str = "angle") -> CanonicalView:
    """Join the pointmaps of a view.

    The background keeps its points but has no say. Foreground that has no finite point counts as background,
    and so does a block whose anchor is not in front of the camera.

    Args:
        points: K x H x W x 3, one pointmap of each of the view's pairs, in its own camera.
        confidence: K x H x W, 1 or more.
        mask: H x W; the foreground.
        mode: how depths relative to the anchor are averaged: ``angle`` (the angle under which they rise from
            it) or ``ratio``.
    """
    finite: Mask = np.asarray(np.isfinite(points).all(axis=(0, 3)) & np.isfinite(confidence).all(axis=0))
    mask = np.asarray(mask & finite)
    points = np.where(finite[..., None], points, np.float32(0))
    weight = np.where(mask, np.maximum(confidence, 1), 1).astype(np.float32) - np.float32(_LEAST_WEIGHT)
    total = weight.sum(axis=0)
    joint = (weight[..., None] * points).sum(axis=0) / total[..., None]

    anchors = anchor_grid(mask)
    blocks = anchors.blocks()
    depths = joint.reshape(-1, 3)[anchors.pixels, 2]
    own = points.reshape(len(points), -1, 3)[:, anchors.pixels][:, blocks]  # K x H x W x 3: each one's anchor
    nearest = np.maximum(own[..., 2], _EPSILON)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if mode == "angle":
            radius = np.maximum(np.linalg.norm(points[..., :2] - own[..., :2], axis=-1), _TINY)
            angle = np.arctan((points[..., 2] - nearest) / radius)
            rise = radius.mean(axis=0) * np.tan((weight * angle).sum(axis=0) / total)
            relative = 1 + rise / depths[blocks]
        else:
            relative = (weight * points[..., 2] / nearest).sum(axis=0) / total
    relative = np.clip(np.nan_to_num(relative, nan=1.0), *RELATIVE).astype(np.float32)
    mask = np.asarray(mask & (depths > 0)[blocks])
    return CanonicalView(joint, (weight**2).sum(axis=0) / total, relative, anchors, depths, mask)


def focal_of(points: Floats, mask: Mask, principal: tuple[float, float] | None = None) -> float:
    """Return the focal length in pixels that fits a pointmap, by Weiszfeld's algorithm.

    Args:
        points: H x W x 3, in the camera.
        mask: H x W; the pixels that count, all alike. The background of an object that was turned before it
            stands for another focal length.
        principal: column and row of the principal point; None: (W / 2, H / 2).

    Returns:
        From 0.5 to 3.5 times that of a field of view of 60 degrees over the longer side.
    """
    height, width = mask.shape
    cx, cy = principal or (width / 2, height / 2)
    v, u = np.nonzero(mask)
    pixel = np.stack((u - cx, v - cy), axis=1)
    chosen = points[v, u].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ray = np.nan_to_num(chosen[:, :2] / chosen[:, 2:], nan=0.0, posinf=0.0, neginf=0.0)
    along, square = (ray * pixel).sum(axis=1), (ray * ray).sum(axis=1)
    typical = max(height, width) / (2 * math.tan(math.radians(30)))
    if not square.any():
        return float(typical)
    focal = along.sum() / square.sum()
    for _ in range(_ROUNDS):
        weight = 1 / np.maximum(np.linalg.norm(pixel - focal * ray, axis=1), 1e-8)
        focal = (weight * along).sum() / (weight * square).sum()
    return float(np.clip(focal, _FOCAL[0] * typical, _FOCAL[1] * typical))


class DepthBasis(NamedTuple):
    """Few numbers instead of one depth for each anchor.

    Attributes:
        basis: blocks x k.
        start: k; the coefficients whose depths are nearest to those given.
    """

    basis: Floats
    start: Floats


def depth_basis(
    depths: Floats, pixels: Floats, matrix: Matrix, rank: int, gamma: float, least: float
) -> DepthBasis:
    """Return smooth functions over a view's anchors: the lowest eigenvectors of a Laplacian of their points.

    Args:
        depths: blocks.
        pixels: blocks x 2, column and row of each anchor.
        matrix: K of the view.
        rank: how many functions; at most as many as blocks.
        gamma: how fast the weight between two anchors falls with their distance relative to their depth.
        least: a function is scaled by its coefficient, or by this if that is smaller.
    """
    z = depths.astype(np.float64)
    rays = np.concatenate((pixels, np.ones((len(z), 1))), axis=1) @ np.linalg.inv(matrix).T
    points = rays * z[:, None]
    apart = np.linalg.norm(points[:, None] - points, axis=-1) / np.maximum(z[:, None] + z, 1e-6)
    weight = np.exp(-gamma * apart**2)
    np.fill_diagonal(weight, 0)
    root = 1 / np.sqrt(np.maximum(weight.sum(axis=1), 1e-12))
    laplacian = np.eye(len(z)) - root[:, None] * weight * root
    basis = np.linalg.eigh(laplacian)[1][:, :rank]
    basis = basis * np.maximum(np.abs(np.linalg.pinv(basis) @ z), least)
    return DepthBasis(basis.astype(np.float32), (np.linalg.pinv(basis) @ z).astype(np.float32))
