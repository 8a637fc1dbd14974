# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from foundation_stereo_ros.errors import DeviceMemoryError
from foundation_stereo_ros.estimate import device as module
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.device import arithmetic, is_out_of_memory, wanted_bytes
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.nets.stereo import LeanConfig, LeanStereo, NetworkConfig

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


GROWTH = """
import numpy as np, torch
from foundation_stereo_ros.estimate.device import memory_use

before = memory_use(torch.device("cpu"))
held = np.ones(2**26, np.uint8)
after = memory_use(torch.device("cpu"))
print(after.what, held.size, after.used_bytes - before.used_bytes, after.total_bytes - after.used_bytes)
"""


def test_the_process_grows_by_what_it_holds() -> None:
    # A process of its own: what other tests have freed could be taken without growing.
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    what, *numbers = done.stdout.split()
    held, growth, rest = map(int, numbers)
    assert what == "process" and held * 0.9 < growth < held * 2 and rest > 0


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has"), 3 * 2**29),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes."), 4096),
        (MemoryError("Unable to allocate 2.00 MiB for an array with shape (2,)"), 2**21),
        (MemoryError(), None),
    ],
)
def test_what_was_needed_is_read_from_the_message(error: BaseException, wanted: int | None) -> None:
    assert is_out_of_memory(error) and wanted_bytes(error) == wanted


def test_other_errors_are_something_else() -> None:
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("DefaultCPUAllocator"))
    # memory is one reason for this among several: better told as it is
    assert not is_out_of_memory(RuntimeError("GET was unable to find an engine to execute this computation"))


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_what_cudas_libraries_say_counts_as_well(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))
    assert not is_out_of_memory(ValueError(message))


def test_a_network_that_does_not_fit_is_one_sentence() -> None:
    class Full(LeanStereo):
        def to(self, device: object) -> LeanStereo:  # type: ignore[override]
            if str(device) == "cpu" and self.tried:
                return self
            self.tried = True
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    model = Full(LeanConfig(max_disp=64))
    model.tried = False
    with pytest.raises(
        DeviceMemoryError, match=r"the network does not fit: 2.00 GiB more needed, process uses"
    ):
        StereoEstimator(PipelineConfig(device="cpu"), model)
