# SPDX-License-Identifier: Apache-2.0
import ctypes
import subprocess
import sys

import numpy as np
import pytest
import torch

from foundation_stereo_ros.estimate import heap
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.torch_backend import TorchBackend
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig, for_inference

FRAMES = """
import resource, sys, threading
from foundation_stereo_ros.estimate.heap import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()

def frames(count):
    for _ in range(count):
        parts = [bytearray(2_000_000) for _ in range(3)]
        del parts

def work():
    frames(5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    frames(20)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

worker = threading.Thread(target=work)
worker.start()
worker.join()
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FRAMES, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no mallopt")
def test_frames_reuse_their_memory_also_in_a_thread() -> None:
    assert page_faults("kept") < page_faults("returned") / 10


HELD = """
from foundation_stereo_ros.estimate.heap import give_back_freed_memory, keep_freed_memory

keep_freed_memory()

import torch
from foundation_stereo_ros.estimate.device import memory_use

def resident():
    return memory_use(torch.device("cpu")).used_bytes // 2**20

parts = [bytearray(b"x" * 2_000_000) for _ in range(50)]
last = bytearray(b"x" * 2_000_000)
del parts
before = resident()
give_back_freed_memory()
print(before - resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library has no malloc_trim")
def test_freed_memory_can_be_given_back_also_from_between_what_is_in_use() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 80  # MiB, of 95


def test_memory_is_kept_before_torch_is_loaded() -> None:
    code = "import sys, foundation_stereo_ros.estimate.heap; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("preset", "threshold", "times"), [("small", 0, 2), ("small", 2**40, 0), ("tiny", 0, 0)]
)
def test_given_back_before_volumes_and_refinement_where_that_pays(
    preset: str, threshold: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []
    monkeypatch.setattr(heap, "LARGEST_MMAP_THRESHOLD", threshold)
    monkeypatch.setattr(heap, "give_back_freed_memory", lambda: calls.append(None))
    config = PipelineConfig(device="cpu", precision="fp32", iterations=1)
    network = for_inference(FoundationStereo(NetworkConfig.preset(preset, max_disp=64)))
    backend = TorchBackend(network, torch.device("cpu"), config)
    view = np.zeros((64, 64, 3), np.uint8)
    backend(view, view, config)
    assert len(calls) == times
    with torch.inference_mode():
        network(*torch.zeros(2, 1, 3, 64, 64), iterations=1)
    assert len(calls) == times  # the network itself is left as it was
