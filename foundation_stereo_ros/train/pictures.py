# SPDX-License-Identifier: Apache-2.0
"""Pictures of a run for people: a pair with its disparity and error, and the curve of the validations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.shapes import RgbImage
from foundation_stereo_ros.train.run_files import LOG_NAME

WRONG = 5.0
"""Pixels of error that are painted red; the right ones are blue."""

_UNKNOWN = (24, 24, 28)  # near black, which the colour map does not contain
CURVE_NAME = "curve.png"
_FIGURE = "/bp2"
_WIDTH, _HEIGHT = 960, 540
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 84, 48
_INK, _LIGHT = (60, 60, 60), (225, 225, 225)
_COLOURS = (
    (180, 119, 31),
    (14, 127, 255),
    (44, 160, 44),
    (40, 39, 214),
    (189, 103, 148),
    (75, 86, 140),
)  # BGR
_TICKS = (0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
Series = Mapping[str, Sequence[tuple[int, float]]]


class Shown(NamedTuple):
    """One pair.

    Attributes:
        left, right: 3 x H x W, 0 to 255.
        truth, estimate: 1 x H x W, pixels.
        valid: 1 x H x W bool: where the truth is known.
    """

    left: Tensor
    right: Tensor
    truth: Tensor
    valid: Tensor
    estimate: Tensor


def panel(shown: Shown) -> RgbImage:
    """Paint a pair: left, right and error above the true and the estimated disparity (2 H x 3 W x 3).

    Disparities have the colours of the truth's range; what nobody knows is dark.
    """
    truth, estimate = (x.detach()[0].float().cpu().numpy() for x in (shown.truth, shown.estimate))
    valid = shown.valid[0].cpu().numpy()
    known = truth[valid]
    low, high = np.percentile(known, (2, 98)) if known.size else (0.0, 1.0)
    everywhere = np.ones_like(valid)
    error = paint(np.abs(estimate - truth), valid, 0.0, WRONG)
    views = [np.ascontiguousarray(_bytes(view)) for view in (shown.left, shown.right)]
    maps = [paint(truth, valid, low, high), paint(estimate, everywhere, low, high)]
    rest = np.full_like(error, _UNKNOWN)
    return np.concatenate([np.concatenate([*row], 1) for row in ((*views, error), (*maps, rest))], 0)


def paint(values: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], low: float, high: float) -> RgbImage:
    """Paint H x W values from blue at ``low`` to red at ``high``; invalid ones are dark."""
    valid = valid & np.isfinite(values)
    level = np.clip((np.where(valid, values, low) - low) / max(high - low, 1e-6), 0.0, 1.0)
    painted = cv2.applyColorMap(np.rint(level * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1].copy()
    painted[~valid] = _UNKNOWN
    return np.asarray(painted, np.uint8)


def _bytes(view: Tensor) -> RgbImage:
    return np.asarray(view.detach().float().clamp(0, 255).round().byte().permute(1, 2, 0).cpu().numpy())


def draw_curve(folder: Path) -> None:
    """Write the curve of a run: BP-2 of each kind of validation over the steps, both axes logarithmic.

    Does nothing before there are two validations to join.

    Args:
        folder: of the run; its ``log.jsonl`` is read.
    """
    series = read_series(folder / LOG_NAME)
    if any(len(points) > 1 for points in series.values()):
        _, stored = cv2.imencode(".png", paint_curve(series))
        with atomic_write(folder / CURVE_NAME) as stream:
            stream.write(stored.tobytes())


def read_series(log: Path) -> Series:
    """Return the figures of a journal by name: step and per cent, in the order of the steps."""
    found: dict[str, dict[int, float]] = {}
    for text in log.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue  # the last line of a run that was killed
        for name, value in line.items():
            if name.endswith(_FIGURE) and not name.startswith("train/"):
                found.setdefault(name.removesuffix(_FIGURE), {})[line["step"]] = value
    shown = {name: points for name, points in found.items() if not (name == "real" and _named(found))}
    return {name: sorted(points.items()) for name, points in shown.items()}


def _named(found: Mapping[str, object]) -> bool:
    return any(name.startswith("real/") for name in found)


def paint_curve(series: Series) -> npt.NDArray[np.uint8]:
    """Paint lines over a grid, with a legend; H x W x 3, BGR."""
    points = [point for line in series.values() for point in line if point[0] > 0 and point[1] > 0]
    steps, values = zip(*points, strict=True)
    bounds = (min(steps), max(steps), min(values) / 1.1, max(values) * 1.1)
    picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    _paint_grid(picture, bounds)
    for place, (name, line) in enumerate(sorted(series.items())):
        colour = _COLOURS[place % len(_COLOURS)]
        places = [_place(step, value, bounds) for step, value in line if step > 0 and value > 0]
        cv2.polylines(picture, [np.array(places, np.int32)], False, colour, 2, cv2.LINE_AA)
        corner = (_LEFT + 290 * (place % 3), 42 + 22 * (place // 3))
        cv2.line(picture, corner, (corner[0] + 24, corner[1]), colour, 3, cv2.LINE_AA)
        _write(picture, f"{name} {line[-1][1]:.1f}", (corner[0] + 32, corner[1] + 5))
    _write(picture, f"pixels off by more than 2 px, per cent; {counted(max(steps), 'step')}", (_LEFT, 20))
    return picture


def _paint_grid(picture: npt.NDArray[np.uint8], bounds: tuple[float, float, float, float]) -> None:
    first, last, low, high = bounds
    for tick in (t for t in _TICKS if low <= t <= high):
        _, y = _place(first, tick, bounds)
        cv2.line(picture, (_LEFT, y), (_WIDTH - _RIGHT, y), _LIGHT, 1)
        _write(picture, f"{tick:g} %", (8, y + 5))
    for exponent in range(int(math.log10(first)), int(math.log10(last)) + 1):
        for tick in (m * 10**exponent for m in (1, 2, 5)):
            if first <= tick <= last:
                x, _ = _place(tick, low, bounds)
                cv2.line(picture, (x, _TOP), (x, _HEIGHT - _BOTTOM), _LIGHT, 1)
                _write(picture, f"{tick}", (x - 14, _HEIGHT - _BOTTOM + 22))


def _place(step: float, value: float, bounds: tuple[float, float, float, float]) -> tuple[int, int]:
    first, last, low, high = bounds
    along = math.log(step / first) / max(math.log(last / first), 1e-6)
    up = math.log(value / low) / math.log(high / low)
    x = _LEFT + along * (_WIDTH - _LEFT - _RIGHT)
    return round(x), round(_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM))


def _write(picture: npt.NDArray[np.uint8], text: str, place: tuple[int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
