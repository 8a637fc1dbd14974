# SPDX-License-Identifier: Apache-2.0
"""The plane sweep: how alike two views are, were the scene one of several planes (arXiv 2012.02177, 3.2).

The planes are parallel to the reference image, and uniform in inverse depth from the farthest to the
nearest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from foundation_stereo_ros.nets.parts.precision import at_least_float32, full_precision
from foundation_stereo_ros.nets.video.lookup import PIXELS_AT_ONCE, Lookup
from foundation_stereo_ros.nets.video.projection import plane_motion

_GUARD = 1e-8


def plane_sweep(
    reference: Float[Tensor, "b c h w"],
    views: Sequence[tuple[Float[Tensor, "b c h w"], Float[Tensor, "b 4 4"]]],
    intrinsics: Float[Tensor, "b 3 3"],
    inverse_depth: Float[Tensor, " p"],
) -> Float[Tensor, "b p h w"]:
    """Return the mean product of the reference's features with each view's, for every plane.

    Args:
        reference: features of the reference view.
        views: features of other views of the same size, each with the motion that takes points from the
            reference camera to it.
        intrinsics: of these grids: rows 0 and 1 of the image's, divided by how much smaller the grid is.
        inverse_depth: of the planes, 1/m.

    Returns:
        The mean over the channels, and over the views whether or not they see the pixel: 0 outside.
    """
    volumes = [_sweep(reference, features, move, intrinsics, inverse_depth) for features, move in views]
    return torch.stack(volumes).mean(dim=0) if len(volumes) > 1 else volumes[0]


def _sweep(
    reference: Tensor, features: Tensor, move: Tensor, intrinsics: Tensor, inverse_depth: Tensor
) -> Tensor:
    height, width = reference.shape[-2:]
    rotated, shift = plane_motion(intrinsics, move, (height, width))
    own = at_least_float32(reference).flatten(2).transpose(1, 2).unsqueeze(3) / reference.shape[1]  # b n c 1
    lookup, inverse = Lookup(at_least_float32(features)), inverse_depth.to(rotated)
    parts = []
    for first in range(0, height * width, PIXELS_AT_ONCE):
        some = slice(first, first + PIXELS_AT_ONCE)
        x, y, z = (rotated[:, :, some, None] + shift.unsqueeze(3) * inverse).unbind(1)
        # The published networks were trained with a grid that is off by up to a pixel at the far border:
        # pixel x is read at x (w - 1) / w.
        u, v = ((w - 1) / w * place / (z + _GUARD) for place, w in ((x, width), (y, height)))
        with full_precision(own):
            parts.append((lookup.at(u, v) @ own[:, some]).squeeze(3))
    volume: Tensor = torch.cat(parts, dim=1).transpose(1, 2).unflatten(2, (height, width))
    return volume
