# SPDX-License-Identifier: Apache-2.0
"""A dataclass field that knows its meaning and range: flags, parameters and documentation are made of it."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from foundation_stereo_ros.errors import ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self


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


class Settings:
    """Base of the frozen dataclasses whose fields are made by `setting`; every value is checked.

    Raises:
        ConfigError: a value has the wrong type or is out of its range; the message names field, value and
            range.
    """

    def __post_init__(self) -> None:
        for field in settings_of(type(self)):
            object.__setattr__(self, field.name, field.checked(getattr(self, field.name)))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from names and values; what is not named keeps its default.

        Raises:
            ConfigError: a name is not a setting, or a value is out of its range.
        """
        return cls().replace(**values)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed.

        Raises:
            ConfigError: a name is not a setting, or a value is out of its range.
        """
        known = {field.name for field in settings_of(type(self))}
        for name in changes:
            if name not in known:
                raise ConfigError(f"unknown setting {name!r}; expected one of {', '.join(sorted(known))}")
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def check_change(self, new: Self) -> None:
        """Refuse a change that would need a new start.

        Raises:
            ConfigError: a setting differs that is not dynamic.
        """
        for field in settings_of(type(self)):
            old_value, new_value = getattr(self, field.name), getattr(new, field.name)
            if old_value != new_value and not field.dynamic:
                raise ConfigError(
                    f"{field.name} is {old_value!r} and cannot change to {new_value!r} while running"
                )


def settings_of(config: type) -> tuple[Setting, ...]:
    """Return all settings of a `Settings` class in the order of its fields."""
    return tuple(
        Setting(
            f.name,
            type(f.default),
            f.default,
            **{**f.metadata, "parameter": f.metadata["parameter"] or f.name},
        )
        for f in dataclasses.fields(config)
    )


def _fits(value: Any, kind: type) -> bool:
    if kind is bool or kind is str:
        return isinstance(value, kind)
    if isinstance(value, bool):
        return False
    if kind is int:
        return isinstance(value, numbers.Integral)
    return isinstance(value, numbers.Real) and math.isfinite(value)
