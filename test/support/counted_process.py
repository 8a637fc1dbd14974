# SPDX-License-Identifier: Apache-2.0
"""Runs a module as ``python -m`` does, and says how much it has allocated and not freed.

For each line on stdin it prints one on stdout: ``in use: N bytes, M blocks``, of the C library's allocator
and of Python's, which has the small objects. Resident memory tells less: it also has what is kept for later,
and that depends on how many messages once waited at the same time, so on the load of the machine.
"""

from __future__ import annotations

import ctypes
import gc
import runpy
import sys
from threading import Thread


class _Mallinfo(ctypes.Structure):
    """Of mallinfo(3), with ``hblkhd`` and ``uordblks`` at 4 and 7."""

    _fields_ = [("values", ctypes.c_size_t * 10)]


def _answer() -> None:
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _Mallinfo
    for _ in sys.stdin:
        gc.collect()
        values = mallinfo().values
        print(f"in use: {values[4] + values[7]} bytes, {sys.getallocatedblocks()} blocks", flush=True)


if __name__ == "__main__":
    Thread(target=_answer, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
