# SPDX-License-Identifier: Apache-2.0
"""The stages of a frame, and where in the network each one ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from foundation_stereo_ros.nets.stereo import LeanStereo

NETWORK_STAGES = (
    "monocular",
    "features",
    "cost_volume",
    "filtering",
    "context",
    "lookup",
    "gru",
    "refinement",
    "upsampling",
)
"""Those of the networks, in their order; images' normalisation counts as features. A lean network has
features, cost volume, filtering, refinement and upsampling."""

STAGES = ("decode", "preprocess", *NETWORK_STAGES, "geometry", "messages")
"""All of a frame: messages in, messages out."""

LOOP_STAGES = ("lookup", "gru")
"""The refinement loop, with the lookup's rows, which are built once."""

WHOLE_NETWORK = "network"
"""Stands for all of `NETWORK_STAGES` where a compiled network cannot be looked into."""

# A module whose call begins or ends -> the stage that the time before that moment belongs to.
_BEGINNINGS = {
    "features.monocular": "features",
    "cost_stem.mix": "cost_volume",
    "context": "filtering",
    "update_block": "lookup",
    "upsampling": "gru",
}
_LEAN_BEGINNINGS = {"hourglass": "cost_volume", "refinement": "filtering", "upsampling": "refinement"}
_ENDS = {
    "features.monocular": "monocular",
    "features": "features",
    "image_stem": "upsampling",
    "context": "context",
    "update_block": "gru",
}

Lap = Callable[[str], None]
"""Called when a stage has ended; the time since the previous call is its."""


@contextmanager
def stage_hooks(network: nn.Module, lap: Lap) -> Iterator[None]:
    """Have ``lap`` called at the borders of the network's stages, except for the end of the last one.

    The network is left as it was. It must not be compiled while this is open.
    """
    modules = dict(network.named_modules())
    beginnings = _LEAN_BEGINNINGS if isinstance(network, LeanStereo) else _BEGINNINGS

    def ending(stage: str) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            lap(stage)

        return hook

    with ExitStack() as hooks:
        for path, stage in beginnings.items():
            if path in modules:
                hooks.callback(modules[path].register_forward_pre_hook(ending(stage)).remove)
        for path, stage in _ENDS.items():
            if path in modules:
                hooks.callback(modules[path].register_forward_hook(ending(stage)).remove)
        yield
