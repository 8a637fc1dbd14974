# SPDX-License-Identifier: Apache-2.0
"""Sizes that all lean networks have."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.errors import check_fields
from foundation_stereo_ros.nets.parts.plain_values import PlainValues

_RANGES = {
    "widths": (1, 1024),
    "matching_width": (2, 1024),
    "groups": (1, 128),
    "volume_widths": (1, 256),
    "half_matching_width": (2, 256),
    "refinement_width": (1, 512),
}
"""Field -> least and greatest value. The configuration comes from a file, and sizes what is built of it."""

_LENGTHS = {"widths": 4, "volume_widths": 3}


@dataclass(frozen=True, kw_only=True)
class LeanSizes(PlainValues):
    """Sizes of a lean network.

    Attributes:
        widths: channels of the features at 1/2, 1/4, 1/8 and 1/16 of the image.
        matching_width: channels that are matched at 1/4; a multiple of twice ``groups``.
        groups: group-wise correlations in the cost volume.
        volume_widths: channels of the cost volume at 1/4, 1/8 and 1/16 of the image.
        half_matching_width: channels that are matched at 1/2.
        refinement_width: channels of the refinement at 1/2.

    Raises:
        ConfigError: a value is out of its range.
    """

    widths: tuple[int, int, int, int] = (16, 32, 64, 96)
    matching_width: int = 48
    groups: int = 4
    volume_widths: tuple[int, int, int] = (8, 16, 24)
    half_matching_width: int = 8
    refinement_width: int = 24

    def __post_init__(self) -> None:
        for name in _LENGTHS:
            if isinstance(getattr(self, name), list):  # as JSON and YAML have them
                object.__setattr__(self, name, tuple(getattr(self, name)))
        self.check_ranges(_RANGES, _LENGTHS)
        pairs = 2 * self.groups
        good = self.matching_width % pairs == 0
        check = ("matching_width", good, f"a positive multiple of {pairs}, twice the groups")
        check_fields("network", self, [check])
