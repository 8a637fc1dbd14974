# SPDX-License-Identifier: Apache-2.0
"""What the alignment of views is given: match ends by view, who is whose counterpart, and what they weigh.

Everything is padded to rectangles, one row a view, so that one operation serves all views: padding weighs 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from foundation_stereo_ros.estimate.views.alignment.canonical import CanonicalView, Floats
from foundation_stereo_ros.estimate.views.matching import Matches
from foundation_stereo_ros.estimate.views.pairs import Pair


class PointMap(NamedTuple):
    """What the network says about a view's pixels.

    Attributes:
        points: H x W x 3; in the view's own camera, or in that of another view.
        confidence: H x W, 1 or more.
    """

    points: Floats
    confidence: Floats


class AlignedView(NamedTuple):
    """One view of the problem.

    Attributes:
        canonical: what its pairs say about it together.
        focal: pixels; the estimate, or what is known.
        principal: column and row, pixels.
    """

    canonical: CanonicalView
    focal: float
    principal: tuple[float, float]


class Fallback(NamedTuple):
    """What weak pairs say, for F points.

    Attributes:
        end: F, flat index of a match end, E * view + place.
        view: F, the view in whose camera the point was predicted.
        points: F x 3, the same point in that camera.
        weight: F.
    """

    end: Tensor
    view: Tensor
    points: Tensor
    weight: Tensor


class Problem(NamedTuple):
    """The problem, in tensors. n views, E match ends at most a view, A anchors at most a view.

    Attributes:
        size: n x 2, width and height.
        focal: n, pixels.
        principal: n x 2, pixels.
        median: n; the median depth of the foreground's anchors.
        depths: n x A; depth at each anchor.
        anchor_pixel: n x A x 2, column and row.
        blocks: n; how many anchors are no padding.
        pixel: n x 2 x E, column and row of each match end.
        anchor: n x E; its block.
        offset: n x E; its depth relative to the anchor.
        partner: n * 3 * E; for numbers n x 3 x E at the match ends, the flat index of the same number at the
            other end.
        weight: n x E; the match's confidence; 0 for weak pairs and padding.
        ends: n; how many ends are no padding.
        fallback: of weak pairs; None: there are none, or they are not to count.
    """

    size: Tensor
    focal: Tensor
    principal: Tensor
    median: Tensor
    depths: Tensor
    anchor_pixel: Tensor
    blocks: Sequence[int]
    pixel: Tensor
    anchor: Tensor
    offset: Tensor
    partner: Tensor
    weight: Tensor
    ends: Sequence[int]
    fallback: Fallback | None


def condense(
    views: Sequence[AlignedView],
    matches: Mapping[Pair, Matches],
    weak: Mapping[Pair, tuple[PointMap, PointMap]] | None = None,
) -> Problem:
    """Bring views and matches in the form that is optimised.

    Args:
        views: n.
        matches: of each pair; each pair once, in either order.
        weak: pairs of ``matches`` whose matches do not count; the first view's points in the second one's
            camera, and the second view's in that of the first.
    """
    weak = weak or {}
    count = len(views)
    ends: list[list[npt.NDArray[np.int64]]] = [[] for _ in views]
    weights: list[list[Floats]] = [[] for _ in views]
    other: list[list[npt.NDArray[np.int64]]] = [[] for _ in views]  # rows: view, place in it
    filled = [0] * count
    for (a, b), pair in matches.items():
        number = len(pair)
        weight = np.zeros(number, np.float32) if (a, b) in weak else np.asarray(pair.confidence, np.float32)
        places = {view: filled[view] + np.arange(number) for view in (a, b)}
        for own, pixels, far in ((a, pair.first, b), (b, pair.second, a)):
            ends[own].append(np.asarray(pixels, np.int64).reshape(-1, 2))
            weights[own].append(weight)
            other[own].append(np.stack((np.full(number, far), places[far]), axis=1))
            filled[own] += number
    most = max([1, *filled])
    pixel = np.zeros((count, 2, most), np.float32)
    anchor = np.zeros((count, most), np.int64)
    offset = np.ones((count, most), np.float32)
    partner = np.arange(count * most).reshape(count, most)
    weight = np.zeros((count, most), np.float32)
    for index, view in enumerate(views):
        if not filled[index]:
            continue
        uv = np.concatenate(ends[index])
        place = slice(0, filled[index])
        block = view.canonical.anchors.block_of(uv[:, 0], uv[:, 1])
        relative = view.canonical.relative
        pixel[index, :, place], anchor[index, place] = uv.T, block
        offset[index, place] = (
            relative[uv[:, 1], uv[:, 0]] / relative.ravel()[view.canonical.anchors.pixels[block]]
        )
        weight[index, place] = np.concatenate(weights[index])
        counterpart = np.concatenate(other[index])
        partner[index, place] = counterpart[:, 0] * most + counterpart[:, 1]

    grids = [view.canonical.anchors for view in views]
    blocks = [len(grid.pixels) for grid in grids]
    depths = np.ones((count, max(blocks)), np.float32)
    anchor_pixel = np.zeros((count, max(blocks), 2), np.float32)
    for index, (view, grid) in enumerate(zip(views, grids, strict=True)):
        depths[index, : blocks[index]] = view.canonical.depths
        anchor_pixel[index, : blocks[index], 1], anchor_pixel[index, : blocks[index], 0] = np.divmod(
            grid.pixels, grid.width
        )
    return Problem(
        size=torch.tensor([(grid.width, grid.height) for grid in grids], dtype=torch.float32),
        focal=torch.tensor([view.focal for view in views], dtype=torch.float32),
        principal=torch.tensor([view.principal for view in views], dtype=torch.float32),
        median=torch.tensor([_median(view.canonical) for view in views], dtype=torch.float32),
        depths=torch.from_numpy(depths),
        anchor_pixel=torch.from_numpy(anchor_pixel),
        blocks=blocks,
        pixel=torch.from_numpy(pixel),
        anchor=torch.from_numpy(anchor),
        offset=torch.from_numpy(offset),
        partner=torch.from_numpy(_of_three(partner)),
        weight=torch.from_numpy(weight),
        ends=filled,
        fallback=_fallback(views, weak, anchor, filled) if weak else None,
    )


def _of_three(partner: npt.NDArray[np.int64]) -> npt.NDArray[np.integer]:
    """From the index of an end to those of its three coordinates, in half the memory where it suffices."""
    most = partner.shape[1]
    flat = (partner // most * 3 * most + partner % most)[:, None] + most * np.arange(3)[:, None]
    return np.ravel(flat).astype(np.int32 if flat.size < 1 << 31 else np.int64)


def _median(view: CanonicalView) -> float:
    """The lower median over the foreground's anchors: cameras turn about what is there, not before a wall."""
    depths = np.sort(view.depths[view.mask.ravel()[view.anchors.pixels]])
    return float(depths[(len(depths) - 1) // 2]) if len(depths) else 1.0


def _fallback(
    views: Sequence[AlignedView],
    weak: Mapping[Pair, tuple[PointMap, PointMap]],
    anchor: npt.NDArray[np.int64],
    filled: Sequence[int],
) -> Fallback:
    end, view, points, weight = [], [], [], []
    for (a, b), (first_in_second, second_in_first) in weak.items():
        for shown, camera, cross in ((a, b, first_in_second), (b, a, second_in_first)):
            block = anchor[shown, : filled[shown]]
            # The corner of the block stands for all of it, as in the reference.
            sample = views[shown].canonical.anchors.corners()[block]
            end.append(shown * anchor.shape[1] + np.arange(filled[shown]))
            view.append(np.full(filled[shown], camera))
            points.append(cross.points.reshape(-1, 3)[sample])
            weight.append(cross.confidence.ravel()[sample])
    return Fallback(
        torch.from_numpy(np.concatenate(end)),
        torch.from_numpy(np.concatenate(view)),
        torch.from_numpy(np.concatenate(points).astype(np.float32)),
        torch.from_numpy(np.concatenate(weight).astype(np.float32)),
    )
