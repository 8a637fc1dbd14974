# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from plain_network import PlainNetwork

from foundation_stereo_ros.bench.inputs import randomize
from foundation_stereo_ros.bench.meters import (
    CudaClock,
    FlopClock,
    HostClock,
    Switch,
    clock_for,
    memory_growth,
)
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig


def test_a_stage_that_comes_twice_is_summed_and_nothing_gets_lost() -> None:
    clock = HostClock()
    start = time.perf_counter()
    clock.start()
    for stage in ("one", "two", "one"):
        time.sleep(0.01)
        clock.lap(stage)
    whole = 1e3 * (time.perf_counter() - start)
    laps = clock.stop()
    assert list(laps) == ["one", "two"]
    assert laps["one"] >= 20
    assert 30 <= sum(laps.values()) <= whole


def test_processor_time_does_not_pass_while_nothing_is_computed() -> None:
    clock = HostClock(time.process_time)
    clock.start()
    time.sleep(0.2)
    clock.lap("sleep")
    assert clock.stop()["sleep"] < 100


def test_a_clock_starts_afresh() -> None:
    clock = HostClock()
    for _ in range(2):
        clock.start()
        clock.lap("one")
    assert set(clock.stop()) == {"one"}


def test_operations_of_layers_by_hand() -> None:
    clock = FlopClock()
    clock.start()
    F.conv2d(torch.zeros(1, 3, 8, 10), torch.zeros(5, 3, 3, 3), padding=1)
    clock.lap("convolution")
    F.conv_transpose2d(torch.zeros(1, 4, 8, 10), torch.zeros(4, 5, 4, 4), stride=2, padding=1)
    clock.lap("transposed")
    q = torch.zeros(1, 6, 50, 64)
    F.scaled_dot_product_attention(q, q, q)
    clock.lap("attention")
    F.relu(q)
    clock.lap("activation")
    assert clock.stop() == {
        "convolution": 2 * (8 * 10) * 5 * 3 * 9,
        "transposed": 2 * (8 * 10) * 4 * 5 * 16,
        "attention": 2 * 6 * (50 * 50 * 64) * 2,
        "activation": 0,
    }


@torch.inference_mode()
def test_operations_of_an_update_by_hand() -> None:
    config = NetworkConfig.preset(
        "tiny", max_disp=64, volume_width=8, lookup_levels=2, lookup_radius=4, hidden_dim=16, gru_levels=1,
        upsampling_width=8,
    )  # fmt: skip
    model = FoundationStereo(config).eval()
    randomize(model)
    image = torch.zeros(1, 3, 64, 96)
    clock, switch = FlopClock(), Switch()
    clock.start()
    switch.clock = clock
    PlainNetwork(model, switch.lap)(image, image, iterations=2)
    found = clock.stop()
    encoder = 162 * 32 + 32 * 32 * 9 + 1 * 8 * 49 + 8 * 8 * 9 + 40 * 15 * 9
    mixing = 32 * 32 * 9 + 48 * 48 * 9
    branches = 3 * 48 * 16 * (1 + 9)
    bottlenecks = sum("gamma" in name for name in model.update_block.state_dict())
    head = 16 * 16 * 9 + bottlenecks * (16 * 49 + 2 * 16 * 64) + 16 * 1 * 9
    mask = 16 * 8 * 9 + 8 * 8 * 9
    assert found["gru"] == 2 * 2 * (16 * 24) * (encoder + mixing + branches + head + mask)
    stem = (32 * 48) * (3 * 8 * 9 + 8 * 8 * 9)
    upsampling = (16 * 24) * (8 * 8 * 16) + (32 * 48) * (16 * 16 * 9 + 16 * 9 * 16)
    assert found["upsampling"] == 2 * (stem + upsampling)


def test_a_switch_without_a_clock_takes_laps_all_the_same() -> None:
    Switch().lap("anything")


def test_the_cpu_is_timed_by_the_hosts_clock() -> None:
    assert isinstance(clock_for(torch.device("cpu")), HostClock)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_device_is_timed_by_its_own_events() -> None:
    clock = clock_for(torch.device("cuda"))
    assert isinstance(clock, CudaClock)
    left = torch.ones(2048, 2048, device="cuda")
    clock.start()
    for _ in range(20):
        left @ left
    clock.lap("products")
    clock.lap("nothing")
    laps = clock.stop()
    assert laps["products"] > 10 * laps["nothing"]


MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_there_for_a_moment_counts_and_what_was_there_before_does_not() -> None:
    kept = np.ones(100 * MIB, np.uint8)
    small = memory_growth(lambda: None, torch.device("cpu"))["resident_growth"]
    large = memory_growth(lambda: np.ones(200 * MIB, np.uint8), torch.device("cpu"))["resident_growth"]
    assert kept[-1] == 1
    if small is None or large is None:
        pytest.skip("this system does not tell")
    assert small < 20 * MIB
    assert 180 * MIB < large < 240 * MIB


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_device_pytorch_tells() -> None:
    found = memory_growth(lambda: torch.ones(100 * MIB, device="cuda"), torch.device("cuda"))
    assert found["allocated_growth"] == pytest.approx(400 * MIB, rel=0.05)
    assert (found["reserved"] or 0) >= (found["allocated"] or 0) >= 400 * MIB
