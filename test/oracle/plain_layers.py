# SPDX-License-Identifier: Apache-2.0
"""Layers as functions of weights found by name, one library call each.

A network that is made of these stays as the papers have it, whatever the modules that own the weights
do to be fast.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

BATCH_NORM_EPS = 1e-5


class Weights:
    """The tensors of a state dict, or those of them below a path.

    Args:
        tensors: the whole state dict.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors, self._prefix = tensors, ""
        parts = (name.split(".") for name in tensors)
        self._paths = frozenset(".".join(p[:length]) for p in parts for length in range(1, len(p) + 1))

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[self._prefix + name]

    def at(self, path: str) -> Weights:
        """Return those below a path, as "gate.conv1"."""
        below = copy.copy(self)
        below._prefix = f"{self._prefix}{path}."
        return below

    def has(self, path: str) -> bool:
        """Tell whether a tensor has this name, or lies below it."""
        return self._prefix + path in self._paths

    def optional(self, name: str) -> Tensor | None:
        """Return a tensor that may be absent, as a bias."""
        return self._tensors.get(self._prefix + name)

    def numbered(self, path: str) -> Iterator[Weights]:
        """Yield path.0, path.1 and so on, as many as there are."""
        number = 0
        while self.has(f"{path}.{number}"):
            yield self.at(f"{path}.{number}")
            number += 1


def conv2d(w: Weights, x: Tensor, stride: int = 1, depthwise: bool = False) -> Tensor:
    """Convolve B x C x H x W; at stride 1 and an odd kernel the size stays."""
    weight = w["weight"]
    groups = weight.shape[0] if depthwise else 1
    padding = weight.shape[-1] // 2 if weight.shape[-1] % 2 else 0
    return F.conv2d(x, weight, w.optional("bias"), stride, padding, groups=groups)


def conv3d(w: Weights, x: Tensor, stride: int = 1) -> Tensor:
    """Convolve B x C x D x H x W; at stride 1 the size stays."""
    weight = w["weight"]
    padding = [size // 2 for size in weight.shape[2:]]
    return F.conv3d(x, weight, w.optional("bias"), stride, padding)


def up2d(w: Weights, x: Tensor) -> Tensor:
    """Double both axes by a transposed convolution with a kernel of 4."""
    return F.conv_transpose2d(x, w["weight"], w.optional("bias"), stride=2, padding=1)


def up3d(w: Weights, x: Tensor) -> Tensor:
    """Double all three axes by a transposed convolution with a kernel of 4."""
    return F.conv_transpose3d(x, w["weight"], w.optional("bias"), stride=2, padding=1)


def linear(w: Weights, x: Tensor) -> Tensor:
    """Apply a fully connected layer to the last axis."""
    return F.linear(x, w["weight"], w.optional("bias"))


def batch_norm(w: Weights, x: Tensor) -> Tensor:
    """Normalise by running statistics."""
    mean, variance = w["running_mean"], w["running_var"]
    return F.batch_norm(x, mean, variance, w["weight"], w["bias"], False, 0.0, BATCH_NORM_EPS)


def layer_norm(w: Weights, x: Tensor, eps: float) -> Tensor:
    """Normalise the last axis."""
    return F.layer_norm(x, x.shape[-1:], w["weight"], w["bias"], eps)


def residual_block(
    w: Weights, x: Tensor, norm: Callable[[Weights, Tensor], Tensor], stride: int = 1
) -> Tensor:
    """Apply a residual block: ReLU stands before and after the addition."""
    y = F.relu(norm(w.at("norm1"), conv2d(w.at("conv1"), x, stride)))
    y = F.relu(norm(w.at("norm2"), conv2d(w.at("conv2"), y)))
    if w.has("shortcut"):
        x = norm(w.at("shortcut.1"), conv2d(w.at("shortcut.0"), x, stride))
    return F.relu(x + y)


def instance_norm(_: Weights, x: Tensor) -> Tensor:
    """Normalise each picture and channel by its own statistics; no weights of its own."""
    return F.instance_norm(x, eps=1e-5)


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize bilinearly, corners on corners."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


def sizes(x: Tensor) -> tuple[int, int]:
    """Return height and width."""
    return x.shape[-2], x.shape[-1]


def single(x: Tensor) -> Tensor:
    """Return half precision as float32, everything else as it is."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
