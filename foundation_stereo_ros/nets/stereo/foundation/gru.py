# SPDX-License-Identifier: Apache-2.0
"""The selective GRU of one level, and what of it is shared.

FoundationStereo (arXiv 2501.09898), section 3.3, after Selective-Stereo (arXiv 2403.00486).

Two sums are taken apart or put together, which is exact but for rounding, since a convolution is linear in
its input channels:

* The context is the same in every iteration, and the first convolution, `SelectiveGru.mix_inputs`, reads it
  as it is: its share of that convolution, bias included, is taken once for each image. No other share is
  constant: behind `mix_inputs` stands a ReLU, so that all later convolutions read the context only together
  with what changes.
* Update and reset gate of a branch read the same input: for inference they are one convolution.

The two branches' gates read the same input as well, but with kernels of 1 x 1 and 3 x 3: in one convolution,
the former would cost nine times as much.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foundation_stereo_ros.nets.parts.blocks import conv3x3


class PartlyFixedConv(nn.Conv2d):
    """A 3 x 3 convolution whose first input channels stay the same while the others change.

    Args:
        fixed: channels that stay.
        changing: channels behind them.
        outputs: channels of the result.
    """

    def __init__(self, fixed: int, changing: int, outputs: int) -> None:
        super().__init__(fixed + changing, outputs, 3, padding=1)
        self.fixed = fixed

    def fixed_share(self, fixed: Tensor) -> Tensor:
        """Return what the fixed channels and the bias add to the result."""
        return F.conv2d(fixed, self.weight[:, : self.fixed], self.bias, padding=1)

    def forward(self, changing: Tensor, fixed_share: Tensor) -> Tensor:  # type: ignore[override]
        """Return the whole convolution, from its changing channels and the other ones' share."""
        return F.conv2d(changing, self.weight[:, self.fixed :], padding=1) + fixed_share


class SeparateConvs(nn.Module):
    """A `PartlyFixedConv` for inference, as one convolution for each of its shares."""

    def __init__(self, conv: PartlyFixedConv) -> None:
        super().__init__()
        of_fixed, of_changing = conv.weight.split((conv.fixed, conv.in_channels - conv.fixed), dim=1)
        self.of_fixed = _conv_with(of_fixed, conv.bias)
        self.of_changing = _conv_with(of_changing, None)

    def fixed_share(self, fixed: Tensor) -> Tensor:
        """Return what the fixed channels and the bias add to the result."""
        share: Tensor = self.of_fixed(fixed)
        return share

    def forward(self, changing: Tensor, fixed_share: Tensor) -> Tensor:
        """Return the whole convolution, from its changing channels and the other ones' share."""
        whole: Tensor = self.of_changing(changing).add_(fixed_share)
        return whole


class GruBranch(nn.Module):
    """A convolutional GRU whose gates read a mixed input and whose candidate reads the plain one."""

    def __init__(self, inputs: int, width: int, kernel: int) -> None:
        super().__init__()

        def conv() -> nn.Conv2d:
            return nn.Conv2d(inputs + width, width, kernel, padding=kernel // 2)

        self.update, self.reset, self.candidate = conv(), conv(), conv()

    def gates(self, mixed: Tensor) -> tuple[Tensor, ...]:
        """Return update and reset gate."""
        return torch.sigmoid(self.update(mixed)), torch.sigmoid(self.reset(mixed))

    def forward(self, mixed: Tensor, x: Tensor, h: Tensor) -> Tensor:
        z, r = self.gates(mixed)
        q = torch.tanh(self.candidate(torch.cat((r * h, x), dim=1)))
        return torch.lerp(h, q, z)


class MergedGruBranch(GruBranch):
    """A `GruBranch` for inference, with one convolution for both gates."""

    def __init__(self, branch: GruBranch) -> None:
        nn.Module.__init__(self)
        weights = torch.cat((branch.update.weight, branch.reset.weight))
        biases = [conv.bias for conv in (branch.update, branch.reset) if conv.bias is not None]
        self.both = _conv_with(weights, torch.cat(biases))
        self.candidate = branch.candidate

    def gates(self, mixed: Tensor) -> tuple[Tensor, ...]:
        """Return update and reset gate."""
        return torch.sigmoid(self.both(mixed)).chunk(2, dim=1)


class SelectiveGru(nn.Module):
    """Two GRUs over one state, with 1 x 1 and 3 x 3 kernels, blended pixel by pixel by attention.

    Args:
        inputs: channels of everything it reads beside its state; the first ``width`` are the context.
        width: channels of the state, and of the context.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.mix_inputs: nn.Module = PartlyFixedConv(width, inputs - width, inputs)
        self.mix_all = conv3x3(inputs + width, inputs + width)
        self.small, self.large = GruBranch(inputs, width, 1), GruBranch(inputs, width, 3)

    def forward(self, attention: Tensor, h: Tensor, share: Tensor, *changing: Tensor) -> Tensor:
        """Return the new state.

        Args:
            attention: B x 1 x h x w, 0 to 1: how far the small kernel's branch counts.
            h: the state.
            share: the context's of the first convolution.
            changing: the other inputs.
        """
        x = F.relu(self.mix_inputs(torch.cat(changing, dim=1), share))
        mixed = F.relu(self.mix_all(torch.cat((x, h), dim=1)))
        return torch.lerp(self.large(mixed, x, h), self.small(mixed, x, h), attention)


def merge_for_inference(gru: SelectiveGru) -> None:
    """Give a GRU the forms of its parts that are for inference, in place."""
    if isinstance(gru.mix_inputs, PartlyFixedConv):
        gru.mix_inputs = SeparateConvs(gru.mix_inputs)
        gru.small, gru.large = MergedGruBranch(gru.small), MergedGruBranch(gru.large)


def _conv_with(weight: Tensor, bias: Tensor | None) -> nn.Conv2d:
    outputs, inputs, kernel, _ = weight.shape
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias is not None, device="meta")
    conv.weight, conv.bias = _constant(weight), None if bias is None else _constant(bias)
    return conv


def _constant(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().contiguous(), requires_grad=False)
