# SPDX-License-Identifier: Apache-2.0
"""The two stages that bring views together, and when the second one is not to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.errors import SceneError
from foundation_stereo_ros.estimate.remarks import Remark
from foundation_stereo_ros.estimate.views.alignment.cameras import CameraModel, DepthForm, Parameters
from foundation_stereo_ros.estimate.views.alignment.descent import Descent, Progress, Stage, descend
from foundation_stereo_ros.estimate.views.alignment.losses import Agreement
from foundation_stereo_ros.estimate.views.alignment.problem import condense
from foundation_stereo_ros.estimate.views.alignment.selection import Selection
from foundation_stereo_ros.estimate.views.alignment.tree import tree_of
from foundation_stereo_ros.estimate.views.config import AlignmentSettings
from foundation_stereo_ros.estimate.views.remarks import FineRefused, IllConditioned, StoppedEarly
from foundation_stereo_ros.estimate.views.scene import View

_POSE = ("rotation", "shift", "size")
_LEAST_SHARE = 0.15  # of the image that an object must cover,
_LEAST_MATCHES = 25  # and matches that a pair must have, for the fine stage to improve anything


class Alignment(NamedTuple):
    """Where the views came to be.

    Attributes:
        model: turns parameters into cameras.
        coarse: parameters after the first stage.
        result: those of the stage that counts.
        stage: its name.
        losses: of each stage.
        remarks: what became of the stages.
    """

    model: CameraModel
    coarse: Parameters
    result: Parameters
    stage: str
    losses: Mapping[str, Sequence[float]]
    remarks: list[Remark]


def align(
    selection: Selection,
    views: Sequence[View],
    settings: AlignmentSettings,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Alignment:
    """Find poses, sizes, intrinsics and depths.

    Args:
        selection: what is aligned.
        views: all that were given.
        settings: of the alignment.
        progress: is told each loss.
        stop: true: give back what there is.

    Raises:
        SceneError: poses are to be fixed, and a view has none.
    """
    chosen = [views[index] for index in selection.chosen]
    model, start = _model(selection, chosen, settings)
    held = _held(model, chosen, settings)
    count = len(chosen)
    published = settings.train_intrinsics == "shared_published"
    repeat = {"principal": count, "focal": count} if published else {}
    gamma = settings.coarse_gamma or (0.5 if selection.masked else 1.5)
    names = ("size",) if model.poses is not None else _POSE
    stage = Stage("coarse", settings.coarse_iterations, settings.coarse_rate, names, repeat)
    coarse = descend(start, Agreement(model, gamma, False, start), stage, held, progress, stop)
    remarks = _ended(coarse, stage)
    done = Alignment(model, coarse.result, coarse.result, "coarse", {"coarse": coarse.losses}, remarks)
    doubt = _ill_conditioned(selection)
    if doubt is not None:
        return done._replace(remarks=[*remarks, doubt])
    if not (coarse.finished and settings.fine_iterations):
        return done

    names = (*names, *_fine_names(selection, chosen, settings))
    stage = Stage("fine", settings.fine_iterations, settings.fine_rate, names, repeat)
    fixed = coarse.after if not {"principal", "focal"} & {*names} else None
    loss = Agreement(model, settings.fine_gamma, True, fixed, depths_move="depth" in names)
    fine = descend(coarse.after, loss, stage, held, progress, stop)
    remarks += _ended(fine, stage)
    losses = {"coarse": coarse.losses, "fine": fine.losses}
    refused = _turned(model, coarse.result, fine.result, chosen, settings) if selection.masked else None
    if refused is not None or not fine.losses:
        return done._replace(losses=losses, remarks=[*remarks, *([refused] if refused else [])])
    return Alignment(model, coarse.result, fine.result, "fine", losses, remarks)


def _model(
    selection: Selection, chosen: Sequence[View], settings: AlignmentSettings
) -> tuple[CameraModel, Parameters]:
    problem = condense(selection.views, selection.matches, selection.weak)
    blocks = np.array([len(view.canonical.depths) for view in selection.views])
    tree = tree_of(selection.counts, blocks, settings.tree)
    form = DepthForm(
        settings.depth_multiply,
        settings.depth_logarithm,
        settings.depth_rank,
        settings.depth_gamma,
        settings.depth_least,
    )
    shared = None
    if settings.train_intrinsics.startswith("shared"):
        means = [view.canonical.confidence[view.canonical.mask].mean() for view in selection.views]
        shared = torch.tensor(means, dtype=torch.float32)
    known = [view.pose for view in chosen]
    if settings.known_poses != "fixed":
        model = CameraModel(problem, tree, form, shared)
        return model, model.start(
            known if settings.known_poses == "start" and any(p is not None for p in known) else ()
        )
    for view in chosen:
        if view.pose is None:
            raise SceneError(f"{view.name} has no pose; expected one for each view, as they are to be fixed")
    poses = torch.from_numpy(np.stack([np.asarray(pose, np.float32) for pose in known]))
    model = CameraModel(problem, tree, form, shared, (poses[:, :3, :3], poses[:, :3, 3]))
    return model, model.start()


def _held(model: CameraModel, chosen: Sequence[View], settings: AlignmentSettings) -> dict[str, Tensor]:
    # Moving all cameras together changes nothing: the root stays, or rounding would make it wander.
    rest = torch.ones(len(chosen), 1)
    rest[model.root] = 0
    held = {"rotation": rest, "shift": rest}
    if settings.train_intrinsics == "auto":
        unknown = torch.tensor([float(view.camera is None) for view in chosen])
        held |= {"focal": unknown, "principal": unknown[:, None]}
    return held


def _fine_names(selection: Selection, chosen: Sequence[View], settings: AlignmentSettings) -> tuple[str, ...]:
    known = selection.masked or all(view.camera is not None for view in chosen)
    fixed = settings.train_intrinsics == "fixed" or (settings.train_intrinsics == "auto" and known)
    lens = () if fixed else (("principal", "focal") if settings.train_principal else ("focal",))
    return (*lens, "depth") if settings.train_depth else lens


def _ended(descent: Descent, stage: Stage) -> list[Remark]:
    if descent.finished:
        return []
    return [StoppedEarly(stage.name, len(descent.losses), stage.iterations)]


def _ill_conditioned(selection: Selection) -> IllConditioned | None:
    if not selection.masked:
        return None
    share = min(float(view.canonical.mask.mean()) for view in selection.views)
    counts = sorted(len(found) for found in selection.matches.values())
    typical = counts[len(counts) // 2]
    if share >= _LEAST_SHARE and typical >= _LEAST_MATCHES:
        return None
    return IllConditioned(share, typical)


def _turned(
    model: CameraModel,
    before: Parameters,
    after: Parameters,
    chosen: Sequence[View],
    settings: AlignmentSettings,
) -> FineRefused | None:
    """The greatest turn of one view against another between two results, if it is too great."""
    first, second = (model.placement(p, model.lenses(p)).rotation.double() for p in (before, after))
    turn = (second @ first.transpose(1, 2)).numpy()  # each camera's own, in the world
    relative = np.einsum("iab,jac->ijbc", turn, turn)
    cosine = (np.trace(relative, axis1=2, axis2=3) - 1) / 2
    angles = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    i, j = divmod(int(angles.argmax()), len(angles))
    if angles[i, j] <= settings.max_turn:
        return None
    return FineRefused(chosen[i].name, chosen[j].name, float(angles[i, j]), settings.max_turn)
