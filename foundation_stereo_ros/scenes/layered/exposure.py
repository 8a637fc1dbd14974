# SPDX-License-Identifier: Apache-2.0
"""From painted views to what two cameras record of them: blur, exposure, noise, compression, rows off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.scenes.layered.config import LayeredConfig

Picture = npt.NDArray[Any]
"""Of bytes; OpenCV's functions do not say so."""


def expose(
    left: Picture, right: Picture, config: LayeredConfig, rng: np.random.Generator
) -> tuple[Picture, Picture]:
    """Return both pictures, H x W x 3 bytes, as cameras with flaws record them; truth stays what it was."""
    found = record([left, _rows_off(right, config.rows_off, rng)], config, rng)
    return found[0], found[1]


def record(views: Sequence[Picture], config: LayeredConfig, rng: np.random.Generator) -> list[Picture]:
    """Return pictures, H x W x 3 bytes, with the flaws of cameras: alike in most, but never quite."""
    unlike = rng.random() < config.unlike
    gain, gamma = np.exp(rng.normal(0, 0.15)), np.exp(rng.normal(0, 0.15))
    tint = np.exp(rng.normal(0, 0.04, 3))
    blur = rng.uniform(0.2, max(config.blur, 0.2))
    noise = np.exp(rng.uniform(np.log(0.3), np.log(max(config.noise, 0.3)))) if config.noise else 0.0
    quality = int(rng.integers(45, 96)) if rng.random() < config.jpeg else 0
    grey = rng.random() < config.grey
    found = []
    for view in views:
        spread = 0.16 if unlike else 0.025
        curve = _curve(
            gain * np.exp(rng.normal(0, spread)),
            gamma * np.exp(rng.normal(0, spread / 2)),
            tint * np.exp(rng.normal(0, spread / 3, 3)),
        )
        view = cv2.GaussianBlur(view, (0, 0), blur * np.exp(rng.normal(0, 0.12)))
        view = cv2.LUT(view, curve)
        if grey:
            view = cv2.cvtColor(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        found.append(_compressed(_noisy(view, noise, grey, rng), quality))
    return found


def _curve(gain: float, gamma: float, tint: npt.NDArray[np.float64]) -> Picture:
    """Return a table of 256 x 1 x 3: what becomes of each value of each channel."""
    light = (np.arange(256)[:, None] / 255) ** gamma
    values: Picture = np.clip(255 * gain * light * tint + 0.5, 0, 255)
    return values[:, None, :].astype(np.uint8)


def _noisy(view: Picture, spread: float, grey: bool, rng: np.random.Generator) -> Picture:
    """Add noise, less of it in the dark."""
    if spread == 0:
        return view
    channels = 1 if grey else 3
    grain = rng.standard_normal((*view.shape[:2], channels), dtype=np.float32) * np.float32(spread)
    light = view.astype(np.float32)
    grain = grain * (0.5 + light / 255)
    return np.asarray(np.clip(light + grain + 0.5, 0, 255), np.uint8)


def _compressed(view: Picture, quality: int) -> Picture:
    if not quality:
        return view
    _, stored = cv2.imencode(".jpg", view, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)


def _rows_off(view: Picture, most: float, rng: np.random.Generator) -> Picture:
    """Move, turn and stretch the rows by up to ``most`` pixels, as where rectification is not quite right."""
    if most == 0 or rng.random() < 0.4:
        return view
    height, width = view.shape[:2]
    shift, turn, stretch = most * rng.uniform(-1, 1, 3) / (1.0, 2.0, 2.0)
    rows = np.array([[1, 0, 0], [2 * turn / width, 1 + 2 * stretch / height, shift - turn - stretch]])
    moved = cv2.warpAffine(
        view, rows, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)
