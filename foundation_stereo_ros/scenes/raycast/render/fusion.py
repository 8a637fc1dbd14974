# SPDX-License-Identifier: Apache-2.0
"""Long chains of small tensor operations as a few large ones, where the machine can compile them.

The renderer's steps are hundreds of element-wise operations; launched one by one they keep a GPU waiting.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

import torch

_LOG = logging.getLogger(__name__)
_SWITCH = "FOUNDATION_STEREO_FUSION"  # "0": never; "1": on the CPU too
_compiled: dict[Callable[..., Any], Callable[..., Any]] = {}
_broken = False

Result = TypeVar("Result")


def fused(function: Callable[..., Result], device: torch.device) -> Callable[..., Result]:
    """Return a compiled form of a function on CUDA; the function itself elsewhere, or if compiling fails."""
    switch = os.environ.get(_SWITCH, "")
    if _broken or switch == "0" or (device.type != "cuda" and switch != "1"):
        return function
    if function not in _compiled:
        _compiled[function] = _careful(function)
    return _compiled[function]


def _careful(function: Callable[..., Result]) -> Callable[..., Result]:
    compiled = torch.compile(function, dynamic=False)

    def call(*arguments: Any) -> Result:
        global _broken
        if not _broken:
            try:
                return compiled(*arguments)
            except (
                Exception
            ) as error:  # whatever a missing or broken compiler throws: the plain way always works
                _broken = True
                _LOG.warning(
                    "rendering without fused kernels: %s", str(error).splitlines()[0] if str(error) else error
                )
        return function(*arguments)

    return call
