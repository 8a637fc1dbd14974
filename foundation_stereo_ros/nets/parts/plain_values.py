# SPDX-License-Identifier: Apache-2.0
"""What a network is built from as plain values, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.errors import ConfigError, check_fields

if TYPE_CHECKING:
    from typing_extensions import Self


class PlainValues:
    """Base of the frozen dataclasses that describe a network: from plain values, and back."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from plain values, as a checkpoint's metadata hold them.

        Raises:
            ConfigError: unknown field, or a value of another type or out of its range.
        """
        if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
            raise ConfigError(f"the network's settings are {values!r}; expected names and values")
        known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(
                f"unknown network setting {unknown[0]!r}; expected some of {', '.join(sorted(known))}"
            )
        return cls(**values)

    def check_ranges(self, ranges: Mapping[str, tuple[int, int]], lengths: Mapping[str, int]) -> None:
        """Check whole numbers, before they size anything.

        Args:
            ranges: field -> its least and greatest value, or those of all its values.
            lengths: field of several values -> how many.

        Raises:
            ConfigError: another type, a value out of its range, or too few or too many values.
        """
        checks = []
        for name, (low, high) in ranges.items():
            value, length = getattr(self, name), lengths.get(name)
            numbers = value if length and isinstance(value, tuple) else (value,)
            good = len(numbers) == (length or 1) and all(type(n) is int and low <= n <= high for n in numbers)
            noun = f"{length} whole numbers" if length else "a whole number"
            checks.append((name, good, f"{noun} from {low} to {high}"))
        check_fields("network", self, checks)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` takes."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]
