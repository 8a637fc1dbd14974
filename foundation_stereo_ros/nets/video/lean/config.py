# SPDX-License-Identifier: Apache-2.0
"""What a lean network for posed video is built from."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.errors import check_fields
from foundation_stereo_ros.nets.parts.lean.config import LeanSizes
from foundation_stereo_ros.nets.video.depth_range import check_depths


@dataclass(frozen=True, kw_only=True)
class LeanVideoConfig(LeanSizes):
    """Sizes of a `LeanVideo` network. The defaults are the preset ``lean``.

    Attributes:
        planes: of the plane sweep, uniform in inverse depth; a multiple of 4. No parameter's shape depends
            on it.
        min_depth: metres, of the nearest plane and the least output.
        max_depth: metres, of the farthest plane and the greatest output.
        widths, matching_width, groups, volume_widths, half_matching_width, refinement_width: channels; see
            `LeanSizes`.

    Raises:
        ConfigError: a value is out of its range.
    """

    planes: int = 64
    min_depth: float = 0.25
    max_depth: float = 20.0

    def __post_init__(self) -> None:
        self.check_ranges({"planes": (8, 1024)}, {})
        super().__post_init__()
        check_fields("network", self, [("planes", self.planes % 4 == 0, "a multiple of 4")])
        check_depths(self)
