# SPDX-License-Identifier: Apache-2.0
"""Messages as no driver should send them: damaged bytes, and fields that contradict each other."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

_HEADER = 4
_LENGTHS = (0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 1 << 28, 0)


def damaged(good: bytes, seed: int) -> Iterator[bytes]:
    """Yield damaged forms of a message's CDR without end, the same for the same seed.

    Their lengths are multiples of 4, with a header at least: others spoil the packets of DDS around them.
    """
    random = np.random.default_rng(seed)
    while True:
        data = bytearray(good)
        kind = random.integers(7)
        place = int(random.integers(_HEADER, max(len(data), _HEADER + 1)))
        if kind == 0:  # cut off
            data = data[: int(random.integers(0, len(data)))]
        elif kind == 1:  # another encapsulation
            data[:_HEADER] = random.integers(0, 256, _HEADER, dtype=np.uint8).tobytes()
        elif kind == 2:  # a length, or whatever lies there, that is huge
            place -= place % 4
            struct.pack_into("<I", data, min(place, len(data) - 4), int(random.choice(_LENGTHS)))
        elif kind == 3:  # the same near the beginning, where the lengths are
            place = int(random.integers(1, 16)) * 4
            struct.pack_into("<I", data, min(place, len(data) - 4), int(random.choice(_LENGTHS)))
        elif kind == 4:  # noise
            at = random.integers(_HEADER, len(data), 8)
            for index in at:
                data[index] = random.integers(256)
        elif kind == 5:  # text that is none
            data[16:24] = b"\xff\xfe\xff\x00\xff\xc3\x28\xff"
        else:  # another message altogether
            data = bytearray(random.integers(0, 256, int(random.integers(0, 200)), dtype=np.uint8).tobytes())
        data += bytes(-len(data) % 4 if len(data) > _HEADER else _HEADER - len(data))
        yield bytes(data)
