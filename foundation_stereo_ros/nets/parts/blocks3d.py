# SPDX-License-Identifier: Apache-2.0
"""3-D blocks over height x width x disparity (FoundationStereo, arXiv 2501.09898, section 3.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Extent = int | tuple[int, int, int]

_SMALL_SLICE = 20480  # numbers; torch 2.13


class VolumeConv(nn.Conv3d):
    """A 3-D convolution of volumes whose disparity axis is the last one.

    Its parameters and arguments have disparity *first*, as the published weights and the paper have them.
    The order in memory matters on a CPU: with disparity last, torch leaves fewer sizes to its slow path, and
    what belongs to a pixel lies together.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Extent,
        stride: int = 1,
        padding: Extent = 0,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=bias)

    def forward(self, volume: Float[Tensor, "b c h w d"]) -> Float[Tensor, "b o h w d"]:
        if self.kernel_size == self.stride == (1, 1, 1):  # torch convolves that several times as slowly
            return F.linear(volume.movedim(1, -1), self.weight.flatten(1), self.bias).movedim(-1, 1)
        depthwise = self.groups == self.in_channels > 1
        if depthwise and self.kernel_size == self.stride and torch.is_grad_enabled():
            return self._of_patches(volume)
        weight = self.weight.movedim(2, -1)
        padding = (self.padding[1], self.padding[2], self.padding[0])
        if _would_be_slow(volume):
            sizes = (padding, self.stride, self.dilation, self.groups)
            found: Tensor = torch.ops.aten.mkldnn_convolution(volume, weight, self.bias, *sizes)
            return found
        return F.conv3d(volume, weight, self.bias, self.stride, padding, groups=self.groups)  # type: ignore[arg-type]

    def _of_patches(self, volume: Float[Tensor, "b c h w d"]) -> Float[Tensor, "b c h2 w2 d2"]:
        """Return a depthwise convolution whose windows do not overlap, as a product of matrices.

        Its gradient costs a CPU a fraction of what that of the convolution does; alone, it costs more.
        """
        depth, height, width = self.kernel_size
        sides = (volume.shape[2] // height, volume.shape[3] // width, volume.shape[4] // depth)
        split = volume.unflatten(4, (-1, depth)).unflatten(3, (-1, width)).unflatten(2, (-1, height))
        # c, (b, rows, columns, disparities), one window's values
        windows = split.permute(1, 0, 2, 4, 6, 3, 5, 7).flatten(5).flatten(1, 4)
        found = torch.bmm(windows, self.weight.movedim(2, -1).flatten(1).unsqueeze(2))
        result = found.view(len(found), -1, *sides).transpose(0, 1)
        return result if self.bias is None else result + self.bias.view(-1, 1, 1, 1)


def _would_be_slow(volume: Tensor) -> bool:
    """Tell whether torch's `conv3d` would not use oneDNN, but a plain loop that takes ten times as long.

    On a CPU that is so for single volumes whose slices along the last axis are small. The operator below it
    knows no gradients, and no export.
    """
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or not torch.backends.mkldnn.is_available():
        return False
    small = len(volume) == 1 and volume[0, ..., 0].numel() <= _SMALL_SLICE
    return small and volume.device.type == "cpu" and volume.dtype == torch.float32


class VolumeUpConv(nn.ConvTranspose3d):
    """A transposed 3-D convolution that doubles all three axes; axes as in `VolumeConv`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=False)

    def forward(self, volume: Float[Tensor, "b c h w d"]) -> Float[Tensor, "b o h2 w2 d2"]:  # type: ignore[override]
        return F.conv_transpose3d(volume, self.weight.movedim(2, -1), self.bias, stride=2, padding=1)


def conv_bn3d(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return convolution, batch norm, leaky ReLU."""
    return nn.Sequential(
        VolumeConv(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm3d(outputs),
        nn.LeakyReLU(inplace=True),
    )


def up_bn3d(inputs: int, outputs: int) -> nn.Sequential:
    """Return a transposed convolution that doubles all three axes, batch norm, leaky ReLU."""
    return nn.Sequential(
        VolumeUpConv(inputs, outputs),
        nn.BatchNorm3d(outputs),
        nn.LeakyReLU(inplace=True),
    )


def axial_planar(width: int, kernel: int) -> nn.Sequential:
    """Return the axial-planar convolution: 3 x 3 in the image plane, then ``kernel`` along disparity."""
    return nn.Sequential(
        VolumeConv(width, width, (1, 3, 3), padding=(0, 1, 1)),
        nn.BatchNorm3d(width),
        nn.ReLU(inplace=True),
        VolumeConv(width, width, (kernel, 1, 1), padding=(kernel // 2, 0, 0)),
        nn.BatchNorm3d(width),
        nn.ReLU(inplace=True),
    )


class ResidualBlock3d(nn.Module):
    """Two 3 x 3 x 3 convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = VolumeConv(width, width, 3, padding=1, bias=False), nn.BatchNorm3d(width)
        self.conv2, self.norm2 = VolumeConv(width, width, 3, padding=1, bias=False), nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(y)).add_(x), inplace=True)


class FeatureGate(nn.Module):
    """Weigh a volume's channels by the left image's features: one sigmoid for each channel and pixel."""

    def __init__(self, feature_width: int, volume_width: int) -> None:
        super().__init__()
        half = feature_width // 2
        self.conv1 = nn.Conv2d(feature_width, half, 1, bias=False)
        self.norm = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, volume_width, 1)

    def forward(
        self, volume: Float[Tensor, "b c h w d"], features: Float[Tensor, "b f h w"]
    ) -> Float[Tensor, "b c h w d"]:
        gate = torch.sigmoid(self.conv2(F.leaky_relu(self.norm(self.conv1(features)))))
        return gate.unsqueeze(-1) * volume
