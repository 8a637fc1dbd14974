# SPDX-License-Identifier: Apache-2.0
"""What a network is built from as plain values, and back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.errors import ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self


class PlainValues:
    """Base of the frozen dataclasses that describe a network: from plain values, and back."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from plain values, as a checkpoint's metadata hold them.

        Raises:
            ConfigError: unknown field, or a value out of its range.
        """
        known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise ConfigError(
                f"unknown network setting {unknown[0]!r}; expected some of {', '.join(sorted(known))}"
            )
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` takes."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]
