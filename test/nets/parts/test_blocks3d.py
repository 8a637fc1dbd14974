# SPDX-License-Identifier: Apache-2.0
"""Convolutions of volumes with disparity last against torch's, with disparity first."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from foundation_stereo_ros.nets.parts.blocks3d import VolumeConv, VolumeUpConv

CASES: dict[str, dict[str, Any]] = {
    "whole": {"kernel": 3, "padding": 1},
    "strided": {"kernel": 3, "stride": 2, "padding": 1, "bias": False},
    "planar": {"kernel": (1, 3, 3), "padding": (0, 1, 1)},
    "axial": {"kernel": (5, 1, 1), "padding": (2, 0, 0)},
    "pointwise": {"kernel": 1},
    "pointwise without bias": {"kernel": 1, "bias": False},
    "windows side by side": {"kernel": 4, "stride": 4, "groups": 6},
    "the same without bias": {"kernel": 4, "stride": 4, "groups": 6, "bias": False},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_convolution_and_its_gradients(case: dict[str, Any]) -> None:
    torch.manual_seed(0)
    conv = VolumeConv(6, 6, **case).double()
    volume = torch.randn(2, 6, 8, 12, 16, dtype=torch.float64, requires_grad=True)  # h 8, w 12, d 16
    first = volume.movedim(-1, 2)
    expected = F.conv3d(first, conv.weight, conv.bias, conv.stride, conv.padding, groups=conv.groups)
    expected = expected.movedim(2, -1)
    found = conv(volume)
    torch.testing.assert_close(found, expected)
    slope = torch.randn_like(expected)
    wanted = [volume, *conv.parameters()]
    for gradient, reference in zip(
        torch.autograd.grad(found, wanted, slope), torch.autograd.grad(expected, wanted, slope), strict=True
    ):
        torch.testing.assert_close(gradient, reference)


def test_transposed_convolution_doubles_every_axis() -> None:
    torch.manual_seed(0)
    conv = VolumeUpConv(3, 2).double()
    volume = torch.randn(1, 3, 2, 4, 5, dtype=torch.float64)
    expected = F.conv_transpose3d(volume.movedim(-1, 2), conv.weight, stride=2, padding=1).movedim(2, -1)
    torch.testing.assert_close(conv(volume), expected)
