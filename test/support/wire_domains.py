# SPDX-License-Identifier: Apache-2.0
"""ROS domains for tests that run side by side, also beside the tests of another checkout on this machine."""

from __future__ import annotations

import functools
import itertools
import socket
from collections.abc import Iterator

# Not 0, where a user's own nodes are. The ports of domains beyond 101 are among those that Linux gives away.
_BLOCK = 9
_BLOCKS = [range(first, first + _BLOCK) for first in range(10, 100, _BLOCK)]


@functools.cache
def _block() -> tuple[range, socket.socket]:
    """Return domains that no other process of tests has, and what keeps them for this one until it ends."""
    for block in _BLOCKS:
        lock = socket.socket()
        try:
            # DDS takes the port of this number for UDP, and leaves that of TCP alone.
            lock.bind(("127.0.0.1", 7400 + 250 * block[0]))
        except OSError:
            lock.close()
        else:
            return block, lock
    raise RuntimeError(f"{len(_BLOCKS)} processes of tests use all ROS domains from 10 to 99")


def own_domain() -> int:
    """Return the domain of nodes in this process that nobody is to meet."""
    return _block()[0][0]


@functools.cache
def domains() -> Iterator[int]:
    """Domains for one test each, round and round: late words of one test do not reach the next."""
    return itertools.cycle(_block()[0][1:-2])


@functools.cache
def module_domains() -> Iterator[int]:
    """Domains for the tests of a module together, others than those of `domains`."""
    return itertools.cycle(_block()[0][-2:])
