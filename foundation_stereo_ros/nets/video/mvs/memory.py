# SPDX-License-Identifier: Apache-2.0
"""What fusionnet keeps from keyframe to keyframe, and how the next view gets it (arXiv 2012.02177, 3.3)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from foundation_stereo_ros.nets.video.mvs.config import VideoConfig
from foundation_stereo_ros.nets.video.projection import moved, project, reduced, unproject

_HOLE = 0.01  # metres: nothing nearer counts as a hypothesis


class Memory(NamedTuple):
    """State after a prediction.

    Attributes:
        hidden, cell: B x C x H/32 x W/32.
        depth: B x H x W, metres: the prediction itself.
    """

    hidden: Tensor
    cell: Tensor
    depth: Tensor


def depth_hypothesis(
    depth: Float[Tensor, "b h w"],
    from_previous: Float[Tensor, "b 4 4"],
    intrinsics: Float[Tensor, "b 3 3"],
) -> Float[Tensor, "b h/2 w/2"]:
    """Show the previous depth in the reference view, at half the size; 0 where no point falls.

    Of several points on one pixel the *farthest* counts: the published networks were trained so.

    Args:
        depth: of the previous keyframe, metres.
        from_previous: from the previous camera to the reference camera.
        intrinsics: of the full image.
    """
    batch, height, width = depth.shape
    height, width = height // 2, width // 2
    points = moved(unproject(depth, intrinsics), from_previous)
    u, v = (x.round().long() for x in project(points, reduced(intrinsics, 2)))
    z = points[:, 2].clamp(min=0)
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    place = torch.where(inside, v * width + u, 0)
    found = torch.zeros(batch, height * width, dtype=depth.dtype, device=depth.device)
    found.scatter_reduce_(1, place, torch.where(inside, z, 0.0), reduce="amax")
    return found.view(batch, height, width)


def warp_hidden(
    hidden: Float[Tensor, "b c h w"],
    depth: Float[Tensor, "b h w"],
    to_previous: Float[Tensor, "b 4 4"],
    intrinsics: Float[Tensor, "b 3 3"],
) -> Float[Tensor, "b c h w"]:
    """Bring the hidden state from the previous view into the reference view.

    Args:
        hidden: of the previous keyframe.
        depth: hypothesis of the reference view on the same grid, metres; 0: none, the state is 0 there.
        to_previous: from the reference camera to the previous one.
        intrinsics: of this grid.
    """
    height, width = hidden.shape[-2:]
    points = moved(unproject(depth, intrinsics), to_previous)
    # Points behind the camera are read where they stand without perspective: as published.
    points = torch.cat([points[:, :2], points[:, 2:].clamp(min=0)], dim=1)
    u, v = project(points, intrinsics)
    grid = torch.stack([2 * u / (width - 1) - 1, 2 * v / (height - 1) - 1], dim=-1)
    warped = F.grid_sample(
        hidden,
        grid.view(-1, height, width, 2).to(hidden.dtype),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=True,
    )
    # The published training set holes to 0 behind autograd's back: gradients pass as if it had not.
    holes = (depth <= _HOLE).unsqueeze(1)
    return warped - torch.where(holes, warped, 0.0).detach()


class ConvLSTMCell(nn.Module):
    """A convolutional LSTM (Shi et al., NeurIPS 2015) with layer norms over space, and CELU for tanh."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * width, 4 * width, 3, padding=1, bias=False)

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next hidden state and the next, normalised, cell state."""
        gates = self.conv(torch.cat([x, hidden], dim=1)).chunk(4, dim=1)
        enter, forget, out = (torch.sigmoid(gate) for gate in gates[:3])
        new = F.celu(_normalised(gates[3]))
        cell = _normalised(forget * cell + enter * new)
        return out * F.celu(cell), cell


def _normalised(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-2:])


class LSTMFusion(nn.Module):
    """Replaces the encoder's bottom by the hidden state that it leads to."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        self.lstm_cell = ConvLSTMCell(16 * config.width)

    def forward(self, bottom: Tensor, memory: Memory | None, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return hidden and cell state; ``hidden`` is the memory's, warped into this view."""
        zero = torch.zeros_like(bottom)
        cell = zero if memory is None else memory.cell
        found: tuple[Tensor, Tensor] = self.lstm_cell(bottom, zero if hidden is None else hidden, cell)
        return found
