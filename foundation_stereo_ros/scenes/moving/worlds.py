# SPDX-License-Identifier: Apache-2.0
"""Rooms and outdoor scenes with boxes and flat shapes in them, and the path of a hand-held camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import check_fields
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.scenes.layered import outlines
from foundation_stereo_ros.scenes.layered.config import LayeredConfig
from foundation_stereo_ros.scenes.layered.exposure import record
from foundation_stereo_ros.scenes.layered.textures import TextureBank
from foundation_stereo_ros.scenes.moving.surfaces import Picture, Surface, see
from foundation_stereo_ros.shapes import DepthMap, Matrix, RgbImage

_TEXELS = 384  # of a surface's longer side at most
_TRIES = 12


@dataclass(frozen=True)
class MovingConfig:
    """Ranges of `MovingScenes`. Chances are 0 to 1; lengths are metres.

    Attributes:
        room_low, room_high: sides of a room.
        things_low, things_high: number of boxes and flat shapes.
        boxes: share of things that are boxes.
        outdoors: how often there are no side walls and no ceiling.
        step_low, step_high: combined pose distance from one frame to the next.
        turning: greatest share of it that is rotation.
        rotation_noise: standard deviation of the poses' rotations, degrees about each axis.
        translation_noise: standard deviation of their translations, metres on each axis.
        clearance: least depth of the nearest thing that a camera sees.
        focal_low, focal_high: focal length, of the image's width.
        photographs: share of textures that are photographs.
        bare: share of surfaces with next to no texture.

    Raises:
        ConfigError: a value is out of its range.
    """

    room_low: float = 2.5
    room_high: float = 9.0
    things_low: int = 6
    things_high: int = 24
    boxes: float = 0.5
    outdoors: float = 0.2
    step_low: float = 0.06
    step_high: float = 0.35
    turning: float = 0.7
    rotation_noise: float = 0.0
    translation_noise: float = 0.0
    clearance: float = 0.3
    focal_low: float = 0.7
    focal_high: float = 1.3
    photographs: float = 0.6
    bare: float = 0.15

    def __post_init__(self) -> None:
        noises = ("rotation_noise", "translation_noise")
        shares = ("boxes", "outdoors", "turning", "photographs", "bare")
        checks = [
            *((name, 0 <= getattr(self, name) <= 1, "0 to 1") for name in shares),
            ("room_low", self.room_low >= 1, "1 or more metres"),
            ("room_high", self.room_high >= self.room_low, "no less than room_low"),
            ("things_low", self.things_low >= 0, "0 or more"),
            ("things_high", self.things_high >= self.things_low, "no less than things_low"),
            ("step_low", self.step_low > 0, "a positive distance"),
            ("step_high", self.step_high >= self.step_low, "no less than step_low"),
            *((name, getattr(self, name) >= 0, "0 or more") for name in noises),
            ("clearance", self.clearance > 0, "a positive number of metres"),
            ("focal_low", self.focal_low > 0, "a positive share"),
            ("focal_high", self.focal_high >= self.focal_low, "no less than focal_low"),
        ]
        check_fields("moving", self, checks)


@dataclass(frozen=True, eq=False)
class MovingClip:
    """A few frames of a moving camera.

    Attributes:
        images: H x W x 3 each.
        depths: H x W each, metres along the optical axis; 0 where there is nothing.
        poses: 4 x 4 each, from the camera's optical frame to the world, y down; as a tracker
            tells them.
        camera: of all of them.
    """

    images: Sequence[RgbImage]
    depths: Sequence[DepthMap]
    poses: Sequence[Matrix]
    camera: Camera


class MovingScenes:
    """Makes clips; each follows from its seed alone.

    Args:
        config: ranges; None: the defaults.
    """

    def __init__(self, config: MovingConfig | None = None) -> None:
        self.config = config or MovingConfig()
        self._textures = TextureBank(self.config.photographs, self.config.bare)
        self._flaws = LayeredConfig()

    def clip(self, seed: int, frames: int, height: int, width: int) -> MovingClip:
        """Return a clip.

        Args:
            seed: decides everything.
            frames: how many.
            height, width: of the images, pixels.
        """
        rng, c = np.random.default_rng((seed, frames, height, width)), self.config
        focal = width * rng.uniform(c.focal_low, c.focal_high)
        middle = rng.normal(0, 0.01, 2) * width
        camera = Camera(
            width,
            height,
            focal,
            focal * rng.uniform(0.95, 1.05),
            (width - 1) / 2 + middle[0],
            (height - 1) / 2 + middle[1],
        )
        room = np.exp(rng.uniform(np.log(c.room_low), np.log(c.room_high), 3))
        room[1] = rng.uniform(2.2, 4.0)
        outdoors = rng.random() < c.outdoors
        if outdoors:
            room[0], room[2] = rng.uniform(6, 24), rng.uniform(6, 18)
        pose = _start(rng, room)
        surfaces = self._world(rng, room, pose, outdoors)
        images: list[RgbImage] = []
        depths: list[DepthMap] = []
        poses: list[Matrix] = []
        direction = rng.normal(size=3) * (1.0, 0.6, 0.8)
        spin = rng.normal(size=3) * (0.6, 1.0, 0.3)
        while len(poses) < frames:
            image, depth = see(surfaces, camera, pose)
            images.append(image)
            depths.append(depth)
            poses.append(pose)
            if len(poses) < frames:
                pose, direction, spin = self._next(rng, surfaces, camera, room, pose, direction, spin)
        told = [self._tracked(rng, pose) for pose in poses]
        return MovingClip(record(images, self._flaws, rng), depths, told, camera)

    def _tracked(self, rng: np.random.Generator, pose: Matrix) -> Matrix:
        """Return a pose as a tracker tells it."""
        c = self.config
        found: Matrix = pose.copy()
        found[:3, :3] = pose[:3, :3] @ _rotation(np.radians(c.rotation_noise) * rng.normal(size=3))
        found[:3, 3] += c.translation_noise * rng.normal(size=3)
        return found

    def _next(
        self,
        rng: np.random.Generator,
        surfaces: Sequence[Surface],
        camera: Camera,
        room: npt.NDArray[np.float64],
        pose: Matrix,
        direction: npt.NDArray[np.float64],
        spin: npt.NDArray[np.float64],
    ) -> tuple[Matrix, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the next pose, where the camera neither leaves the room nor comes too near to anything."""
        c, coarse = self.config, camera.scaled(camera.width // 8, camera.height // 8)
        for _ in range(_TRIES):
            new = direction + rng.normal(size=3) * 0.5 * np.linalg.norm(direction)
            turn = spin + rng.normal(size=3) * 0.7 * np.linalg.norm(spin)
            step = np.exp(rng.uniform(np.log(c.step_low), np.log(c.step_high)))
            share = c.turning * rng.random()
            angle = share * step / np.sqrt(2 / 3)
            after = pose.copy()
            after[:3, :3] = pose[:3, :3] @ _rotation(angle * turn / np.linalg.norm(turn))
            after[:3, 3] += np.sqrt(1 - share**2) * step * (pose[:3, :3] @ (new / np.linalg.norm(new)))
            inside = (np.abs(after[:3, 3] - (0, 0, room[2] / 2)) < room / 2 - 0.15).all()
            if inside:
                _, depth = see(surfaces, coarse, after)
                seen = depth[depth > 0]
                if seen.size and np.percentile(seen, 2) > c.clearance:
                    return after, new, turn
            direction, spin = rng.normal(size=3), rng.normal(size=3)
        return pose.copy(), direction, spin

    def _world(
        self, rng: np.random.Generator, room: npt.NDArray[np.float64], pose: Matrix, outdoors: bool
    ) -> list[Surface]:
        c = self.config
        w, h, d = room
        x0, y0 = -w / 2, -h / 2
        walls = [
            ((x0, y0, d), (w, 0, 0), (0, h, 0)),  # ahead
            ((x0, -y0, d), (w, 0, 0), (0, 0, -d)),  # floor
            ((-x0, y0, 0), (-w, 0, 0), (0, h, 0)),  # behind
        ]
        if not outdoors:
            walls += [
                ((x0, y0, 0), (0, 0, d), (0, h, 0)),
                ((-x0, y0, d), (0, 0, -d), (0, h, 0)),
                ((x0, y0, 0), (w, 0, 0), (0, 0, d)),  # ceiling
            ]
        else:
            sky = 40.0
            walls.append(((-sky, -sky, 30), (2 * sky, 0, 0), (0, 2 * sky, 0)))
        surfaces = [self._flat(rng, *wall) for wall in walls]
        for _ in range(int(rng.integers(c.things_low, c.things_high + 1))):
            where = self._place(rng, pose, room)
            if rng.random() < c.boxes:
                surfaces += self._box(rng, where, -y0)
            else:
                surfaces.append(self._flat_shape(rng, where))
        return surfaces

    def _place(
        self, rng: np.random.Generator, pose: Matrix, room: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return where a thing stands: mostly before the first camera, near ones as often as far ones."""
        if rng.random() < 0.3:
            return np.asarray(rng.uniform((-0.5, -0.5, 0), (0.5, 0.5, 1)) * room, np.float64)
        depth = np.exp(rng.uniform(np.log(2 * self.config.clearance), np.log(max(room[2], 1.0))))
        ahead = depth * np.array([rng.uniform(-0.7, 0.7), rng.uniform(-0.5, 0.6), 1.0])
        place = pose[:3, :3] @ ahead + pose[:3, 3]
        inside = np.clip(place / room, (-0.49, -0.49, 0.01), (0.49, 0.49, 0.99)) * room
        return np.asarray(inside, np.float64)

    def _flat(
        self, rng: np.random.Generator, corner: npt.ArrayLike, right: npt.ArrayLike, down: npt.ArrayLike
    ) -> Surface:
        shape = _texels(right, down)
        return Surface.of(corner, right, down, self._picture(rng, *shape))

    def _picture(self, rng: np.random.Generator, height: int, width: int) -> Picture:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        picture = self._textures.draw(rng, 0.8).at(x, y)
        left, right = rng.uniform(0.7, 1.15, 2)
        light = np.linspace(left, right, width) * rng.uniform(0.7, 1.1)
        return np.asarray(np.clip(picture * light[None, :, None], 0, 255), np.uint8)

    def _box(self, rng: np.random.Generator, where: npt.NDArray[np.float64], floor: float) -> list[Surface]:
        size = np.exp(rng.uniform(np.log(0.08), np.log(1.2), 3))
        turn = _rotation(np.array([0.0, rng.uniform(0, 2 * np.pi), 0.0]))
        if rng.random() < 0.25:
            turn = _rotation(rng.normal(size=3))
        elif rng.random() < 0.7:
            where = np.array([where[0], floor - size[1] / 2, where[2]])  # it stands on the floor
        x, y, z = (turn[:, i] * size[i] for i in range(3))
        low = where - (x + y + z) / 2
        faces = [(low, x, y), (low + z, x, y), (low, z, y), (low + x, z, y), (low, x, z), (low + y, x, z)]
        return [self._flat(rng, *face) for face in faces]

    def _flat_shape(self, rng: np.random.Generator, where: npt.NDArray[np.float64]) -> Surface:
        size = np.exp(rng.uniform(np.log(0.15), np.log(2.0)))
        aspect = np.exp(rng.normal(0, 0.4))
        turn = _rotation(rng.normal(size=3) * (0.3, 0.7, 0.5))
        right, down = turn[:, 0] * size * aspect, turn[:, 1] * size / aspect
        height, width = _texels(right, down)
        kind = rng.random()
        shape = outlines.thin if kind < 0.3 else outlines.leafy if kind < 0.45 else outlines.solid
        picture = self._picture(rng, height, width)
        return Surface.of(where - (right + down) / 2, right, down, picture, shape(rng, height, width))


def _texels(right: npt.ArrayLike, down: npt.ArrayLike) -> tuple[int, int]:
    """Return rows and columns of a surface's picture: about 8 mm a texel, or coarser where it is large."""
    lengths = np.array([np.linalg.norm(down), np.linalg.norm(right)])
    sides = np.maximum(lengths / max(0.008, float(lengths.max()) / _TEXELS), 16).astype(int)
    return int(sides[0]), int(sides[1])


def _start(rng: np.random.Generator, room: npt.NDArray[np.float64]) -> Matrix:
    pose = np.eye(4)
    pose[:3, :3] = _rotation(np.array([0, rng.normal(0, 0.7), 0])) @ _rotation(
        np.array([rng.normal(0.1, 0.2), 0, rng.normal(0, 0.08)])
    )
    place = rng.uniform((-0.3, -0.25, 0.1), (0.3, 0.25, 0.35))
    pose[:3, 3] = place * room
    return pose


def _rotation(vector: npt.NDArray[np.float64]) -> Matrix:
    """Return the rotation about an axis by its length in radians."""
    return np.asarray(cv2.Rodrigues(vector)[0], np.float64)
