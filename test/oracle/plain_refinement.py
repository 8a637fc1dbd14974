# SPDX-License-Identifier: Apache-2.0
"""Lookup, update and upsampling, plainly."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from plain_context import Level
from plain_layers import Weights, conv2d, resized, single, sizes, up2d
from torch import Tensor


def lookup_rows(left: Tensor, right: Tensor, volume: Tensor, levels: int) -> list[tuple[Tensor, Tensor]]:
    """Return each level's rows for N pixels: N x C x length of the volume, N x 1 x length of correlations."""
    left, right = F.normalize(single(left), dim=1), F.normalize(single(right), dim=1)
    correlation = torch.einsum("bchw,bchv->bhwv", left, right).flatten(0, 2).unsqueeze(1)
    geometry = single(volume).permute(0, 3, 4, 1, 2).flatten(0, 2)
    rows = [(geometry, correlation)]
    for _ in range(levels - 1):
        geometry, correlation = F.avg_pool1d(geometry, 2, 2), F.avg_pool1d(correlation, 2, 2)
        rows.append((geometry, correlation))
    return rows


def looked_up(rows: list[tuple[Tensor, Tensor]], disparity: Tensor, radius: int) -> Tensor:
    """Return B x taps x h x w around a disparity of B x 1 x h x w quarter pixels."""
    batch, _, height, width = disparity.shape
    d = disparity.reshape(-1, 1)
    x = torch.arange(width, device=d.device, dtype=d.dtype).repeat(batch * height)[:, None]
    offsets = torch.arange(-radius, radius + 1, device=d.device, dtype=d.dtype)
    taps = []
    for level, (geometry, correlation) in enumerate(rows):
        taps.append(_sampled(geometry, d / 2**level + offsets))
        taps.append(_sampled(correlation, x / 2**level - d / 2**level + offsets))
    return torch.cat(taps, dim=1).reshape(batch, height, width, -1).permute(0, 3, 1, 2)


def _sampled(rows: Tensor, positions: Tensor) -> Tensor:
    column = 2 * positions / (rows.shape[-1] - 1) - 1
    grid = torch.stack((column, torch.zeros_like(column)), dim=-1).unsqueeze(1)
    found = F.grid_sample(rows.unsqueeze(2), grid, padding_mode="zeros", align_corners=True)
    return found.flatten(1)


def updated(
    w: Weights, hidden: list[Tensor], levels: list[Level], taps: Tensor, disparity: Tensor
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the new hidden states, the disparity's increment, and the mask features."""
    hidden = list(hidden)
    for level in range(len(hidden) - 1, -1, -1):
        h = hidden[level]
        finer = _motion(w.at("encoder"), disparity, taps) if level == 0 else _pooled(hidden[level - 1])
        inputs = [levels[level].context, finer]
        if level + 1 < len(hidden):
            inputs.append(resized(hidden[level + 1], sizes(h)))
        hidden[level] = _selective_gru(w.at(f"grus.{level}"), levels[level].attention, h, inputs)
    mask = F.relu(conv2d(w.at("mask.0"), hidden[0]))
    mask = 0.25 * F.relu(conv2d(w.at("mask.2"), mask))
    return hidden, _increment(w.at("head"), hidden[0]), mask


def _pooled(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=True)


def _motion(w: Weights, disparity: Tensor, taps: Tensor) -> Tensor:
    u = F.relu(conv2d(w.at("taps.0"), taps))
    u = F.relu(conv2d(w.at("taps.2"), u))
    v = F.relu(conv2d(w.at("disparity.0"), disparity))
    v = F.relu(conv2d(w.at("disparity.2"), v))
    joined = F.relu(conv2d(w.at("join"), torch.cat((u, v), dim=1)))
    return torch.cat((joined, disparity.to(joined.dtype)), dim=1)


def _selective_gru(w: Weights, attention: Tensor, h: Tensor, inputs: list[Tensor]) -> Tensor:
    x = F.relu(conv2d(w.at("mix_inputs"), torch.cat(inputs, dim=1)))
    mixed = F.relu(conv2d(w.at("mix_all"), torch.cat((x, h), dim=1)))
    states = []
    for branch in (w.at("small"), w.at("large")):
        z = torch.sigmoid(conv2d(branch.at("update"), mixed))
        r = torch.sigmoid(conv2d(branch.at("reset"), mixed))
        t = torch.tanh(conv2d(branch.at("candidate"), torch.cat((r * h, x), dim=1)))
        states.append((1 - z) * h + z * t)
    return attention * states[0] + (1 - attention) * states[1]


def _increment(w: Weights, h: Tensor) -> Tensor:
    x = F.relu(conv2d(w.at("0"), h))
    number = 2
    while w.has(f"{number}.gamma"):
        x = _bottleneck(w.at(f"{number}"), x)
        number += 1
    return conv2d(w.at(f"{number}"), x)


def _bottleneck(w: Weights, x: Tensor) -> Tensor:
    y = conv2d(w.at("depthwise"), x, depthwise=True).permute(0, 2, 3, 1)
    y = F.linear(y, w["expand.weight"], w["expand.bias"])
    y = F.linear(F.gelu(y), w["reduce.weight"], w["reduce.bias"])
    return x + (w["gamma"] * y).permute(0, 3, 1, 2)


def upsampled(w: Weights, disparity: Tensor, mask: Tensor, stem: Tensor) -> Tensor:
    """Return B x 1 x H x W pixels of B x 1 x H/4 x W/4 quarter pixels."""
    up = F.leaky_relu(up2d(w.at("up.0"), single(mask)), 0.01)
    joined = torch.cat((up, single(stem).to(up.dtype)), dim=1)
    joined = F.leaky_relu(conv2d(w.at("join.0"), joined), 0.01)
    logits = up2d(w.at("weights"), joined)
    with torch.autocast(disparity.device.type, enabled=False):
        weights = F.softmax(single(logits), dim=1)
        height, width = sizes(disparity)
        around = F.pad(4 * disparity, (1, 1, 1, 1))
        total = torch.zeros_like(weights[:, :1])
        for number in range(9):
            row, column = divmod(number, 3)
            neighbour = around[..., row : row + height, column : column + width]
            repeated = neighbour.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
            total = total + weights[:, number : number + 1] * repeated
        return total
