# SPDX-License-Identifier: Apache-2.0
import ctypes
import subprocess
import sys

import pytest

FRAMES = """
import resource, sys, threading
from foundation_stereo_ros.pipeline.heap import keep_freed_memory

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
