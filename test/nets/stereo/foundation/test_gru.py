# SPDX-License-Identifier: Apache-2.0
"""Shared and merged convolutions of the GRUs against their formulas, gradients included."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from foundation_stereo_ros.nets.stereo.foundation.gru import (
    MergedGruBranch,
    PartlyFixedConv,
    SelectiveGru,
    SeparateConvs,
    merge_for_inference,
)


def by_the_formulas(gru: SelectiveGru, attention, h, *inputs):
    """The formulas (gru.py names the papers), with nothing shared."""
    x = F.relu(F.conv2d(torch.cat(inputs, 1), gru.mix_inputs.weight, gru.mix_inputs.bias, padding=1))
    mixed = F.relu(gru.mix_all(torch.cat((x, h), 1)))
    states = []
    for branch in (gru.small, gru.large):
        z, r = torch.sigmoid(branch.update(mixed)), torch.sigmoid(branch.reset(mixed))
        q = torch.tanh(branch.candidate(torch.cat((r * h, x), 1)))
        states.append((1 - z) * h + z * q)
    return attention * states[0] + (1 - attention) * states[1]


@pytest.fixture
def case():
    torch.manual_seed(0)
    gru = SelectiveGru(12, 4).double()
    maps = [torch.randn(2, c, 6, 9, dtype=torch.float64) for c in (4, 4, 4, 4)]
    attention = torch.rand(2, 1, 6, 9, dtype=torch.float64)
    return gru, attention, maps


def test_the_fixed_share_changes_neither_state_nor_gradients(case):
    gru, attention, (h, context, finer, coarser) = case
    found = gru(attention, h, gru.mix_inputs.fixed_share(context), finer, coarser)
    grads = torch.autograd.grad(found.square().sum(), list(gru.parameters()))
    expected = by_the_formulas(gru, attention, h, context, finer, coarser)
    torch.testing.assert_close(found, expected)
    expected_grads = torch.autograd.grad(expected.square().sum(), list(gru.parameters()))
    for one, other in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(one, other)


@torch.no_grad()
def test_merged_for_inference_it_computes_the_same(case):
    gru, attention, (h, context, finer, coarser) = case
    merged = copy.deepcopy(gru)
    merge_for_inference(merged)
    merge_for_inference(merged)  # once more does nothing
    assert isinstance(merged.mix_inputs, SeparateConvs)
    assert isinstance(merged.small, MergedGruBranch)
    found = merged(attention, h, merged.mix_inputs.fixed_share(context), finer, coarser)
    torch.testing.assert_close(found, by_the_formulas(gru, attention, h, context, finer, coarser))
    assert len([m for m in merged.modules() if isinstance(m, nn.Conv2d)]) == 7  # 2 + 1 + 2 * 2


@torch.no_grad()
def test_parameters_are_those_of_one_convolution():
    conv, plain = PartlyFixedConv(2, 3, 4), nn.Conv2d(5, 4, 3, padding=1)
    plain.load_state_dict(conv.state_dict())
    image = torch.randn(1, 5, 7, 8)
    share = conv.fixed_share(image[:, :2])
    torch.testing.assert_close(conv(image[:, 2:], share), plain(image), atol=1e-5, rtol=1e-5)
