# SPDX-License-Identifier: Apache-2.0
"""What a lean network for stereo pairs is built from."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.errors import check_fields
from foundation_stereo_ros.nets.parts.lean.config import LeanSizes


@dataclass(frozen=True, kw_only=True)
class LeanConfig(LeanSizes):
    """Sizes of a `LeanStereo` network. The defaults are the preset ``lean``.

    Attributes:
        max_disp: largest disparity of the cost volume in pixels; a multiple of 32. No parameter's shape
            depends on it.
        widths, matching_width, groups, volume_widths, half_matching_width, refinement_width: channels; see
            `LeanSizes`.

    Raises:
        ConfigError: a value is out of its range.
    """

    max_disp: int = 192

    def __post_init__(self) -> None:
        self.check_ranges({"max_disp": (32, 4096)}, {})
        super().__post_init__()
        check_fields("network", self, [("max_disp", self.max_disp % 32 == 0, "a positive multiple of 32")])

    @property
    def iterations(self) -> int:
        """Refinements: always one."""
        return 1

    def refinements(self, wanted: int) -> int:
        """Return how many refinements are made where so many are wanted."""
        return self.iterations

    @property
    def monocular(self) -> None:
        """A lean network has no monocular branch."""
        return

    @property
    def bins(self) -> int:
        """Disparities in the cost volume, one for each pixel of the quarter-resolution grid."""
        return self.max_disp // 4
