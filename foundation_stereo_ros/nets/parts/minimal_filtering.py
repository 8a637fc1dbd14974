# SPDX-License-Identifier: Apache-2.0
"""3 x 3 convolutions with a quarter of the multiplications, for inference in full precision on a CPU.

Minimal filtering (Winograd, 1980) as F(4 x 4, 3 x 3) of Lavin and Gray, "Fast Algorithms for Convolutional
Neural Networks" (2016), section 4: each tile of 4 x 4 results is made from its window of 6 x 6 pixels.
Window and kernel, taken as polynomials, are evaluated at six points along both axes; the 36 values are
multiplied, as one product of matrices over the channels each, and from the products the results are
interpolated.

The points are 0, infinity, and 2/3 and 3/2 with both signs. With the customary 1 and 2 the worst rounding
error is four times, the mean one more than twice as large (as measured over 512 channels).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_TILE, _WINDOW = 4, 6
_VALUES = _WINDOW**2
_STRIP_BYTES = 12 * 2**20  # of products: small enough for the caches, large enough for the matrices
_LEAST_CHANNELS = 96

_NEAR, _FAR = 2 / 3, 3 / 2  # reciprocal, so that the product of their squares is 1
_NEAR_2, _FAR_2 = _NEAR**2, _FAR**2
_POINTS = (0, _NEAR, -_NEAR, _FAR, -_FAR)


def kernel_values(weight: Float[Tensor, "o c 3 3"]) -> Float[Tensor, "36 c o"]:
    """Return the kernels at the 36 points, in the weights' own type, computed in float64.

    They contain the denominators of the interpolation.
    """
    rows = []
    for point in _POINTS:
        denominator = math.prod(point - other for other in _POINTS if other != point)
        rows.append([point**power / denominator for power in range(3)])
    rows.append([0, 0, 1])  # at infinity, the highest coefficient alone counts
    points = torch.tensor(rows, dtype=torch.float64, device=weight.device)
    values = torch.einsum("ay,bx,ocyx->abco", points, points, weight.double())
    return values.flatten(0, 1).to(weight.dtype).contiguous()


def convolve(
    image: Float[Tensor, "b c h w"], values: Float[Tensor, "36 c o"], bias: Float[Tensor, "o"] | None
) -> Float[Tensor, "b o h w"]:
    """Return the 3 x 3 convolution with zeros around the image, channels last in memory.

    Rounding is about twice that of the direct way. The work goes by strips of tiles, which bounds what
    it takes beside the image and the result.

    Args:
        image: float32 or float64; no gradient passes through.
        values: `kernel_values` of the weights.
        bias: added to the result.
    """
    batch, channels, height, width = image.shape
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    margins = (0, 0, 1, columns * _TILE + 1 - width, 1, rows * _TILE + 1 - height)
    padded = F.pad(image.permute(0, 2, 3, 1), margins)
    result = image.new_empty(batch, rows, _TILE, columns, _TILE, values.shape[2])
    row_bytes = _VALUES * batch * columns * max(channels, values.shape[2]) * image.element_size()
    step = max(1, _STRIP_BYTES // row_bytes)
    interpolation = _interpolation(image)
    for first in range(0, rows, step):
        strip = padded[:, first * _TILE : (first + step) * _TILE + 2]
        products = torch.bmm(_window_values(strip), values)
        found = torch.mm(interpolation, products.flatten(1))
        part = result[:, first : first + step]
        found = found.view(_TILE, _TILE, batch, part.shape[1], columns, -1).permute(2, 3, 0, 4, 1, 5)
        if bias is None:
            part.copy_(found)
        else:
            torch.add(found, bias, out=part)
    whole = result.view(batch, rows * _TILE, columns * _TILE, -1)[:, :height, :width].permute(0, 3, 1, 2)
    return whole.contiguous(memory_format=torch.channels_last)


def _interpolation(like: Tensor) -> Float[Tensor, "16 36"]:
    rows = [[float(point**power) for point in _POINTS] + [float(power == 3)] for power in range(_TILE)]
    one_axis = torch.tensor(rows, dtype=like.dtype, device=like.device)
    return torch.kron(one_axis, one_axis)


def _window_values(strip: Float[Tensor, "b y x c"]) -> Float[Tensor, "36 tiles c"]:
    batch, height, width, channels = strip.shape
    rows, columns = height // _TILE, width // _TILE
    upright = strip.new_empty(_WINDOW, batch, rows, width, channels)
    _evaluate(_taps(strip, 1, rows), upright.unbind(0))
    values = strip.new_empty(_WINDOW, _WINDOW, batch, rows, columns, channels)
    _evaluate(_taps(upright, 3, columns), values.unbind(1))
    return values.view(_VALUES, -1, channels)


def _taps(x: Tensor, dim: int, tiles: int) -> list[Tensor]:
    """Return each of the six places of a window, of all tiles along an axis."""
    return [
        x.narrow(dim, k, _TILE * (tiles - 1) + 1).unfold(dim, 1, _TILE).squeeze(-1) for k in range(_WINDOW)
    ]


def _evaluate(d: list[Tensor], out: tuple[Tensor, ...]) -> None:
    """Write the windows' values at all points: d times the polynomial that is zero at the other ones.

    What both points of a pair need, even and odd powers apart, is computed once.
    """
    even, odd = torch.sub(d[4], d[2], alpha=_FAR_2), torch.sub(d[3], d[1], alpha=_FAR_2)
    torch.add(even, odd, alpha=_NEAR, out=out[1])
    torch.sub(even, odd, alpha=_NEAR, out=out[2])
    torch.sub(d[4], d[2], alpha=_NEAR_2, out=even)
    torch.sub(d[3], d[1], alpha=_NEAR_2, out=odd)
    torch.add(even, odd, alpha=_FAR, out=out[3])
    torch.sub(even, odd, alpha=_FAR, out=out[4])
    torch.add(torch.sub(even, d[2], alpha=_FAR_2, out=out[0]), d[0], out=out[0])
    torch.add(torch.sub(d[5], d[3], alpha=_NEAR_2 + _FAR_2, out=out[5]), d[1], out=out[5])


class TiledConv2d(nn.Conv2d):
    """A 3 x 3 convolution that is made by minimal filtering wherever that holds and pays, for inference.

    That is in float32 and float64 on a CPU, without gradients; elsewhere (half precision, CUDA, compiled or
    exported) it is an ordinary one. The values of its kernels, four times as large as they are, are computed
    when they are first needed, and again after a move to another device or type.

    Args:
        conv: takes over its parameters; see `tiles_well`.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        bias = conv.bias is not None
        super().__init__(conv.in_channels, conv.out_channels, 3, padding=1, bias=bias, device="meta")
        self.weight, self.bias = conv.weight, conv.bias
        self._values: Tensor | None = None

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b o h w"]:
        if not _computes_exactly(image):
            return super().forward(image)
        if self._values is None:
            self._values = kernel_values(self.weight.detach())
        return convolve(image, self._values, self.bias)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> TiledConv2d:
        self._values = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def tiles_well(conv: nn.Conv2d) -> bool:
    """Tell whether minimal filtering can make this convolution, and is faster.

    Narrow ones spend more on the tiles than they save.
    """
    return (
        (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
        and conv.groups == 1
        and conv.padding_mode == "zeros"
        and min(conv.in_channels, conv.out_channels) >= _LEAST_CHANNELS
    )


def _computes_exactly(image: Tensor) -> bool:
    return (
        image.device.type == "cpu"
        and image.dtype in (torch.float32, torch.float64)
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )
