# SPDX-License-Identifier: Apache-2.0
"""What a scene is made of, before it is packed into tensors: numpy records in a world frame (x right, y
down, z ahead)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Offset = Vector | tuple[float, float, float]
Extra = tuple[float, float, float, float, float]

HEIGHT_GRID = 96
"""Heights to each side of a FIELD."""


class Shape(IntEnum):
    """Kinds of surface; each is a unit shape, scaled by its half sizes, turned and moved."""

    ROOM = 0  # a box seen from inside: every ray ends at it
    FIELD = 1  # heights over the x-z square of a box
    BOX = 2
    ELLIPSOID = 3
    CYLINDER = 4  # along y, elliptic, capped; it may taper towards +y
    CARD = 5  # the x-y square, or a disc in it; it may have holes (fences, leaves)
    PANE = 6  # a card to look through: what is behind it shows, as its material says; it casts no shadow
    FACETED = 7  # a box whose corners are cut off: gems, rocks, roofs


@dataclass(frozen=True)
class Primitive:
    """One surface.

    Attributes:
        shape: its kind.
        rotation: 3 x 3, its axes (columns) in the world.
        center: 3, metres.
        half: 3 half sizes along its own axes, metres.
        material: index into the scene's materials; a room uses six, from this one on.
        extra: 5 numbers; CYLINDER: taper (0 to 0.95) in the first. CARD: bars per unit and their share of the
            pitch along x, the same along y (share 2: no holes), and 0 square, 1 disc, or -n: leaves, n cells
            per unit. FACETED: the corners are cut where |x| + |y| + |z| is more than the first, 1 to 3.
        swing: 3, metres to each side of the centre; only sequences move anything.
    """

    shape: Shape
    rotation: Vector
    center: Vector
    half: Vector
    material: int
    extra: Extra = (0.0, 2.0, 0.0, 2.0, 0.0)
    swing: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Light:
    """A lamp far or near, and what fills the shadows.

    Attributes:
        position: 3, metres in the world.
        ambient: share of light from everywhere, 0 to 1.
        mottle: strength of soft patches of light on the surfaces (leaves, blinds), 0 to 1.
        mottle_frequency: patches per metre.
        tint: 3 factors, red green blue.
        size: radius of the lamp, metres: how soft its shadows are.
        reach: metres at which a near lamp has the brightness of a far one; 0: equally bright everywhere.
        shadows: whether things keep it from what is behind them.
    """

    position: Vector
    ambient: float
    mottle: float
    mottle_frequency: float
    tint: Vector
    size: float = 0.0
    reach: float = 0.0
    shadows: bool = False


@dataclass(frozen=True)
class Fog:
    """Haze between the camera and everything.

    Attributes:
        density: per metre of depth; after 1 / density metres 63 % of what is seen is haze.
        color: 3, red green blue.
    """

    density: float
    color: Vector


@dataclass(frozen=True)
class Dots:
    """A projector of random dots between the cameras, as infrared stereo cameras have.

    Attributes:
        strength: brightness of a dot on a near white surface.
        frequency: dots per unit of the projector's normalised picture (x / z).
        radius: of a dot, share of the distance between dots.
        reach: metres up to which the dots are as bright as they get.
    """

    strength: float
    frequency: float
    radius: float
    reach: float


@dataclass
class World:
    """A scene in its own frame; grows while a composition fills it.

    Attributes:
        primitives: the first is the ROOM.
        materials: one row (`foundation_stereo_ros.scenes.raycast.compose.materials`) for each material.
        heights: G x G in 0..1 of every FIELD, if there is one.
        light: what lights it.
        fog: haze, if there is any.
        dots: the dot projector, if there is one.
        view: 3 x 3, axes (columns) of the left camera in the world.
        position: 3, where the left camera is.
    """

    primitives: list[Primitive] = field(default_factory=list)
    materials: list[Vector] = field(default_factory=list)
    heights: npt.NDArray[np.float32] | None = None
    light: Light = field(
        default_factory=lambda: Light(np.array([1.0, -8.0, -2.0]), 0.5, 0.0, 1.0, np.ones(3))
    )
    fog: Fog | None = None
    dots: Dots | None = None
    view: Vector = field(default_factory=lambda: np.eye(3))
    position: Vector = field(default_factory=lambda: np.zeros(3))


def form(first: float = 0.0, cut: float = 0.0) -> Extra:
    """Return `Primitive.extra` without bars: a taper or cut corners, and a card's outline or leaves."""
    return (first, 2.0, 0.0, 2.0, cut)


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Vector:
    """Return the 3 x 3 turn by roll about z, then pitch about x, then yaw about y; radians."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)
