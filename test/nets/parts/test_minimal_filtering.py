# SPDX-License-Identifier: Apache-2.0
"""Minimal filtering against torch's own convolution."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from foundation_stereo_ros.nets.parts import minimal_filtering
from foundation_stereo_ros.nets.parts.minimal_filtering import (
    TiledConv2d,
    convolve,
    kernel_values,
    tiles_well,
)

sides = st.integers(1, 19)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 2), sides, sides, st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_every_size_gives_the_direct_convolution(batch, height, width, inputs, outputs, seed):
    torch.manual_seed(seed)
    image = torch.randn(batch, inputs, height, width, dtype=torch.float64)
    weight, bias = torch.randn(outputs, inputs, 3, 3).double(), torch.randn(outputs).double()
    found = convolve(image, kernel_values(weight), bias)
    torch.testing.assert_close(found, F.conv2d(image, weight, bias, padding=1), atol=1e-11, rtol=0)
    found = convolve(image, kernel_values(weight), None)
    torch.testing.assert_close(found, F.conv2d(image, weight, padding=1), atol=1e-11, rtol=0)


def test_strips_join_without_a_seam(monkeypatch):
    monkeypatch.setattr(minimal_filtering, "_STRIP_BYTES", 1)  # one row of tiles at a time
    image, weight = torch.randn(2, 3, 21, 10).double(), torch.randn(4, 3, 3, 3).double()
    found = convolve(image, kernel_values(weight), None)
    torch.testing.assert_close(found, F.conv2d(image, weight, padding=1), atol=1e-11, rtol=0)


def test_rounding_stays_near_that_of_the_direct_way():
    torch.manual_seed(0)
    image, weight = torch.randn(1, 128, 24, 24), torch.randn(128, 128, 3, 3) / (9 * 128) ** 0.5
    exact = F.conv2d(image.double(), weight.double(), padding=1)
    error = (convolve(image, kernel_values(weight), None) - exact).abs()
    assert error.max() < 2e-5  # with the points 1 and 2 instead of 2/3 and 3/2 it is 4e-5
    assert error.mean() < 1e-6


def wide() -> nn.Conv2d:
    return nn.Conv2d(96, 100, 3, padding=1)


@torch.no_grad()
def test_a_module_computes_as_the_one_that_it_takes_over():
    conv, image = wide(), torch.randn(1, 96, 9, 14)
    tiled = TiledConv2d(conv)
    torch.testing.assert_close(tiled(image), conv(image), atol=1e-4, rtol=0)
    assert tiled(image).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(tiled.double()(image.double()), conv.double()(image.double()))


def test_gradients_and_half_precision_take_the_ordinary_way():
    conv, image = wide(), torch.randn(1, 96, 9, 14, requires_grad=True)
    tiled = TiledConv2d(conv)
    tiled(image).sum().backward()
    assert conv.weight.grad is not None
    assert image.grad is not None
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert tiled(image).dtype == torch.bfloat16


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(96, 64, 3, padding=1),
        nn.Conv2d(96, 96, 3, padding=1, stride=2),
        nn.Conv2d(96, 96, 3),
        nn.Conv2d(96, 96, 1),
        nn.Conv2d(96, 96, 3, padding=1, groups=96),
        nn.Conv2d(96, 96, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_other_convolutions_are_left_alone(conv):
    assert tiles_well(wide())
    assert not tiles_well(conv)
