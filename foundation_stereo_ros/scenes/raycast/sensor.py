# SPDX-License-Identifier: Apache-2.0
"""What real cameras do to a picture: focus, motion, exposure, vignetting, blur, gamma, tint, noise,
compression; drawn from a scene's seed, and partly different in both views.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.scenes.raycast import effects
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.raycast.effects import jpeg
from foundation_stereo_ros.scenes.raycast.render.tensors import TensorRecord
from foundation_stereo_ros.scenes.seeds import Ingredient, ingredient

_PERFECT = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0])
_MONO = 7
_BLUR_RADIUS = 3
_BRIGHT = 0.98  # share of the pixels that is kept from clipping
_EVERY = 4  # pixels between those that the exposure looks at


def sample_sensors(config: SceneConfig, seeds: Sequence[int], infrared: Sequence[bool]) -> SensorBatch:
    """Draw flaws, each camera pair from its own seed; with ``flaws`` 0: perfect cameras.

    Args:
        config: chances and ranges.
        seeds: of the scenes.
        infrared: which cameras see no colour, whatever chance says.
    """
    strength = config.flaws
    numbers, noise, exposure = [], [], []
    for seed, grey in zip(seeds, infrared, strict=True):
        rng = ingredient(seed, Ingredient.CAMERA)
        pair = _PERFECT + strength * (_pair(rng) - _PERFECT)
        pair[:, _MONO] = np.maximum(pair[:, _MONO], grey)
        numbers.append(pair)
        noise.append([0.012 * rng.random() ** 2, 0.03 * rng.random() ** 2])
        exposure.append([rng.uniform(0.2, 0.5), np.exp(rng.uniform(np.log(0.9), np.log(2.5)))])
    dark = _chosen(seeds, Ingredient.DARK, config.dark_chance * (strength > 0))
    for index in dark:
        rng = ingredient(seeds[index], Ingredient.DARK)
        noise[index] = list(rng.uniform(0.01, 0.04, 2) * (1.0, 1.5))
        exposure[index][0] *= rng.uniform(0.3, 0.8)
    motion, rows = _motion(config, seeds), _rows(config, seeds)
    focus = [_focus(config, ingredient(seed, Ingredient.FOCUS)) for seed in seeds]
    quality = [ingredient(seed, Ingredient.JPEG).uniform(config.jpeg_low, config.jpeg_high) for seed in seeds]
    chances = {
        "defocused": (Ingredient.FOCUS, config.defocus_chance),
        "moved": (Ingredient.MOTION, config.motion_chance),
        "misaligned": (Ingredient.ROWS, config.misalignment_chance),
        "compressed": (Ingredient.JPEG, config.jpeg_chance),
    }
    return SensorBatch(
        numbers=_tensor(numbers),
        noise=_tensor(noise) * strength,
        exposure=_tensor(exposure) * (strength > 0),
        focus=_tensor(focus) * strength,
        motion=_tensor(motion),
        rows=_tensor(rows) * strength,
        quality=_tensor(quality),
        seeds=tuple(seeds),
        **{name: _chosen(seeds, kind, chance * (strength > 0)) for name, (kind, chance) in chances.items()},
    )


def _chosen(seeds: Sequence[int], kind: Ingredient, chance: float) -> tuple[int, ...]:
    """Return the places of those seeds that have the flaw; the draw is another one than those of its
    strength."""
    return tuple(
        place for place, seed in enumerate(seeds) if ingredient(seed, kind, draw=1).random() < chance
    )


def _pair(rng: np.random.Generator) -> np.ndarray:
    both, unlike, other = _draw(rng), rng.random() < 0.35, _draw(rng)
    right = both.copy()
    right[:2] = both[:2] * (1.0 + (0.12 if unlike else 0.02) * rng.standard_normal(2))
    right[3] = abs(both[3] + 0.1 * rng.standard_normal()) if not unlike else other[3]
    right[4:7] = both[4:7] * (1.0 + (0.05 if unlike else 0.01) * rng.standard_normal(3))
    return np.stack([both, right])


def _draw(rng: np.random.Generator) -> np.ndarray:
    strong = 0.0 if rng.random() < 0.55 else 1.0 if rng.random() < 0.85 else 2.0
    blur = (0.0, rng.uniform(0.2, 0.8), rng.uniform(0.8, 1.8))[int(strong)]
    cast = 1.0 + 0.08 * rng.standard_normal(3)
    vignetting = rng.random() * 0.5 * (rng.random() < 0.4)
    return np.array([1.0, rng.uniform(0.55, 1.1), vignetting, blur, *cast, float(rng.random() < 0.2)])


def _focus(config: SceneConfig, rng: np.random.Generator) -> list[float]:
    return [config.defocus * rng.uniform(0.25, 1.0), float(rng.choice([0.0, 1.0, rng.random()]))]


def _motion(config: SceneConfig, seeds: Sequence[int]) -> list[list[float]]:
    result = []
    for seed in seeds:
        low, high = (config.motion_low, 0.0), (config.motion_high, np.pi)
        length, angle = ingredient(seed, Ingredient.MOTION).uniform(low, high)
        result.append([length * np.cos(angle), length * np.sin(angle)])
    return result


def _rows(config: SceneConfig, seeds: Sequence[int]) -> list[np.ndarray]:
    # a mounting turns cameras more than it stretches them
    share = np.array([0.5, 0.35, 0.15]) * config.misalignment
    return [share * ingredient(seed, Ingredient.ROWS).uniform(-1.0, 1.0, 3) for seed in seeds]


def _tensor(values: object) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


@dataclass(frozen=True)
class SensorBatch(TensorRecord):
    """Flaws of B stereo cameras; where there is a second axis of 2, it is left, right.

    Attributes:
        numbers: B x 2 x 8: gain, gamma, vignetting, blur sigma in pixels, red, green, blue factors, mono (0
            or 1).
        noise: B x 2: share of full scale for read noise and for shot noise.
        exposure: B x 2: mean brightness to expose for (0 leaves the brightness alone), and how bright bright
            parts may become (1: white).
        focus: B x 2: largest sigma of the defocus in pixels; which disparity is sharp, 0 (the farthest) to 1.
        motion: B x 2: the line along which the picture moved, x and y in pixels.
        rows: B x 3, of the right view, as in `effects.misalign`.
        quality: B, of JPEG, 1 to 100.
        seeds: for the noise; one each.
        defocused, moved, misaligned, compressed: which of the B have the flaw at all.
    """

    numbers: Tensor
    noise: Tensor
    exposure: Tensor
    focus: Tensor
    motion: Tensor
    rows: Tensor
    quality: Tensor
    seeds: tuple[int, ...]
    defocused: tuple[int, ...] = ()
    moved: tuple[int, ...] = ()
    misaligned: tuple[int, ...] = ()
    compressed: tuple[int, ...] = ()

    @classmethod
    def plain(cls, numbers: Tensor, noise: Tensor, exposure: Tensor, seeds: Sequence[int]) -> SensorBatch:
        """Return cameras without defocus, motion, misalignment and compression."""
        count = len(numbers)
        return cls(
            numbers=numbers,
            noise=noise,
            exposure=exposure,
            focus=torch.zeros(count, 2),
            motion=torch.zeros(count, 2),
            rows=torch.zeros(count, 3),
            quality=torch.full((count,), 100.0),
            seeds=tuple(seeds),
        )


def expose(
    left: Tensor, right: Tensor, sensors: SensorBatch, disparity: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Turn light into pictures.

    Args:
        left, right: B x 3 x H x W, about 1 is white.
        sensors: B camera pairs on the same device.
        disparity: B x 1 x H x W of the left and of the right view, pixels; needed where something is out of
            focus.

    Returns:
        Left and right pictures, B x 3 x H x W float, whole numbers 0 to 255.
    """
    light = torch.stack([left, right], dim=1)
    light = light * _level(left, sensors.exposure)[:, None, None, None, None]
    if disparity is not None:
        light = _defocused(light, sensors, torch.stack(disparity, dim=1))
    light = _some(
        light, sensors.moved, lambda x, i: effects.shake(x, sensors.motion[i].repeat_interleave(2, 0))
    )
    pictures = (_developed(_on_sensor(light, sensors), sensors) * 255.0).round().clamp(0.0, 255.0)
    pictures = _some(
        pictures, sensors.compressed, lambda x, i: jpeg(x, sensors.quality[i].repeat_interleave(2, 0))
    )
    return pictures[:, 0], pictures[:, 1]


def _level(left: Tensor, exposure: Tensor) -> Tensor:
    """Return the factor that brings each pair to its brightness without burning out much of it, B."""
    sample = left[..., ::_EVERY, ::_EVERY]
    mean = sample.mean(dim=(1, 2, 3)).clamp(min=1e-3)
    bright = sample.amax(1).flatten(1).quantile(_BRIGHT, dim=1).clamp(min=1e-3)
    wanted, limit = exposure.unbind(1)
    level = torch.minimum(wanted / mean, limit / bright).clamp(max=8.0)
    return torch.where(wanted > 0, level, 1.0)


def _some(images: Tensor, which: tuple[int, ...], change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Change some of B x 2 x 3 x H x W pictures; the function gets them as 2 N x 3 x H x W, and their
    indices."""
    if not which:
        return images
    index = torch.tensor(which).to(images.device, non_blocking=True)
    changed = change(images[index].flatten(0, 1), index).unflatten(0, (-1, 2))
    return images.index_copy(0, index, changed)


def _defocused(light: Tensor, sensors: SensorBatch, disparity: Tensor) -> Tensor:
    far, near = disparity[:, 0].amin(dim=(1, 2, 3)), disparity[:, 0].amax(dim=(1, 2, 3))
    strength, share = sensors.focus.unbind(1)
    sharp, span = far + share * (near - far), (near - far).clamp(min=1.0)
    per_pixel = (strength / span)[:, None, None, None, None]
    sigma = per_pixel * (disparity - sharp[:, None, None, None, None]).abs()
    return _some(light, sensors.defocused, lambda x, i: effects.defocus(x, sigma[i].flatten(0, 1)))


def _on_sensor(light: Tensor, sensors: SensorBatch) -> Tensor:
    """Return the light on the pixels: gain, tint, vignetting, blur, rows of the right view that lie a bit
    off."""
    batch, _, _, height, width = light.shape
    gain, dark = (sensors.numbers[:, :, i, None, None, None] for i in (0, 2))
    y = torch.linspace(-1, 1, height, device=light.device)[:, None]
    x = torch.linspace(-1, 1, width, device=light.device)
    light = light * gain * sensors.numbers[:, :, 4:7, None, None] * (1.0 - dark * 0.5 * (x * x + y * y))
    light = effects.gaussian(light.flatten(0, 1), sensors.numbers[:, :, 3].flatten(), _BLUR_RADIUS)
    light = light.unflatten(0, (batch, 2))

    def move(pictures: Tensor, index: Tensor) -> Tensor:
        left, right = pictures.unflatten(0, (-1, 2)).unbind(1)
        return torch.stack([left, effects.misalign(right, sensors.rows[index])], dim=1).flatten(0, 1)

    return _some(light, sensors.misaligned, move)


def _developed(light: Tensor, sensors: SensorBatch) -> Tensor:
    mono = sensors.numbers[:, :, 7, None, None, None]
    light = torch.lerp(light, light.mean(2, keepdim=True), mono)
    light = light.clamp(1e-4, 1.0) ** sensors.numbers[:, :, 1, None, None, None]
    read, shot = (sensors.noise[:, i, None, None, None, None] for i in range(2))
    return light + _grain(sensors, light) * (read * read + shot * shot * light).sqrt()


def _grain(sensors: SensorBatch, like: Tensor) -> Tensor:
    """Return standard normal noise made by each pair's own seed, whatever the batch; mono: equal channels."""
    generator = torch.Generator(device=like.device)
    shape, device = like.shape[1:], like.device
    seeded = (generator.manual_seed(seed) for seed in sensors.seeds)
    noise = torch.stack([torch.randn(shape, generator=each, device=device) for each in seeded])
    return torch.lerp(noise, noise[:, :, :1], sensors.numbers[:, :, 7, None, None, None])
