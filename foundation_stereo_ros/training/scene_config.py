# SPDX-License-Identifier: Apache-2.0
"""Ranges that scenes are drawn from; the only place where they are set."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.errors import ConfigError


@dataclass(frozen=True)
class SceneConfig:
    """How scenes are mixed and how far they spread.

    Attributes:
        room, outdoor, flying, tabletop: shares of the compositions; any positive scale.
        disparity_low, disparity_high: the nearest visible surface of a scene has a disparity between these,
            pixels,
            evenly in the logarithm; also never above ``disparity_share`` of the width.
        disparity_share: see above.
        focal_low, focal_high: focal length as a multiple of the picture's width.
        flaws: strength of the cameras' flaws; 0: perfect cameras.
        clutter: factor on the number of objects.
    """

    room: float = 0.3
    outdoor: float = 0.2
    flying: float = 0.2
    tabletop: float = 0.3
    disparity_low: float = 8.0
    disparity_high: float = 180.0
    disparity_share: float = 0.4
    focal_low: float = 0.6
    focal_high: float = 1.7
    flaws: float = 1.0
    clutter: float = 1.0

    def __post_init__(self) -> None:
        shares = (self.room, self.outdoor, self.flying, self.tabletop)
        if min(shares) < 0 or sum(shares) <= 0:
            raise ConfigError(
                f"shares of the compositions are {shares}; expected none negative and one positive"
            )
        for low, high in (("disparity_low", "disparity_high"), ("focal_low", "focal_high")):
            if not 0 < getattr(self, low) <= getattr(self, high):
                raise ConfigError(
                    f"{low} is {getattr(self, low)}, {high} {getattr(self, high)}; expected 0 < low <= high"
                )
        if self.flaws < 0 or self.clutter < 0 or not 0 < self.disparity_share <= 1:
            raise ConfigError(
                f"flaws {self.flaws}, clutter {self.clutter}, disparity_share {self.disparity_share}:"
                " expected 0 or more, 0 or more, and above 0 up to 1"
            )
