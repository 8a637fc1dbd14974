# SPDX-License-Identifier: Apache-2.0
"""A context of rclpy for each test that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from wire_domains import own_domain


@pytest.fixture
def make_node() -> Iterator[Callable[..., Any]]:
    """Make nodes in a context of their own; words are what stands behind --ros-args."""
    import rclpy
    from rclpy.node import Node

    contexts = []

    def make(*words: str, kind: Callable[..., Any] = Node, name: str = "tested") -> Any:
        context = rclpy.Context()
        rclpy.init(context=context, args=["--ros-args", *words], domain_id=own_domain())
        contexts.append(context)
        return kind(name, context=context)

    yield make
    for context in contexts:
        rclpy.shutdown(context=context)
