# SPDX-License-Identifier: Apache-2.0
"""What surfaces are covered with: photographs and made pictures, each in several sizes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ConfigError

Picture = npt.NDArray[Any]
"""Of bytes; OpenCV's functions do not say so."""
Grid = npt.NDArray[np.float32]

_SIDE = 320
_MADE = 72
_SEED = 20260
"""Of the made pictures, which are the same for every run."""

_LEVELS = 3


@dataclass(frozen=True)
class Texture:
    """A picture on a surface, in the left view's pixels.

    Attributes:
        picture: H x W x 3.
        places: 2 x 3: left pixel (x, y, 1) -> column and row of the picture, which is mirrored beyond its
            borders.
        colours: 3 x 4: (R, G, B, 1) of the picture -> R, G, B of the surface.
    """

    picture: Picture
    places: npt.NDArray[np.float64]
    colours: npt.NDArray[np.float64]

    def at(self, x: Grid, y: Grid) -> Picture:
        """Return H x W x 3 colours at left pixels, two grids of H x W."""
        (a, b, c), (d, e, f) = np.asarray(self.places, np.float32)
        columns, rows = a * x + b * y + c, d * x + e * y + f
        found = cv2.remap(self.picture, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(cv2.transform(found, self.colours), np.uint8)


class TextureBank:
    """Photographs and made pictures to take textures from.

    Args:
        photographs: share of textures that are photographs, 0 to 1.
        bare: share of textures with next to no contrast, 0 to 1.

    Raises:
        ConfigError: photographs are wanted, and this installation holds none.
    """

    def __init__(self, photographs: float, bare: float) -> None:
        if photographs > 0 and not _photographs():
            raise ConfigError(
                f"layered photographs is {photographs}, but this installation holds none; expected 0"
            )
        self._photographs, self._bare = photographs, bare

    def draw(self, rng: np.random.Generator, detail: float = 1.0) -> Texture:
        """Return a texture.

        Args:
            rng: decides everything.
            detail: 1 for usual surfaces, greater for finer ones.
        """
        pictures = _photographs() if rng.random() < self._photographs else _made()
        levels = pictures[int(rng.integers(len(pictures)))]
        scale = float(np.exp(rng.uniform(np.log(0.5), np.log(2.5)))) * detail
        level = int(np.clip(np.round(np.log2(max(scale, 1.0))), 0, len(levels) - 1))
        angle = rng.choice([0.0, rng.uniform(0, 2 * np.pi)], p=[0.5, 0.5])
        scale /= 2**level
        stretch = float(np.exp(rng.normal(0, 0.15)))
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turn = turn @ np.diag([stretch * rng.choice([-1, 1]), 1 / stretch])
        height, width = levels[level].shape[:2]
        places = np.concatenate([turn, rng.random((2, 1)) * [[width], [height]]], axis=1)
        return Texture(levels[level], places, self._colours(rng))

    def _colours(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        bare = rng.random() < self._bare
        contrast = np.exp(rng.uniform(np.log(0.02), np.log(0.15))) if bare else np.exp(rng.normal(-0.05, 0.3))
        mixing = np.eye(3)
        if rng.random() < 0.4:  # other colours than it had
            mixing = mixing[rng.permutation(3)] + rng.normal(0, 0.35, (3, 3))
            mixing /= np.maximum(np.abs(mixing).sum(axis=1, keepdims=True), 0.5)
        if rng.random() < 0.12:  # no colours
            mixing = np.full((3, 3), 1 / 3)
        middle = rng.uniform(50, 200) + rng.normal(0, 18 + 20 * bare, 3)
        if not bare and rng.random() < 0.5:
            middle = np.full(3, 118.0)  # as bright as it was
        offset = middle - contrast * mixing @ np.full(3, 118.0)
        return np.concatenate([contrast * mixing, offset[:, None]], 1)


Levels = tuple[Picture, ...]


@functools.cache
def _photographs() -> Sequence[Levels]:
    """Return the photographs beside this module (their licences: CREDITS.md there)."""
    folder = Path(__file__).parent / "photographs"
    found = []
    for path in sorted(folder.glob("*.jpg")):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is not None:
            found.append(_levels(np.ascontiguousarray(picture[..., ::-1])))
    return found


@functools.cache
def _made() -> Sequence[Levels]:
    return [_levels(_KINDS[i % len(_KINDS)](np.random.default_rng((_SEED, i)))) for i in range(_MADE)]


def _levels(picture: Picture) -> Levels:
    levels = [picture]
    while len(levels) < _LEVELS and min(levels[-1].shape[:2]) >= 128:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return tuple(np.asarray(level, np.uint8) for level in levels)


def _palette(rng: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """Return colours that go together: shades around one or two hues, and now and then any."""
    base = rng.uniform(20, 235, (1 + rng.integers(3), 3))
    chosen = base[rng.integers(len(base), size=count)]
    return np.clip(chosen * rng.uniform(0.5, 1.3, (count, 1)) + rng.normal(0, 22, (count, 3)), 0, 255)


def _noise(rng: np.random.Generator, power: float, channels: int = 3) -> Grid:
    """Return _SIDE x _SIDE x channels of noise whose amplitude falls with frequency to a power, 0 to 1."""
    y, x = np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None, :]
    radius = np.maximum(np.hypot(x, y), 1 / _SIDE)
    planes = []
    for _ in range(channels):
        spectrum = np.fft.rfft2(rng.standard_normal((_SIDE, _SIDE))) / radius**power
        plane = np.fft.irfft2(spectrum, s=(_SIDE, _SIDE))
        planes.append(np.clip(0.5 + 0.22 * (plane - plane.mean()) / plane.std(), 0, 1))
    return np.stack(planes, axis=-1).astype(np.float32)


def _clouds(rng: np.random.Generator) -> Picture:
    shared, own = _noise(rng, rng.uniform(0.4, 1.6), 1), _noise(rng, rng.uniform(0.4, 1.6))
    mixed = 0.75 * shared + 0.25 * own
    low, high = _palette(rng, 2)
    return np.asarray(np.clip(low + (high - low) * (1.6 * mixed - 0.3), 0, 255), np.uint8)


def _dead_leaves(rng: np.random.Generator) -> Picture:
    """Paint forms over each other whose sizes follow a power law, as in natural pictures."""
    picture = np.full((_SIDE, _SIDE, 3), 128, np.uint8)
    count = 1400
    sizes = 2.5 * (1 - rng.random(count)) ** (-1 / rng.uniform(1.2, 2.2))
    places = rng.integers(0, _SIDE, (count, 2))
    for size, place, colour in zip(np.minimum(sizes, 90), places, _palette(rng, count), strict=True):
        if rng.random() < 0.5:
            cv2.circle(picture, place.tolist(), max(1, round(size)), colour.tolist(), -1, cv2.LINE_AA)
        else:
            box = ((float(place[0]), float(place[1])), (2 * size, size), rng.uniform(0, 180))
            corners = cv2.boxPoints(box).astype(np.int32)
            cv2.fillPoly(picture, [corners], colour.tolist(), cv2.LINE_AA)
    grain = rng.normal(0, rng.uniform(0, 12), picture.shape)
    return np.asarray(np.clip(picture + grain, 0, 255), np.uint8)


def _waves(rng: np.random.Generator) -> Picture:
    y, x = np.mgrid[0:_SIDE, 0:_SIDE].astype(np.float32)
    bend = 40 * rng.random() * (_noise(rng, 1.6, 1)[..., 0] - 0.5)
    value = np.zeros((_SIDE, _SIDE), np.float32)
    for _ in range(rng.integers(1, 4)):
        angle, length = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(5), np.log(50)))
        value += np.sin(2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y + bend) / length)
    value = np.tanh(value * rng.uniform(0.5, 4)) * 0.5 + 0.5
    low, high = _palette(rng, 2)
    return np.asarray(np.clip(low + (high - low) * value[..., None], 0, 255), np.uint8)


def _grid(rng: np.random.Generator) -> Picture:
    """Paint tiles, bricks or a checkerboard; every tile a little different."""
    height, width = rng.integers(8, 60), rng.integers(8, 80)
    gap = rng.integers(0, 4)
    joint, *colours = _palette(rng, 1 + 400)
    picture = np.empty((_SIDE, _SIDE, 3), np.float32)
    picture[:] = joint
    same = rng.random()
    for row, top in enumerate(range(0, _SIDE, height)):
        offset = (row % 2) * (width // 2) if rng.random() < 0.7 else 0
        for column, start in enumerate(range(-offset, _SIDE, width)):
            colour = same * colours[(row + column) % 2] + (1 - same) * colours[(31 * row + column) % 400]
            picture[top : top + height - gap, max(start, 0) : max(start + width - gap, 0)] = colour
    picture *= 0.75 + 0.5 * _noise(rng, rng.uniform(0.3, 1.2), 1)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def _text(rng: np.random.Generator) -> Picture:
    paper, ink = _palette(rng, 2)
    picture = np.empty((_SIDE, _SIDE, 3), np.uint8)
    picture[:] = paper
    y = 0
    while y < _SIDE:
        scale = rng.uniform(0.3, 1.4)
        y += int(26 * scale) + 4
        line = "".join(chr(c) for c in rng.integers(33, 123, 60))
        font, start = int(rng.integers(0, 5)), (int(rng.integers(-40, 30)), y)
        cv2.putText(picture, line, start, font, scale, ink.tolist(), 1 + (scale > 0.8), cv2.LINE_AA)
    return picture


def _speckles(rng: np.random.Generator) -> Picture:
    ground, dots = _palette(rng, 2)
    cell = int(rng.integers(1, 5))
    seeds = (rng.random((_SIDE // cell + 1, _SIDE // cell + 1)) < rng.uniform(0.05, 0.5)).astype(np.float32)
    spread = cv2.resize(seeds, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR)[..., None]
    return np.asarray(np.clip(ground + (dots - ground) * spread, 0, 255), np.uint8)


def _stains(rng: np.random.Generator) -> Picture:
    """Paint one made picture through the thresholded noise of another."""
    first, second = (_KINDS[int(rng.integers(5))](rng).astype(np.float32) for _ in range(2))
    mask = np.clip((_noise(rng, rng.uniform(1.0, 2.0), 1) - 0.5) * rng.uniform(3, 40) + 0.5, 0, 1)
    return np.asarray(first + (second - first) * mask, np.uint8)


_KINDS: Sequence[Callable[[np.random.Generator], Picture]] = (
    _clouds,
    _dead_leaves,
    _waves,
    _grid,
    _speckles,
    _dead_leaves,
    _text,
    _stains,
    _clouds,
)
