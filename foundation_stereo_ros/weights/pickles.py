# SPDX-License-Identifier: Apache-2.0
"""Pickles that would take for ever to read, found without reading them.

A tuple that holds another one twice, and so on, takes a few bytes for each level and has twice as many parts.
As a key of a dictionary it is hashed part by part, and nothing stops that.
"""

from __future__ import annotations

import pickletools
from typing import IO, Any

_HEAVIEST = 100_000  # parts of a tuple; a tensor has some ten
_TUPLES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET"}


def check_pickle(stream: IO[bytes]) -> None:
    """Follow one pickle to its end, counting the parts of its tuples.

    Raises:
        ValueError: it is no pickle, or one of its tuples has too many parts.
    """
    stack: list[int | None] = []  # parts of what is there; None: a mark
    memo: dict[Any, int] = {}
    for operation, argument, _ in pickletools.genops(stream):
        name = operation.name
        if "GET" in name:
            stack.append(memo.get(argument, 1))
            continue
        if "PUT" in name or name == "MEMOIZE":
            memo[len(memo) if name == "MEMOIZE" else argument] = _top(stack)
            continue
        taken = [_taken(stack, kind) for kind in reversed(operation.stack_before)]
        parts = 1 + sum(taken) if name in _TUPLES else 1
        if parts > _HEAVIEST:
            raise ValueError("a tuple has too many parts")
        for kind in operation.stack_after:
            stack.append(None if kind is pickletools.markobject else parts)


def _taken(stack: list[int | None], kind: pickletools.StackObject) -> int:
    """Take what an operation takes, and return its parts."""
    if kind is pickletools.markobject or not stack:
        return 0  # a slice has taken its mark with it
    if kind is not pickletools.stackslice:
        return stack.pop() or 0
    total = 0
    while stack:
        parts = stack.pop()
        if parts is None:
            break
        total += parts
    return total


def _top(stack: list[int | None]) -> int:
    return (stack[-1] if stack else None) or 1
