# SPDX-License-Identifier: Apache-2.0
"""Settings of a training run from a YAML file, for every command that needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foundation_stereo_ros.errors import ConfigError


def read_settings(path: Path) -> dict[str, Any]:
    """Return the names and values in a file.

    Raises:
        ConfigError: it cannot be read, or holds something else.
    """
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path} holds {type(values).__name__}; expected names and values of training settings"
        )
    return values
