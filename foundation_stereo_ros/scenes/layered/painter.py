# SPDX-License-Identifier: Apache-2.0
"""Stereo pairs painted from layers, with exact disparity and occlusion, in a twentieth of a second.

A scene is a background of planes and some things before it. Each is an outline with a texture and a
disparity, all given over the left view's pixels. The left view is painted directly. A pixel x_r of the right
view shows of a layer what stands at x_l = x_r + d(x_l), which a few fixed-point steps solve. In both views
the nearest layer wins, pixel by pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.scenes.layered import outlines
from foundation_stereo_ros.scenes.layered.config import LayeredConfig
from foundation_stereo_ros.scenes.layered.exposure import expose
from foundation_stereo_ros.scenes.layered.surfaces import Plane, bounded, bulge
from foundation_stereo_ros.scenes.layered.textures import Texture, TextureBank

Grid = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

_STEPS, _SOLVED = 20, 0.01  # pixels; with slopes of a half, each step halves the error
_INSIDE = 128


@dataclass(frozen=True)
class LayeredPair:
    """A rectified pair and its truth.

    Attributes:
        left, right: H x W x 3 uint8, RGB.
        disparity: H x W float32, pixels: left column minus right column of what a left pixel shows.
        occluded: H x W bool: the right view does not show it.
    """

    left: npt.NDArray[np.uint8]
    right: npt.NDArray[np.uint8]
    disparity: Grid
    occluded: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Layer:
    """Something in a box of left pixels.

    Attributes:
        box: x0, y0, x1, y1, the ends excluded; may reach beyond the right border, where only the right view
            looks.
        mask: bytes over the box, 128 and more inside; None: all of it.
        disparity: over the box, 0 or more; its change along a row is below 1 a pixel.
        texture: what it is covered with.
        plane: the disparity, where it is a plane and never below 0.
        light: over the box: what the texture is multiplied with; None: nothing.
    """

    box: Box
    mask: npt.NDArray[np.uint8] | None
    disparity: Grid
    texture: Texture
    plane: Plane | None = None
    light: Grid | None = None


class View:
    """A picture on its way, with the disparity and the number of the nearest layer so far."""

    def __init__(self, height: int, width: int) -> None:
        self.picture = np.zeros((height, width, 3), np.uint8)
        self.disparity = np.full((height, width), -1, np.float32)
        self.layer = np.full((height, width), -1, np.int16)

    def put(
        self,
        layer: Layer,
        number: int,
        region: Box,
        x: Grid,
        y: Grid,
        disparity: Grid,
        inside: npt.NDArray[np.bool_],
    ) -> None:
        """Paint a layer into a region, where it is inside and nearer.

        Args:
            layer, number: which one.
            region: pixels of this view.
            x, y: left pixels that the region shows of the layer.
            disparity: of them.
            inside: whether the layer is there.
        """
        x0, y0, x1, y1 = region
        nearer = inside & (disparity > self.disparity[y0:y1, x0:x1])
        rows, columns = np.flatnonzero(nearer.any(axis=1)), np.flatnonzero(nearer.any(axis=0))
        if not rows.size:
            return
        # textures cost the most: only over what is seen
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        place = np.s_[y0 + rows[0] : y0 + rows[-1] + 1, x0 + columns[0] : x0 + columns[-1] + 1]
        nearer, x, y = nearer[part], x[part], y[part]
        colours = layer.texture.at(x, y)
        if layer.light is not None:
            light = _sample(layer.light, x - layer.box[0], y - layer.box[1], cv2.BORDER_REPLICATE)
            colours = np.clip(colours * light[..., None], 0, 255).astype(np.uint8)
        np.copyto(self.picture[place], colours, where=nearer[..., None])
        np.copyto(self.disparity[place], disparity[part], where=nearer)
        np.copyto(self.layer[place], np.int16(number), where=nearer)


def paint(layers: list[Layer], height: int, width: int) -> tuple[View, View]:
    """Paint both views of layers; those that come first lie behind where disparities are equal."""
    left, right = View(height, width), View(height, width)
    for number, layer in enumerate(layers):
        _paint_left(left, layer, number, width)
        _paint_right(right, layer, number, width)
    return left, right


def _paint_left(view: View, layer: Layer, number: int, width: int) -> None:
    x0, y0, x1, y1 = layer.box
    x1 = min(x1, width)
    if x1 <= x0:
        return
    part = np.s_[: y1 - y0, : x1 - x0]
    x, y = _pixels((x0, y0, x1, y1))
    inside = np.ones(x.shape, bool) if layer.mask is None else layer.mask[part] >= _INSIDE
    view.put(layer, number, (x0, y0, x1, y1), x, y, layer.disparity[part], inside)


def _paint_right(view: View, layer: Layer, number: int, width: int) -> None:
    x0, y0, x1, y1 = layer.box
    nearest, farthest = float(layer.disparity.max()), float(layer.disparity.min())
    region = max(0, int(x0 - nearest)), y0, min(width, int(np.ceil(x1 - farthest)) + 1), y1
    if region[2] <= region[0]:
        return
    seen, y = _pixels(region)
    x = _left_columns(layer, seen, y)
    disparity = x - seen
    inside = (x >= x0 - 0.5) & (x <= x1 - 0.5)
    if layer.mask is not None:
        inside &= _sample(layer.mask, x - x0, y - y0, cv2.BORDER_CONSTANT) >= _INSIDE
    view.put(layer, number, region, x, y, disparity, inside)


def _left_columns(layer: Layer, seen: Grid, y: Grid) -> Grid:
    """Solve x = seen + d(x, y): the left columns of what a layer shows at right columns."""
    if layer.plane is not None:
        plane = layer.plane
        return ((seen + plane.at + plane.along_y * y) / (1 - plane.along_x)).astype(np.float32)
    x0, y0 = layer.box[:2]
    x = seen + layer.disparity.mean()
    for _ in range(_STEPS):
        before, x = x, seen + _sample(layer.disparity, x - x0, y - y0, cv2.BORDER_REPLICATE)
        if np.abs(x - before).max() < _SOLVED:
            break
    return np.asarray(x, np.float32)


def _sample(values: npt.NDArray[Any], x: Grid, y: Grid, border: int) -> npt.NDArray[Any]:
    return cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=border)


def _pixels(box: Box) -> tuple[Grid, Grid]:
    x0, y0, x1, y1 = box
    x, y = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    return x, y


def occlusion(left: View, right: View) -> npt.NDArray[np.bool_]:
    """Return which left pixels the right view does not show: covered, or outside.

    The nearest right pixel decides, so a border is exact to half a pixel.
    """
    height, width = left.disparity.shape
    column = np.rint(np.arange(width, dtype=np.float32) - left.disparity).astype(np.int32)
    row, inside = np.arange(height)[:, None], np.clip(column, 0, width - 1)
    same = right.layer[row, inside] == left.layer
    # A layer never overtakes itself: on the same layer it is the same place.
    return np.asarray(~(same & (column == inside)))


class LayeredScenes:
    """Makes pairs of random scenes; a pair depends on the config, its seed and its size alone.

    Args:
        config: what scenes are like.
    """

    def __init__(self, config: LayeredConfig | None = None) -> None:
        self.config = config or LayeredConfig()
        self._textures = TextureBank(self.config.photographs, self.config.bare)

    def pair(self, seed: int, height: int, width: int) -> LayeredPair:
        """Paint a pair.

        Args:
            seed: 0 or more.
            height, width: pixels.
        """
        rng = np.random.default_rng((seed, 0))
        left, right = paint(self.compose(rng, height, width), height, width)
        pictures = expose(left.picture, right.picture, self.config, np.random.default_rng((seed, 1)))
        return LayeredPair(*pictures, left.disparity, occlusion(left, right))

    def compose(self, rng: np.random.Generator, height: int, width: int) -> list[Layer]:
        """Draw a scene's layers, far ones first."""
        c = self.config
        high = max(c.disparity_low, min(c.disparity_high, c.disparity_share * width))
        nearest = _log_uniform(rng, c.disparity_low, high)
        farthest = nearest * _log_uniform(rng, 0.03, 0.5)
        background = self._background(rng, height, width, farthest, nearest)
        count = int(rng.integers(c.layers_low, c.layers_high + 1))
        depths = np.sort(np.exp(rng.uniform(np.log(farthest), np.log(nearest), count)))
        things = [self._thing(rng, height, width, depth, nearest) for depth in depths]
        return [*background, *(thing for thing in things if thing is not None)]

    def _background(
        self, rng: np.random.Generator, height: int, width: int, farthest: float, nearest: float
    ) -> list[Layer]:
        c = self.config
        reach = width + int(np.ceil(nearest)) + 2
        box = (0, 0, reach, height)
        slope = farthest / width * rng.normal(0, 0.35)
        down = farthest / height * rng.normal(0, 0.15)
        planes = [Plane.through(width / 2, height / 2, farthest, slope, down)]
        near = rng.uniform(0.5, 1.0) * nearest
        if rng.random() < c.floor:
            planes.append(_rising(height - 1, near, rng.uniform(0.3, 0.75) * height, farthest, vertical=True))
        if rng.random() < c.ceiling:
            planes.append(_rising(0, near, rng.uniform(0.1, 0.5) * height, farthest, vertical=True))
        if rng.random() < c.side_wall:
            left_one = rng.random() < 0.5
            border = 0.0 if left_one else width - 1.0
            meeting = rng.uniform(0.1, 0.6) * width
            planes.append(_rising(border, near, meeting if left_one else width - meeting, farthest))
        layers = []
        for plane in planes:
            disparity = np.maximum(plane.over(box), 0)
            curved = rng.random() < 0.2
            if curved:
                base = disparity
                disparity = base + bulge(rng, disparity.shape, farthest * rng.uniform(0.05, 0.4))
                disparity = bounded(disparity, base, c.slope)
            straight = not curved and float(plane.over(box).min()) >= 0
            layers.append(Layer(box, None, disparity, self._textures.draw(rng), plane if straight else None))
        return layers

    def _thing(
        self, rng: np.random.Generator, height: int, width: int, depth: float, nearest: float
    ) -> Layer | None:
        c, kind = self.config, rng.random()
        size = np.exp(rng.uniform(np.log(0.05), np.log(0.75)))
        aspect = np.exp(rng.normal(0, 0.5))
        h, w = int(size * height / np.sqrt(aspect)) + 4, int(size * height * np.sqrt(aspect)) + 4
        if kind < c.thin:
            h, w = (min(2 * n, m) for n, m in ((h, 2 * height), (w, width)))
            mask = outlines.thin(rng, h, w)
        elif kind < c.thin + c.leafy:
            mask = outlines.leafy(rng, h, w)
        else:
            mask = outlines.solid(rng, h, w)
        left = round(rng.uniform(-0.4 * w, width + depth - 0.6 * w))
        top = round(rng.uniform(-0.4 * h, height - 0.5 * h))
        box = max(left, 0), max(top, 0), min(left + w, width + int(nearest) + 2), min(top + h, height)
        if box[2] - box[0] < 2 or box[3] - box[1] < 2:
            return None
        mask = np.ascontiguousarray(mask[box[1] - top : box[3] - top, box[0] - left : box[2] - left])
        steep = depth / width * rng.normal(0, 0.6, 2) if rng.random() < 0.6 else np.zeros(2)
        steep = np.clip(steep, -c.slope / 2, c.slope / 2)
        plane = Plane.through(left + w / 2, top + h / 2, depth, float(steep[0]), float(steep[1]))
        flat = plane.over(box)
        curved = rng.random() < c.curved
        if not curved:
            straight = plane if float(flat.min()) >= 0 else None
            return Layer(box, mask, np.maximum(flat, 0), self._textures.draw(rng), straight)
        rise = bulge(rng, (h, w), depth * rng.uniform(0.03, 0.3) * min(1.0, 3 * w / width))
        rise = rise[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
        disparity = np.maximum(bounded(flat + rise, flat, c.slope), 0)
        return Layer(box, mask, disparity, self._textures.draw(rng), None, _light(rng, disparity - flat))


def _light(rng: np.random.Generator, rise: Grid) -> Grid | None:
    """Return how a curved surface is lit: brighter where it turns to a lamp at the left or right."""
    if rng.random() < 0.4 or rise.shape[1] < 3:
        return None
    turned = np.gradient(rise, axis=1)
    strength = rng.uniform(-0.5, 0.5) / max(float(np.abs(turned).max()), 1e-3)
    return np.asarray(1 + strength * turned, np.float32)


def _rising(border: float, near: float, meeting: float, far: float, vertical: bool = False) -> Plane:
    """Return the plane that is ``near`` at a border's column (or row) and ``far`` where it meets the back."""
    change = (near - far) / (border - meeting) if abs(border - meeting) > 1 else 0.0
    at = near - change * border
    return Plane(at, 0.0, change) if vertical else Plane(at, float(np.clip(change, -0.5, 0.5)), 0.0)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
