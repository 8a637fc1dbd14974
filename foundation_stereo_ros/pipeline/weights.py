# SPDX-License-Identifier: Apache-2.0
"""Where the weights that ship with the package are."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from foundation_stereo_ros.errors import CheckpointError

SHIPPED = "tiny.safetensors"


def shipped_checkpoint() -> Path:
    """Return the path of the shipped weights.

    Raises:
        CheckpointError: this installation holds none.
    """
    path = Path(str(resources.files("foundation_stereo_ros"))) / "weights" / SHIPPED
    if not path.is_file():
        raise CheckpointError(f"no weights at {path}; name a weights file (checkpoint)")
    return path
