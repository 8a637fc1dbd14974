# SPDX-License-Identifier: Apache-2.0
"""Where weights are: those that ship with the package, by name, or a file of the user's."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from foundation_stereo_ros.errors import CheckpointError

SHIPPED = ("lean", "tiny")
"""Names of the stereo weights that ship, which are those of their network presets; the first one is the
default."""

SHIPPED_VIDEO = "lean-video"
"""Name of the weights for posed video that ship."""

_ALL = (*SHIPPED, SHIPPED_VIDEO)


def shipped_checkpoint(name: str = SHIPPED[0]) -> Path:
    """Return the path of weights that ship.

    Raises:
        CheckpointError: this installation does not hold them.
    """
    path = Path(str(resources.files("foundation_stereo_ros"))) / "weights" / f"{name}.safetensors"
    if not path.is_file():
        raise CheckpointError(f"no weights at {path}; name a weights file (checkpoint)")
    return path


def find_checkpoint(wanted: str | Path, default: str = SHIPPED[0]) -> Path:
    """Return the path of the weights that a setting means.

    Args:
        wanted: a path, or a name of weights that ship; empty: the default.
        default: name of weights that ship.

    Raises:
        CheckpointError: they should ship, but this installation does not hold them.
    """
    name = str(wanted)
    return shipped_checkpoint(name or default) if name in ("", *_ALL) else Path(wanted)


def weights_in_words(wanted: str, default: str = SHIPPED[0]) -> str:
    """Say which weights a setting means, for people."""
    if wanted in ("", *_ALL):
        return f"{wanted or default} (shipped with the package)"
    return wanted
