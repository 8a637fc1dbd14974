# SPDX-License-Identifier: Apache-2.0
"""From views, what the network says about their pairs, and matches, to a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from foundation_stereo_ros.estimate.views.alignment.cameras import CameraModel, Parameters
from foundation_stereo_ros.estimate.views.alignment.canonical import Floats
from foundation_stereo_ros.estimate.views.alignment.dense import PlacedDepth, carved, cleaned, dense_depth
from foundation_stereo_ros.estimate.views.alignment.descent import Progress
from foundation_stereo_ros.estimate.views.alignment.losses import residuals
from foundation_stereo_ros.estimate.views.alignment.selection import (
    MatchesOfPairs,
    Predictions,
    Selection,
    select,
)
from foundation_stereo_ros.estimate.views.alignment.stages import Alignment, align
from foundation_stereo_ros.estimate.views.config import AlignmentSettings
from foundation_stereo_ros.estimate.views.remarks import PoorAgreement
from foundation_stereo_ros.estimate.views.scene import Coarse, PairReport, Scene, SceneView, View
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.shapes import Matrix

_FEW = 200_000  # numbers in a step below which threads cost more than they bring
_POOR = 0.015  # of the image's longer side, that matches are off by where views do not agree


def solve(
    views: Sequence[View],
    predictions: Predictions,
    matches: MatchesOfPairs,
    settings: AlignmentSettings | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Scene:
    """Join views to a scene. The same input gives the same scene.

    Args:
        views: two or more.
        predictions: of pairs, by the indices of their views; each pair once, in either order. It is read
            twice, pair by pair, and may read from a disk.
        matches: of the same pairs; confidences are roots of products of those of descriptors.
        settings: of the alignment.
        progress: is told stage, step, number of steps and loss.
        stop: true: give back what has been found so far.

    Raises:
        SceneError: no two views share enough, a name comes twice, or a fixed pose is missing.
        ImageError: something does not have the size of its view.
    """
    settings = settings or AlignmentSettings()
    selection = select(views, predictions, matches, settings)
    numbers = 3 * sum(len(found) for found in selection.matches.values())
    with _threads(1 if numbers < _FEW else torch.get_num_threads()):
        alignment = align(selection, views, settings, progress, stop)
    apart = residuals(alignment.model, alignment.result)
    reports = _reports(selection, views, apart.numpy())
    remarks = [*selection.remarks, *alignment.remarks]
    longest = max(max(view.image.shape[:2]) for view in views)
    missed = float(np.median(np.concatenate([off for _, off in reports]))) if reports else 0.0
    if missed > _POOR * longest:
        remarks.append(PoorAgreement(missed, missed / longest))
    return Scene(
        views=_solved(selection, alignment, views, settings),
        pairs=tuple(report for report, _ in reports),
        losses=alignment.losses,
        coarse=Coarse(*_cameras(alignment.model, alignment.coarse)),
        stage=alignment.stage,
        masked=selection.masked,
        remarks=tuple(remarks),
    )


def _solved(
    selection: Selection, alignment: Alignment, views: Sequence[View], settings: AlignmentSettings
) -> tuple[SceneView, ...]:
    model, result = alignment.model, alignment.result
    cameras, poses = _cameras(model, result)
    lenses = model.lenses(result)
    depths = model.unit_depths(result, lenses) * model.placement(result, lenses).size[:, None]
    placed, masks = [], []
    for place, aligned in enumerate(selection.views):
        canonical = aligned.canonical
        anchors = depths[place, : len(canonical.depths)].numpy()
        stretch = float(model.problem.focal[place] / lenses.focal[place])
        confidence = np.where(canonical.mask, canonical.confidence, np.float32(0)).astype(np.float32)
        depth = dense_depth(canonical, anchors, stretch)
        placed.append(PlacedDepth(cameras[place], poses[place], depth, confidence))
        masks.append(canonical.mask)
    left: list[Floats] = [view.confidence for view in placed]
    if settings.silhouette and selection.masked:
        left = carved(placed, [_given_mask(views[index]) for index in selection.chosen])
    if settings.clean:
        left = cleaned([view._replace(confidence=c) for view, c in zip(placed, left, strict=True)])
    return tuple(
        SceneView(views[index].name, views[index].image, *view, surest, mask, views[index].grid)
        for index, view, surest, mask in zip(selection.chosen, placed, left, masks, strict=True)
    )


def _given_mask(view: View) -> npt.NDArray[np.bool_]:
    return np.ones(view.image.shape[:2], bool) if view.mask is None else view.mask


def _cameras(model: CameraModel, parameters: Parameters) -> tuple[tuple[Camera, ...], tuple[Matrix, ...]]:
    """Cameras and poses; the first camera is the world, unless poses are known."""
    lenses = model.lenses(parameters)
    where = model.placement(parameters, lenses)
    poses = np.tile(np.eye(4), (len(lenses.focal), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = where.rotation.double(), where.centre.double()
    if model.poses is None:
        poses = np.linalg.inv(poses[0]) @ poses
        poses[0] = np.eye(4)
    cameras = [
        Camera(int(width), int(height), focal, focal, cx, cy)
        for (width, height), focal, (cx, cy) in zip(
            model.problem.size.tolist(), lenses.focal.tolist(), lenses.principal.tolist(), strict=True
        )
    ]
    return tuple(cameras), tuple(poses)


def _reports(selection: Selection, views: Sequence[View], apart: Floats) -> list[tuple[PairReport, Floats]]:
    """Of each pair whose matches count, in both views."""
    filled = dict.fromkeys(range(len(selection.chosen)), 0)
    found = []
    for pair, matches in selection.matches.items():
        number = len(matches)
        off = np.concatenate([apart[view, filled[view] : filled[view] + number] for view in pair])
        for view in pair:
            filled[view] += number
        if pair not in selection.weak:
            first, second = (views[selection.chosen[view]].name for view in pair)
            found.append((PairReport(first, second, number, float(np.median(off))), off))
    return found


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
