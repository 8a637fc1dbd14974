# SPDX-License-Identifier: Apache-2.0
"""A network made ready for inference alone: same function, less to do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from foundation_stereo_ros.nets.parts.minimal_filtering import TiledConv2d, tiles_well
from foundation_stereo_ros.nets.stereo.foundation.gru import SelectiveGru, merge_for_inference

Network = TypeVar("Network", bound=nn.Module)

_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)


def for_inference(model: Network) -> Network:
    """Prepare a network in place, now that its weights stay as they are.

    Batch norms are folded into the convolutions before them, the gates of GRUs merged (`gru`), wide
    convolutions made by minimal filtering where that holds, instance norms computed by the kernel of group
    norms, and 2-D weights laid out channels last. Afterwards the network can neither be trained nor saved:
    its state dict has other entries. Its outputs differ by rounding alone.

    Args:
        model: with its weights, or a part of one. A norm always follows the module that is declared right
            before it.

    Returns:
        The same model, set to evaluation.
    """
    model.eval()
    for module in model.modules():
        children = list(module.named_children())
        for (name, first), (norm_name, norm) in itertools.pairwise(children):
            if isinstance(first, _CONVOLUTIONS) and isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
                folded = fuse_conv_bn_eval(first, norm, transpose=isinstance(first, _TRANSPOSED))
                setattr(module, name, folded)
                setattr(module, norm_name, nn.Identity())
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.InstanceNorm2d):
                setattr(module, name, _as_group_norm(child))
    for gru in [module for module in model.modules() if isinstance(module, SelectiveGru)]:
        merge_for_inference(gru)
    lay_channels_last(model)
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Conv2d and tiles_well(child):
                setattr(module, name, TiledConv2d(child))
    return model


def _as_group_norm(norm: nn.InstanceNorm2d) -> nn.GroupNorm:
    """Return the same norm by another kernel of torch's: on a CPU several times as fast, in any layout."""
    return nn.GroupNorm(norm.num_features, norm.num_features, norm.eps, affine=False)


def lay_channels_last(model: nn.Module) -> None:
    """Lay the weights of 2-D convolutions out channels last, in place; outputs differ by rounding alone.

    oneDNN and cuDNN then convolve without changing the layout before and after. Left as they are: modules
    with instance norms, which torch computes channels first.
    """
    for module in _without_instance_norms(model):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _without_instance_norms(model: nn.Module) -> Iterator[nn.Module]:
    for part in model.children():
        if not any(isinstance(module, nn.InstanceNorm2d) for module in part.modules()):
            yield from part.modules()
