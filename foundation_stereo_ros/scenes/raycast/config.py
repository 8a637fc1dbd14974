# SPDX-License-Identifier: Apache-2.0
"""Ranges that scenes are drawn from; the only place where they are set."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from foundation_stereo_ros.errors import ConfigError

COMPOSITIONS = ("room", "outdoor", "flying", "tabletop", "street", "thicket", "corner", "stack")
"""Names of the shares, and of the functions that fill such a scene."""

_RANGES = ("disparity", "focal", "jpeg", "motion")
_STRENGTHS = ("flaws", "clutter", "defocus", "misalignment")


@dataclass(frozen=True)
class SceneConfig:
    """How scenes are mixed and how far they spread. A chance of 0 switches its ingredient off and changes
    nothing else in the scenes.

    Attributes:
        room, outdoor, flying, tabletop, street, thicket, corner, stack: shares of the compositions; any
            positive scale.
        disparity_low, disparity_high: the nearest visible surface of a scene has a disparity between these,
            pixels, evenly in the logarithm; also never above ``disparity_share`` of the width.
        disparity_share: see above.
        focal_low, focal_high: focal length as a multiple of the picture's width.
        clutter: factor on the number of objects.
        shadow_chance: how often, 0 to 1, things cast shadows, hard or soft. So are the chances below.
        fog_chance: haze takes the contrast from what is far.
        dots_chance: a projector's random dots lie on everything, and the cameras see grey (infrared).
        mirror_chance: some materials mirror what is around them; the truth is the mirror.
        pane_chance: panes of tinted or dirty glass stand in the scene; the truth is the glass.
        wire_chance: thin wires and rods cross the picture.
        regular_chance: materials repeat exactly, without any grain.
        bare_chance: hardly any material has texture.
        flaws: strength of the cameras' flaws; 0: perfect cameras, whatever stands below.
        defocus_chance, defocus: blur that grows with the distance from the sharp disparity; its largest
            sigma, pixels.
        motion_chance, motion_low, motion_high: blur along a line, alike in both views; its length, pixels.
        dark_chance: hardly any light: much noise.
        jpeg_chance, jpeg_low, jpeg_high: JPEG compression; its quality, 1 to 100.
        misalignment_chance, misalignment: rows of the right view lie up to so many pixels off, more so at the
            picture's sides.
    """

    room: float = 0.2
    outdoor: float = 0.14
    flying: float = 0.14
    tabletop: float = 0.2
    street: float = 0.08
    thicket: float = 0.1
    corner: float = 0.06
    stack: float = 0.08
    disparity_low: float = 8.0
    disparity_high: float = 180.0
    disparity_share: float = 0.4
    focal_low: float = 0.6
    focal_high: float = 1.7
    clutter: float = 1.0
    shadow_chance: float = 0.75
    fog_chance: float = 0.08
    dots_chance: float = 0.07
    mirror_chance: float = 0.12
    pane_chance: float = 0.08
    wire_chance: float = 0.2
    regular_chance: float = 0.08
    bare_chance: float = 0.1
    flaws: float = 1.0
    defocus_chance: float = 0.15
    defocus: float = 2.5
    motion_chance: float = 0.1
    motion_low: float = 1.5
    motion_high: float = 6.0
    dark_chance: float = 0.08
    jpeg_chance: float = 0.25
    jpeg_low: float = 30.0
    jpeg_high: float = 95.0
    misalignment_chance: float = 0.3
    misalignment: float = 0.5

    def __post_init__(self) -> None:
        shares = self.shares()
        if min(shares) < 0 or sum(shares) <= 0:
            raise ConfigError(
                f"shares of the compositions are {shares}; expected none negative and one positive"
            )
        for low, high in ((f"{name}_low", f"{name}_high") for name in _RANGES):
            if not 0 < getattr(self, low) <= getattr(self, high):
                raise ConfigError(
                    f"{low} is {getattr(self, low)}, {high} {getattr(self, high)}; expected 0 < low <= high"
                )
        for name in self._chances():
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; expected 0 to 1")
        for name in _STRENGTHS:
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; expected 0 or more")
        if not 0 < self.disparity_share <= 1 or self.jpeg_high > 100:
            raise ConfigError(
                f"disparity_share {self.disparity_share}, jpeg_high {self.jpeg_high}:"
                " expected above 0 up to 1, and up to 100"
            )

    def shares(self) -> tuple[float, ...]:
        """Return the compositions' shares, in the order of `COMPOSITIONS`."""
        return tuple(getattr(self, name) for name in COMPOSITIONS)

    def without(self, *chances: str) -> SceneConfig:
        """Return the same with some chances 0, such as ``shadow_chance``; without names: with all of them
        0."""
        return dataclasses.replace(self, **dict.fromkeys(chances or self._chances(), 0.0))

    def _chances(self) -> list[str]:
        return [f.name for f in dataclasses.fields(self) if f.name.endswith("_chance")]
