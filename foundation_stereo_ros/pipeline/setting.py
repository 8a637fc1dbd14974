# SPDX-License-Identifier: Apache-2.0
"""A dataclass field that knows its meaning and range: flags, parameters and documentation are made of it."""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any, NamedTuple

from foundation_stereo_ros.errors import ConfigError


def setting(
    default: Any,
    description: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    dynamic: bool = True,
    parameter: str = "",
) -> Any:
    """Declare a field of a frozen dataclass.

    Args:
        default: also says the type: bool, int, float or str.
        description: one or two sentences for its users.
        unit: of a number, as "m" or "px".
        low: least value of a number.
        high: greatest value.
        choices: the values of a text, where only some are allowed.
        dynamic: whether it may change while the pipeline runs.
        parameter: name of the ROS parameter, where it is not that of the field.
    """
    metadata = {"description": description, "unit": unit, "min": low, "max": high, "choices": choices}
    return dataclasses.field(
        default=default, metadata={**metadata, "dynamic": dynamic, "parameter": parameter}
    )


class Setting(NamedTuple):
    """One field of a configuration, with its metadata."""

    name: str
    type: type
    default: Any
    description: str
    unit: str
    min: float | None
    max: float | None
    choices: tuple[str, ...]
    dynamic: bool
    parameter: str

    @property
    def expected(self) -> str:
        """The range in words: "one of auto, on, off" or "a number from 0.1 to 1 m"."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.type in (bool, str):
            return "true or false" if self.type is bool else "a text"
        noun = "a whole number" if self.type is int else "a number"
        return f"{noun} from {self.min:g} to {self.max:g}{' ' + self.unit if self.unit else ''}"

    def checked(self, value: Any) -> Any:
        """Return the value in this setting's type.

        Raises:
            ConfigError: wrong type, not finite, or out of range.
        """
        if not (_fits(value, self.type) and self._in_range(value)):
            raise ConfigError(f"{self.name} is {value!r}; expected {self.expected}")
        return self.type(value)

    def _in_range(self, value: Any) -> bool:
        if self.type in (bool, str):
            return not self.choices or value in self.choices
        return self.min is not None and self.max is not None and self.min <= value <= self.max


def settings_of(config: type) -> tuple[Setting, ...]:
    """Return all settings of a dataclass in the order of its fields."""
    fields = dataclasses.fields(config)
    return tuple(
        Setting(
            f.name,
            type(f.default),
            f.default,
            **{**f.metadata, "parameter": f.metadata["parameter"] or f.name},
        )
        for f in fields
    )


def _fits(value: Any, kind: type) -> bool:
    if kind is bool or kind is str:
        return isinstance(value, kind)
    if isinstance(value, bool):
        return False
    if kind is int:
        return isinstance(value, numbers.Integral)
    return isinstance(value, numbers.Real) and math.isfinite(value)
