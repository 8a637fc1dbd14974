# SPDX-License-Identifier: Apache-2.0
"""Outlines of things: pictures of H x W bytes, 255 inside, smooth across the border."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[Any]
"""Of bytes; OpenCV's functions do not say so."""
Points = npt.NDArray[np.float64]
Outline = Callable[[np.random.Generator, int, int], Mask]

_SHIFT = 4
"""Binary digits after the point of the coordinates that OpenCV draws with."""

_LETTERS = "ABCDEFGHKLMNPRSTUVXYZ0123456789&?#"


def solid(rng: np.random.Generator, height: int, width: int) -> Mask:
    """Return a closed form that fills the box, sometimes with holes in it."""
    mask = _one_of(_SOLIDS, rng)(rng, height, width)
    if rng.random() < 0.25 and min(height, width) > 16:
        mask = cv2.subtract(mask, _holes(rng, height, width))
    return mask


def thin(rng: np.random.Generator, height: int, width: int) -> Mask:
    """Return something thin: bars, a grid, spokes, a wire, twigs, a frame."""
    return _one_of(_THIN, rng)(rng, height, width)


def leafy(rng: np.random.Generator, height: int, width: int) -> Mask:
    """Return foliage: noise above a threshold, or many small leaves."""
    return (_foliage if rng.random() < 0.5 else _leaves)(rng, height, width)


def _one_of(kinds: Sequence[Outline], rng: np.random.Generator) -> Outline:
    return kinds[int(rng.integers(len(kinds)))]


def _empty(height: int, width: int) -> Mask:
    return np.zeros((height, width), np.uint8)


def _fill(mask: Mask, points: Points, value: int = 255) -> Mask:
    cv2.fillPoly(mask, [_fixed(points)], value, cv2.LINE_AA, _SHIFT)
    return mask


def _fixed(points: Points) -> npt.NDArray[np.int32]:
    return np.rint(points * (1 << _SHIFT)).astype(np.int32)


def _line(mask: Mask, points: Points, thickness: float, value: int = 255, closed: bool = False) -> None:
    """Draw a stroke of any thickness: thin ones as polygons, for OpenCV's thickness is whole pixels."""
    if thickness >= 3:
        cv2.polylines(mask, [_fixed(points)], closed, value, round(thickness), cv2.LINE_AA, _SHIFT)
        return
    joined = np.concatenate([points, points[:1]]) if closed else points
    for begin, end in itertools.pairwise(joined):
        along = end - begin
        across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) * thickness / 2
        _fill(mask, np.stack([begin + across, end + across, end - across, begin - across]), value)


def _ring(rng: np.random.Generator, height: int, width: int, radii: Points) -> Points:
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False) + rng.uniform(0, 2 * np.pi)
    x = (width - 1) / 2 * (1 + radii * np.cos(angle))
    y = (height - 1) / 2 * (1 + radii * np.sin(angle))
    return np.stack([x, y], axis=1)


def _blob(rng: np.random.Generator, height: int, width: int) -> Mask:
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radii = np.ones(48)
    for wave in range(2, 7):
        radii += rng.normal(0, 0.5 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    radii = np.clip(radii, 0.15, None)
    return _fill(_empty(height, width), _ring(rng, height, width, radii / radii.max()))


def _ellipse(rng: np.random.Generator, height: int, width: int) -> Mask:
    return _fill(_empty(height, width), _ring(rng, height, width, np.ones(64)))


def _box(rng: np.random.Generator, height: int, width: int) -> Mask:
    mask = _empty(height, width)
    if rng.random() < 0.6:  # upright, from border to border
        mask[:] = 255
        return mask
    corner = rng.uniform(0.05, 0.95)
    points = np.array([(corner, 0), (1, 1 - corner), (1 - corner, 1), (0, corner)])
    return _fill(mask, points * (width - 1, height - 1))


def _polygon(rng: np.random.Generator, height: int, width: int) -> Mask:
    radii = rng.uniform(0.35, 1.0, rng.integers(3, 9))
    return _fill(_empty(height, width), _ring(rng, height, width, radii / radii.max()))


def _letters(rng: np.random.Generator, height: int, width: int) -> Mask:
    text = "".join(rng.choice(list(_LETTERS), rng.integers(1, 5)))
    font = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX)[rng.integers(3)]
    thickness = max(2, round(min(height, width) * rng.uniform(0.04, 0.2)))
    (text_width, text_height), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = min((width - thickness) / text_width, (height - thickness) / text_height)
    mask, start = _empty(height, width), (thickness // 2, height - thickness // 2 - 1)
    cv2.putText(mask, text, start, font, max(scale, 0.2), 255, thickness, cv2.LINE_AA)
    return mask


def _holes(rng: np.random.Generator, height: int, width: int) -> Mask:
    mask = _empty(height, width)
    if rng.random() < 0.5:  # one large one
        h, w = (max(2, round(n * rng.uniform(0.25, 0.75))) for n in (height, width))
        top, start = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
        mask[top : top + h, start : start + w] = _one_of(_SOLIDS[:3], rng)(rng, h, w)
        return mask
    pitch = rng.uniform(6, max(7, min(height, width) / 2))
    radius = pitch * rng.uniform(0.15, 0.42)
    for y in np.arange(pitch / 2, height, pitch):
        for x in np.arange(pitch / 2, width, pitch):
            _fill(mask, np.array([x, y]) + radius * _OCTAGON)
    return mask


_OCTAGON = np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)

_SOLIDS: Sequence[Outline] = (_blob, _ellipse, _box, _box, _polygon, _letters)


def _bars(rng: np.random.Generator, height: int, width: int) -> Mask:
    """Draw parallel bars, or a grid of them, turned by a little or by much."""
    mask = _empty(height, width)
    thickness = rng.uniform(1.2, 7)
    pitch = thickness * rng.uniform(2.0, 7.0)
    first = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]) + rng.normal(0, 0.06)
    centre, reach = np.array([width, height]) / 2, float(np.hypot(height, width)) / 2
    for angle in (first, first + np.pi / 2)[: rng.integers(1, 3)]:
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        for offset in np.arange(-reach, reach, pitch)[:40]:
            middle = centre + offset * across
            _line(mask, np.stack([middle - reach * along, middle + reach * along]), thickness)
    return mask


def _bar(rng: np.random.Generator, height: int, width: int) -> Mask:
    mask = _empty(height, width)
    ends = np.array([[0.02, rng.random()], [0.98, rng.random()]])
    ends = ends if width > height else ends[:, ::-1]
    _line(mask, ends * (width, height), rng.uniform(1.5, 9))
    return mask


def _spokes(rng: np.random.Generator, height: int, width: int) -> Mask:
    mask, centre = _empty(height, width), np.array([width, height]) / 2
    thickness = rng.uniform(1.2, 4)
    rim = _ring(rng, height, width, np.full(48, 0.93))
    _line(mask, rim, thickness * rng.uniform(1, 2.5), closed=True)
    for point in rim[:: rng.integers(3, 9)]:
        _line(mask, np.stack([centre, point]), thickness)
    return mask


def _wire(rng: np.random.Generator, height: int, width: int) -> Mask:
    mask = _empty(height, width)
    for _ in range(rng.integers(1, 4)):
        t = np.linspace(0, 1, 24)
        y = rng.random() + (rng.random() - 0.5) * t + rng.uniform(-0.4, 0.4) * np.sin(np.pi * t)
        points = np.stack([t, np.clip(y, 0, 1)], axis=1)
        points = points if rng.random() < 0.6 else points[:, ::-1]
        _line(mask, points * (width, height), rng.uniform(1.0, 4))
    return mask


def _twigs(rng: np.random.Generator, height: int, width: int) -> Mask:
    mask = _empty(height, width)
    step = max(height, width) / 14
    heads = [(np.array([width * rng.uniform(0.2, 0.8), float(height)]), -np.pi / 2, rng.uniform(2, 6))]
    while heads and len(heads) < 40:
        place, angle, thickness = heads.pop(0)
        for _ in range(rng.integers(2, 6)):
            angle += rng.normal(0, 0.25)
            following = place + step * np.array([np.cos(angle), np.sin(angle)])
            _line(mask, np.stack([place, following]), thickness)
            place = following
            if rng.random() < 0.5 and thickness > 1.2:
                heads.append((place, angle + rng.choice([-0.8, 0.8]), thickness * 0.65))
        if thickness > 1.2 and 0 < place[0] < width and place[1] > 0:
            heads.append((place, angle, thickness * 0.75))
    return mask


def _frame(rng: np.random.Generator, height: int, width: int) -> Mask:
    mask = _one_of(_SOLIDS[:4], rng)(rng, height, width)
    size = max(2, round(rng.uniform(2, max(3, min(height, width) / 5))))
    return cv2.subtract(mask, cv2.erode(mask, np.ones((2 * size + 1, 2 * size + 1), np.uint8), borderValue=0))


_THIN: Sequence[Outline] = (_bar, _bar, _bars, _bars, _spokes, _wire, _twigs, _frame)


def _foliage(rng: np.random.Generator, height: int, width: int) -> Mask:
    cell = rng.uniform(3, 14)
    rows, columns = max(3, round(height / cell)), max(3, round(width / cell))
    noise = rng.random((rows, columns), dtype=np.float32)
    smooth = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    threshold = rng.uniform(0.35, 0.65)
    mask = np.clip((smooth - threshold) * 255 * cell / 2 + 128, 0, 255).astype(np.uint8)
    return cv2.min(mask, _blob(rng, height, width))


def _leaves(rng: np.random.Generator, height: int, width: int) -> Mask:
    mask = _empty(height, width)
    size = rng.uniform(3, max(4, min(height, width) / 5))
    count = int(min(160, rng.uniform(0.4, 1.2) * height * width / (2.5 * size * size)))
    angles, slim = rng.uniform(0, np.pi, count), rng.uniform(0.25, 0.8)
    places = rng.random((count, 2)) * (width, height)
    for place, angle in zip(places, angles, strict=True):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        _fill(mask, place + size * (_OCTAGON * (1, slim)) @ turn)
    return mask
