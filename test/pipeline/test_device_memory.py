# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from foundation_stereo_ros.pipeline.device_memory import is_out_of_memory, memory_use, wanted_bytes


def test_the_process_grows_by_what_it_holds() -> None:
    before = memory_use(torch.device("cpu"))
    held = np.ones(2**26, np.uint8)
    after = memory_use(torch.device("cpu"))
    assert after.what == "process" and held.size * 0.9 < after.used_bytes - before.used_bytes < held.size * 2
    assert after.used_bytes < after.total_bytes == before.total_bytes


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
