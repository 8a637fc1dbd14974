# SPDX-License-Identifier: Apache-2.0
"""Settings from plain values, as YAML and JSON have them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from foundation_stereo_ros.errors import ConfigError

T = TypeVar("T")


def build(kind: type[T], values: Any, prefix: str = "") -> T:
    """Return a dataclass made from names and values.

    Args:
        kind: a dataclass.
        values: a mapping; what is missing keeps its default.
        prefix: what stands before the names in error messages, such as ``scenes.``.

    Raises:
        ConfigError: unknown name, or a value of a wrong kind or out of its range.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"training setting {prefix[:-1]!r} is {values!r}; expected a mapping")
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(map(str, values)) - known)
    if unknown:
        raise ConfigError(
            f"unknown training setting {prefix}{unknown[0]!r}; expected some of {', '.join(sorted(known))}"
        )
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"a training setting has a wrong kind of value: {error}") from None
