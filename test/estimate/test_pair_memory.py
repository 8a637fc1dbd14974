# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.estimate.pair_memory import PairMemory, memory_of
from foundation_stereo_ros.nets.stereo import NetworkConfig, network_preset


@given(st.floats(0, 1e9), st.floats(1, 1e5), st.floats(0, 1e12))
def test_what_is_said_to_fit_does(fixed: float, per_pixel: float, size: float) -> None:
    memory = PairMemory(fixed, per_pixel)
    pixels = memory.pixels_within(size)
    assert pixels == 0 or memory.bytes_for(pixels) <= size * (1 + 1e-9)
    assert memory.bytes_for(pixels + 1) > size * (1 - 1e-9)


def test_a_greater_range_takes_more_a_smaller_one_is_not_counted_on() -> None:
    usual, near, far = (
        memory_of(NetworkConfig.preset("tiny", max_disp=pixels), torch.float32) for pixels in (128, 64, 256)
    )
    assert usual is not None and far is not None
    assert near == usual and far.per_pixel == 2 * usual.per_pixel


def test_a_lean_network_is_known_by_its_kind() -> None:
    lean = network_preset("lean")
    found = memory_of(lean, torch.float32)
    assert found is not None
    assert found != memory_of(network_preset("tiny"), torch.float32)
    assert memory_of(network_preset("lean", max_disp=128), torch.float32) == found


def test_what_was_not_measured_is_not_guessed() -> None:
    assert memory_of(NetworkConfig.preset("tiny"), torch.float64) is None
    assert memory_of(NetworkConfig.preset("base"), torch.float32) is None


def test_float16_is_taken_for_bfloat16() -> None:
    tiny = NetworkConfig.preset("tiny")
    assert memory_of(tiny, torch.float16) == memory_of(tiny, torch.bfloat16) != memory_of(tiny, torch.float32)
