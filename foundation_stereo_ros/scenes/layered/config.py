# SPDX-License-Identifier: Apache-2.0
"""What layered pairs are like: every range and share in one place."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.errors import check_fields


@dataclass(frozen=True)
class LayeredConfig:
    """Ranges and shares of `LayeredScenes`. Chances and shares are 0 to 1; lengths are pixels.

    Attributes:
        disparity_low: least disparity of a pair's nearest surface.
        disparity_high: greatest one.
        disparity_share: and never above this share of the width.
        layers_low, layers_high: number of things before the background.
        thin: share of things that are thin: bars, grids, spokes, wires, twigs.
        leafy: share of things that are foliage or clusters of leaves.
        photographs: share of textures that are photographs; the others are made.
        bare: share of surfaces with next to no texture.
        floor, side_wall, ceiling: how often a scene has one.
        curved: share of things that are not flat.
        slope: greatest change of disparity from one pixel to the next in a row, below 1.
        grey: share of pairs without colour.
        blur: greatest standard deviation of the lens's blur.
        unlike: how often exposure and colours of the two cameras clearly differ.
        noise: greatest standard deviation of the noise, grey levels of 255.
        jpeg: how often the pictures were compressed.
        rows_off: the right picture's rows are off by up to so much.
    """

    disparity_low: float = 10.0
    disparity_high: float = 128.0
    disparity_share: float = 0.36
    layers_low: int = 4
    layers_high: int = 22
    thin: float = 0.22
    leafy: float = 0.12
    photographs: float = 0.6
    bare: float = 0.12
    floor: float = 0.5
    side_wall: float = 0.35
    ceiling: float = 0.15
    curved: float = 0.5
    slope: float = 0.5
    grey: float = 0.12
    blur: float = 0.9
    unlike: float = 0.25
    noise: float = 8.0
    jpeg: float = 0.25
    rows_off: float = 0.5

    def __post_init__(self) -> None:
        check_fields("layered", self, self._checks())

    def _checks(self) -> list[tuple[str, bool, str]]:
        scene = ("thin", "leafy", "photographs", "bare", "floor", "side_wall", "ceiling", "curved")
        return [
            *((name, 0 <= getattr(self, name) <= 1, "0 to 1") for name in (*scene, "grey", "unlike", "jpeg")),
            ("thin", self.thin + self.leafy <= 1, "no more than 1 together with leafy"),
            ("disparity_low", self.disparity_low > 0, "a positive number of pixels"),
            ("disparity_high", self.disparity_high >= self.disparity_low, "no less than disparity_low"),
            ("disparity_share", 0 < self.disparity_share < 1, "between 0 and 1"),
            ("layers_low", self.layers_low >= 0, "0 or more"),
            ("layers_high", self.layers_high >= self.layers_low, "no less than layers_low"),
            ("slope", 0 < self.slope <= 0.8, "above 0, up to 0.8"),
            *((name, getattr(self, name) >= 0, "0 or more") for name in ("blur", "noise", "rows_off")),
        ]
