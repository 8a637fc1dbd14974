# SPDX-License-Identifier: Apache-2.0
"""What a DeepVideoMVS network is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from foundation_stereo_ros.errors import check_fields
from foundation_stereo_ros.nets.parts.plain_values import PlainValues
from foundation_stereo_ros.nets.video.depth_range import check_depths

_RANGES = {
    "trunk_widths": (1, 4096),
    "stem_width": (1, 1024),
    "expansions": (1, 16),
    "pyramid_width": (1, 1024),
    "width": (1, 256),
    "planes": (2, 1024),
}
_LENGTHS = {"trunk_widths": 5, "expansions": 4}


@dataclass(frozen=True)
class VideoConfig(PlainValues):
    """Sizes of a `DeepVideoMVS` network. The defaults are the published fusionnet.

    Attributes:
        recurrent: whether a state goes through the video (fusionnet), or each keyframe stands alone
            (pairnet).
        trunk_widths: channels of the image features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image.
        stem_width: channels of the trunk's first convolution.
        expansions: how much wider the trunk is inside its blocks, at 1/4, 1/8, 1/16 and 1/32.
        pyramid_width: channels of the feature pyramid, which the plane sweep compares.
        width: channels of the cost volume's encoder at 1/2; they double at every level.
        planes: of the plane sweep, uniform in inverse depth; at least 2.
        min_depth: metres, of the nearest plane and the least output.
        max_depth: metres, of the farthest plane and the greatest output.

    Raises:
        ConfigError: a value is out of its range.
    """

    recurrent: bool = True
    trunk_widths: tuple[int, int, int, int, int] = (16, 24, 40, 96, 320)
    stem_width: int = 32
    expansions: tuple[int, int, int, int] = (3, 3, 6, 6)
    pyramid_width: int = 32
    width: int = 32
    planes: int = 64
    min_depth: float = 0.25
    max_depth: float = 20.0

    def __post_init__(self) -> None:
        for name in _LENGTHS:
            if isinstance(getattr(self, name), list):  # as JSON and YAML have them
                object.__setattr__(self, name, tuple(getattr(self, name)))
        self.check_ranges(_RANGES, _LENGTHS)
        check_fields("network", self, [("recurrent", isinstance(self.recurrent, bool), "true or false")])
        check_depths(self)


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "fusionnet": {},
        "pairnet": {"recurrent": False},
    }
)
"""Name -> the fields that differ from the defaults."""
