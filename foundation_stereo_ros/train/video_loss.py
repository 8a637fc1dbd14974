# SPDX-License-Identifier: Apache-2.0
"""What training a network for posed video minimises.

DeepVideoMVS as published (arXiv 2012.02177, section 3.4), by errors of inverse depth at five sizes: pairnet
learns from pairs, each view once as reference; fusionnet from short sequences, through which gradients pass.
The lean network learns from short sequences as well, by the loss of the lean stereo network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from foundation_stereo_ros.nets.parts.lean.features import LeanPyramid
from foundation_stereo_ros.nets.video import DeepVideoMVS, LeanVideo, Motion
from foundation_stereo_ros.nets.video.interface import MULTIPLE
from foundation_stereo_ros.nets.video.lean.model import LeanFrame
from foundation_stereo_ros.nets.video.lean.sweep import Descriptors, Planes, Seen
from foundation_stereo_ros.nets.video.mvs.features import VideoPyramid
from foundation_stereo_ros.nets.video.projection import moved, project, unproject
from foundation_stereo_ros.train.lean_loss import LossWeights, Truth, lean_loss, weighted

_COMPARED = 2  # earlier frames
_SAME = 1.05  # a surface is hidden where another one is nearer by more than this factor


class PosedBatch(NamedTuple):
    """The same moment of B videos.

    Attributes:
        image: B x 3 x H x W, red, green, blue, 0 to 255.
        depth: B x H x W, metres; 0 where unknown.
        pose: B x 4 x 4, from camera to world, double precision.
    """

    image: Tensor
    depth: Tensor
    pose: Tensor


class DepthErrors(NamedTuple):
    """Sums over the pixels whose depth is known, and their number.

    Attributes:
        absolute: of |error|, metres.
        huber: of e^2/2 up to one metre and |e| - 1/2 beyond.
        inverse: of the error of 1/depth, 1/m.
        relative: of |error| / depth.
        pixels: how many.
    """

    absolute: Tensor
    huber: Tensor
    inverse: Tensor
    relative: Tensor
    pixels: Tensor


class VideoLoss(NamedTuple):
    """A loss, and the errors of the full-size predictions that it comes from, for the log."""

    loss: Tensor
    errors: list[DepthErrors]


def depth_errors(predicted: Float[Tensor, "b h w"], truth: Float[Tensor, "b h w"]) -> DepthErrors:
    """Compare a prediction with the truth, metres, where the truth is not 0."""
    known = truth != 0
    found, wanted = predicted[known], truth[known]
    error = (wanted - found).abs()
    return DepthErrors(
        absolute=error.sum(),
        huber=F.smooth_l1_loss(found, wanted, reduction="sum"),
        inverse=(1 / wanted - 1 / found).abs().sum(),
        relative=(error / wanted).sum(),
        pixels=known.sum(),
    )


def pair_loss(
    model: DeepVideoMVS,
    views: tuple[PosedBatch, PosedBatch],
    intrinsics: Float[Tensor, "b 3 3"],
    mirrored: tuple[Bool[Tensor, ""] | bool, Bool[Tensor, ""] | bool] = (False, False),
) -> VideoLoss:
    """Predict each view of a pair from the other one.

    Args:
        model: in training mode.
        views: of the pair.
        intrinsics: of the images.
        mirrored: for each view as reference: mirror left and right what the network makes the depth of,
            after the sweep.
    """
    features = [model.encode(view.image) for view in views]
    total = torch.zeros((), device=intrinsics.device)
    errors: list[DepthErrors] = []
    for reference, mirror in enumerate(mirrored):
        own, other = views[reference], views[1 - reference]
        measured = [(model.kept(features[1 - reference]), relative_motion(own.pose, other.pose, intrinsics))]
        volume = model.sweep(features[reference], measured, intrinsics)
        side = _mirrored if mirror else _as_it_is
        pyramid = VideoPyramid(*(side(level) for level in features[reference]))
        depths = model(side(own.image), pyramid, side(volume)).depths
        total = _add_scales(total, errors, depths, side(own.depth))
    return VideoLoss(total, errors)


def sequence_loss(
    model: DeepVideoMVS,
    views: Sequence[PosedBatch],
    intrinsics: Float[Tensor, "b 3 3"],
    warped_by: str = "truth",
) -> VideoLoss:
    """Predict each view of a sequence but the first from the one before it and what is remembered.

    Args:
        model: fusionnet, in training mode.
        views: two or more.
        intrinsics: of the images.
        warped_by: by what the hidden state comes into a view: its true depth (``truth``), as published for
            all stages but the last, or, as in use, the depth predicted last (``prediction``).
    """
    features = [model.encode(view.image) for view in views]
    total, memory = torch.zeros((), device=intrinsics.device), None
    errors: list[DepthErrors] = []
    for number, own in enumerate(views[1:], start=1):
        before = views[number - 1]
        to_before = relative_motion(own.pose, before.pose, intrinsics)
        volume = model.sweep(features[number], [(model.kept(features[number - 1]), to_before)], intrinsics)
        hidden = None
        if memory is not None:
            motion = moves_between(before.pose, own.pose, intrinsics)
            hypothesis = own.depth[:, ::MULTIPLE, ::MULTIPLE] if warped_by == "truth" else None
            hidden = model.hidden_state(memory, motion, intrinsics, hypothesis)
        output = model(own.image, features[number], volume, memory, hidden)
        total = _add_scales(total, errors, output.depths, own.depth)
        memory = output.memory
    return VideoLoss(total, errors)


def lean_clip_loss(
    model: LeanVideo,
    views: Sequence[PosedBatch],
    intrinsics: Float[Tensor, "b 3 3"],
    weights: LossWeights,
) -> VideoLoss:
    """Predict each frame of a clip but the first, as in use: from the two before it and the last prediction.

    No gradients pass from a frame to the one before through the prediction.

    Args:
        model: in training mode.
        views: two or more.
        intrinsics: of the images.
        weights: of the parts of the loss.
    """
    number = len(views)
    joint = model.encode(torch.cat([view.image for view in views]))
    pyramids = [LeanPyramid(*parts) for parts in zip(*(x.chunk(number) for x in joint.pyramid), strict=True)]
    kept = [Descriptors(*parts) for parts in zip(*(x.chunk(number) for x in joint.descriptors), strict=True)]
    total = torch.zeros((), device=intrinsics.device)
    errors: list[DepthErrors] = []
    memory: Seen | None = None
    for index in range(1, number):
        own, before = views[index], views[index - 1]
        earlier = range(max(0, index - _COMPARED), index)
        others = [(kept[i], relative_motion(own.pose, views[i].pose, intrinsics)) for i in earlier]
        previous = None
        if memory is not None:
            previous = (memory, moves_between(before.pose, own.pose, intrinsics))
        frame = LeanFrame(pyramids[index], kept[index])
        output = model(own.image, frame, others, intrinsics, previous)
        shown = [(views[i].depth, others[place][1]) for place, i in enumerate(earlier)]
        truth = truth_of_frame(own.depth, shown, intrinsics, model.planes, weights)
        total = total + lean_loss(output.found, truth, weights) / (number - 1)
        errors.append(depth_errors(output.depth.detach(), own.depth))
        memory = output.memory
    return VideoLoss(total, errors)


def truth_of_frame(
    depth: Float[Tensor, "b h w"],
    others: Sequence[tuple[Tensor, Tensor]],
    intrinsics: Float[Tensor, "b 3 3"],
    planes: Planes,
    weights: LossWeights,
) -> Truth:
    """Find out from depth maps what other views see of a frame.

    Args:
        depth: of the frame, metres; 0 where unknown.
        others: depths of the views that it is compared with, each with the motion that takes points there.
        intrinsics: of all of them.
        planes: of the network; truth beyond the nearest and the farthest one is left out.
        weights: of the parts of the loss.
    """
    place = planes.place(1 / depth.clamp(min=1e-3))
    known = (depth > 0) & (place >= 0) & (place <= planes.number - 1)
    seen = torch.zeros_like(known)
    points = unproject(depth, intrinsics)
    height, width = depth.shape[-2:]
    for theirs, move in others:
        there = moved(points, move)
        u, v = (x.round().long() for x in project(there, intrinsics))
        inside = (there[:, 2] > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
        found = theirs.flatten(1).gather(1, torch.where(inside, v * width + u, 0))
        same = inside & ((found <= 0) | (there[:, 2] < _SAME * found))
        seen |= same.view_as(seen)
    disparity = torch.where(known, 4 * place, 0.0)
    return weighted(disparity.unsqueeze(1), known.unsqueeze(1), seen.unsqueeze(1), weights)


def _add_scales(
    total: Tensor, errors: list[DepthErrors], depths: Sequence[Tensor], truth: Float[Tensor, "b h w"]
) -> Tensor:
    for scale, depth in enumerate(depths):
        step = 1 << scale
        found = depth_errors(depth, truth[:, ::step, ::step])
        if not scale:
            errors.append(DepthErrors(*(value.detach() for value in found)))
        total = total + found.inverse / found.pixels.clamp(min=1)
    return total


def relative_motion(
    source: Float[Tensor, "b 4 4"], target: Float[Tensor, "b 4 4"], like: Tensor
) -> Float[Tensor, "b 4 4"]:
    """Return what takes points from one camera to another, in the precision of ``like``."""
    relative: Tensor = torch.linalg.inv(target.double()) @ source.double()
    return relative.to(like.dtype)


def moves_between(before: Float[Tensor, "b 4 4"], own: Float[Tensor, "b 4 4"], like: Tensor) -> Motion:
    """Return how the camera moved from one pose to another."""
    return Motion(relative_motion(before, own, like), relative_motion(own, before, like))


def _mirrored(x: Tensor) -> Tensor:
    return x.flip(-1)


def _as_it_is(x: Tensor) -> Tensor:
    return x
