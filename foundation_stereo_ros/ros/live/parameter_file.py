# SPDX-License-Identifier: Apache-2.0
"""ROS's parameter files, as config/stereo.yaml is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from foundation_stereo_ros.errors import ConfigError

_KEY = "ros__parameters"
_WILDCARDS = {"**": r"(/[^/]+)*", "*": "/[^/]+"}


def read_parameters(path: Path, node: str) -> dict[str, Any]:
    """Return the parameters that a file holds for a node.

    Sections are named by nodes, with ``/**`` for all, and count in the order of the file.

    Args:
        path: the file.
        node: full name, as in "/stereo/stereo_node".

    Raises:
        ConfigError: it cannot be read, is no such file, or holds nothing for this node.
    """
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    sections = list(_sections(loaded, ""))
    values: dict[str, Any] = {}
    for name, section in sections:
        if _pattern(name).fullmatch(node):
            values.update(_flat(section, ""))
    if not sections:
        raise ConfigError(f"{path} holds no parameters; expected a section like /**: {_KEY}: ...")
    if not any(_pattern(name).fullmatch(node) for name, _ in sections):
        names = ", ".join(name for name, _ in sections)
        raise ConfigError(f"{path} holds parameters of {names}; expected those of {node}, or of /**")
    return values


def _sections(value: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(value, dict):
        return
    for key, inside in value.items():
        if key == _KEY and isinstance(inside, dict):
            yield name, inside
        elif key != _KEY:
            yield from _sections(inside, f"{name}/{str(key).strip('/')}")


def _pattern(name: str) -> re.Pattern[str]:
    words = name.strip("/").split("/")
    return re.compile("".join(_WILDCARDS.get(word, f"/{re.escape(word)}") for word in words))


def _flat(section: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
