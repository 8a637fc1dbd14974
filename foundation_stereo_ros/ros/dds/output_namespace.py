# SPDX-License-Identifier: Apache-2.0
"""Where a live node's outputs go, so that they do not mix with topics that others publish there."""

from __future__ import annotations

from threading import Event
from time import monotonic

from foundation_stereo_ros.ros.dds.graph import Graph
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS

BELOW = "foundation_stereo"
"""One level below a namespace that is taken."""

_POLL_S = 0.1
_PATIENCE_S = 1.0


def taken_outputs(graph: Graph, namespace: str) -> list[str]:
    """Return the full names of outputs in a namespace that somebody publishes already, in their order."""
    published = {endpoint.topic for endpoint in graph.publishers()}
    return [topic for output in OUTPUTS if (topic := f"{namespace}/{output}") in published]


def free_namespace(graph: Graph, namespace: str, patience: float = _PATIENCE_S) -> tuple[str, list[str]]:
    """Choose where outputs go, before any of them is published from here.

    A RealSense driver publishes depth/camera_info beside its infrared images, and stereo_image_proc the same
    names as this package: two publishers of one topic, and subscribers would get both.

    Args:
        graph: to look in.
        namespace: where they belong; "" or "/rig".
        patience: seconds to look, since topics are found one after another.

    Returns:
        The namespace, or `BELOW` in it where outputs are taken; and the topics that are.
    """
    end, pause = monotonic() + patience, Event()
    while not (taken := taken_outputs(graph, namespace)) and monotonic() < end:
        pause.wait(_POLL_S)
    return (f"{namespace}/{BELOW}" if taken else namespace), taken
