# SPDX-License-Identifier: Apache-2.0
"""What training a network for posed video minimises: errors of inverse depth at five sizes.

As published (arXiv 2012.02177, section 3.4): pairnet learns from pairs, each view once as reference;
fusionnet from short sequences, through which gradients pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from foundation_stereo_ros.nets.video import DeepVideoMVS, Motion
from foundation_stereo_ros.nets.video.features import VideoPyramid
from foundation_stereo_ros.nets.video.model import MULTIPLE


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
    features = [model.features(view.image) for view in views]
    total = torch.zeros((), device=intrinsics.device)
    errors: list[DepthErrors] = []
    for reference, mirror in enumerate(mirrored):
        own, other = views[reference], views[1 - reference]
        measured = [(model.matched(features[1 - reference]), _motion(own.pose, other.pose, intrinsics))]
        volume = model.sweep(features[reference], measured, intrinsics)
        side = _mirrored if mirror else _as_it_is
        pyramid = VideoPyramid(*(side(level) for level in features[reference]))
        depths = model(side(own.image), pyramid, side(volume)).depths
        total = _add_scales(total, errors, depths, side(own.depth))
    return VideoLoss(total, errors)


def sequence_loss(
    model: DeepVideoMVS, views: Sequence[PosedBatch], intrinsics: Float[Tensor, "b 3 3"]
) -> VideoLoss:
    """Predict each view of a sequence but the first from the one before it and what is remembered.

    The hidden state comes into a view by the true depth of that view, as published for all stages but the
    last.

    Args:
        model: fusionnet, in training mode.
        views: two or more.
        intrinsics: of the images.
    """
    features = [model.features(view.image) for view in views]
    total, memory = torch.zeros((), device=intrinsics.device), None
    errors: list[DepthErrors] = []
    for number, own in enumerate(views[1:], start=1):
        before = views[number - 1]
        to_before = _motion(own.pose, before.pose, intrinsics)
        volume = model.sweep(features[number], [(model.matched(features[number - 1]), to_before)], intrinsics)
        hidden = None
        if memory is not None:
            motion = Motion(_motion(before.pose, own.pose, intrinsics), to_before)
            hypothesis = own.depth[:, ::MULTIPLE, ::MULTIPLE]
            hidden = model.hidden_state(memory, motion, intrinsics, hypothesis)
        output = model(own.image, features[number], volume, memory, hidden)
        total = _add_scales(total, errors, output.depths, own.depth)
        memory = output.memory
    return VideoLoss(total, errors)


def clip_loss(
    model: DeepVideoMVS, views: Sequence[PosedBatch], intrinsics: Float[Tensor, "b 3 3"]
) -> VideoLoss:
    """Predict each view of a clip from its one or two nearest neighbours, all in one batch.

    Not as published: the batch norms see all views together, and each view counts once.

    Args:
        model: without recurrence, in training mode.
        views: two or more.
        intrinsics: of the images.
    """
    images = torch.cat([view.image for view in views])
    joint = model.features(images)
    matched = model.matched(joint).chunk(len(views))
    volumes = []
    for number, own in enumerate(views):
        others = sorted((i for i in range(len(views)) if i != number), key=lambda i: abs(i - number))[:2]
        measured = [(matched[i], _motion(own.pose, views[i].pose, intrinsics)) for i in others]
        reference = VideoPyramid(*(level.chunk(len(views))[number] for level in joint))
        volumes.append(model.sweep(reference, measured, intrinsics))
    errors: list[DepthErrors] = []
    depths = model(images, joint, torch.cat(volumes)).depths
    total = _add_scales(
        torch.zeros((), device=images.device), errors, depths, torch.cat([v.depth for v in views])
    )
    return VideoLoss(total, errors)


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


def _motion(source: Tensor, target: Tensor, like: Tensor) -> Tensor:
    relative: Tensor = torch.linalg.inv(target.double()) @ source.double()
    return relative.to(like.dtype)


def _mirrored(x: Tensor) -> Tensor:
    return x.flip(-1)


def _as_it_is(x: Tensor) -> Tensor:
    return x
