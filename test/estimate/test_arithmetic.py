# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from foundation_stereo_ros.estimate import arithmetic as module
from foundation_stereo_ros.estimate.arithmetic import arithmetic
from foundation_stereo_ros.nets.stereo import NetworkConfig

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
TINY, LARGE = NetworkConfig.preset("tiny"), NetworkConfig.preset("large")


@pytest.mark.parametrize(
    ("device", "network", "native", "expected"),
    [
        (CUDA, LARGE, False, torch.float16),
        (CUDA, TINY, False, torch.float16),
        (CPU, TINY, True, torch.bfloat16),
        (CPU, TINY, False, torch.float32),
        (CPU, LARGE, True, torch.float32),
    ],
)
def test_what_auto_means(device, network, native, expected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "multiplies_bf16", lambda: native)
    assert arithmetic("auto", device, network) == expected


@pytest.mark.parametrize("network", [TINY, LARGE])
def test_a_named_type_is_taken_as_it_is(network) -> None:
    assert arithmetic("fp32", CPU, network) == torch.float32
    assert arithmetic("bf16", CPU, network) == torch.bfloat16
    assert arithmetic("fp16", CUDA, network) == torch.float16


def test_half_precision_on_a_cpu_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert arithmetic("fp16", CPU, TINY) == torch.float16
    assert "many times slower" in caplog.text


def test_a_processor_that_says_it_has_bf16_has_its_flag() -> None:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        pytest.skip("needs /proc/cpuinfo")
    assert module.multiplies_bf16() == bool({"avx512_bf16", "amx_tile"} & set(flags))
