# SPDX-License-Identifier: Apache-2.0
"""What real cameras do to a picture: exposure, vignetting, blur, gamma, tint, noise; partly different in
both views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_BLUR_RADIUS = 3


@dataclass(frozen=True)
class SensorBatch:
    """Flaws of B stereo cameras; the second axis is left, right.

    Attributes:
        numbers: B x 2 x 8: gain, gamma, vignetting, blur sigma in pixels, red, green, blue factors, mono (0
            or 1).
        noise: B x 2: share of full scale for read noise and for shot noise.
        exposure: B: mean brightness to expose for; 0 leaves the brightness alone.
        seeds: for the noise; one each.
    """

    numbers: Tensor
    noise: Tensor
    exposure: Tensor
    seeds: tuple[int, ...]

    def to(self, device: torch.device) -> SensorBatch:
        """Return the same flaws on a device."""
        numbers, noise, exposure = (
            tensor.to(device, non_blocking=True) for tensor in (self.numbers, self.noise, self.exposure)
        )
        return SensorBatch(numbers, noise, exposure, self.seeds)

    def pin_memory(self) -> SensorBatch:
        """Return the same flaws in page-locked memory, from where they copy without waiting."""
        return SensorBatch(
            self.numbers.pin_memory(), self.noise.pin_memory(), self.exposure.pin_memory(), self.seeds
        )


def sample_sensors(
    rngs: Sequence[np.random.Generator], seeds: Sequence[int], strength: float = 1.0
) -> SensorBatch:
    """Draw flaws, each camera pair from its own generator; strength 0: perfect cameras."""
    numbers, noise, exposure = [], [], []
    for rng in rngs:
        both = _draw(rng)
        unlike = rng.random() < 0.35
        other = _draw(rng)
        right = both.copy()
        right[:2] = both[:2] * (1.0 + (0.12 if unlike else 0.02) * rng.standard_normal(2))
        right[3] = abs(both[3] + 0.1 * rng.standard_normal()) if not unlike else other[3]
        right[4:7] = both[4:7] * (1.0 + (0.05 if unlike else 0.01) * rng.standard_normal(3))
        numbers.append([both, right])
        noise.append([0.012 * rng.random() ** 2, 0.03 * rng.random() ** 2])
        exposure.append(rng.uniform(0.25, 0.55))
    perfect = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0])
    mixed = perfect + strength * (np.array(numbers) - perfect)
    if strength == 0.0:
        exposure = [0.0] * len(exposure)

    def tensor(values: object) -> Tensor:
        return torch.from_numpy(np.asarray(values, dtype=np.float32))

    return SensorBatch(tensor(mixed), tensor(np.array(noise) * strength), tensor(exposure), tuple(seeds))


def _draw(rng: np.random.Generator) -> np.ndarray:
    blur = (
        0.0
        if rng.random() < 0.55
        else rng.uniform(0.2, 0.8)
        if rng.random() < 0.85
        else rng.uniform(0.8, 1.8)
    )
    cast = 1.0 + 0.08 * rng.standard_normal(3)
    vignetting = rng.random() * 0.5 * (rng.random() < 0.4)
    return np.array([1.0, rng.uniform(0.7, 1.25), vignetting, blur, *cast, float(rng.random() < 0.2)])


def expose(left: Tensor, right: Tensor, sensors: SensorBatch) -> tuple[Tensor, Tensor]:
    """Turn light into pictures.

    Args:
        left, right: B x 3 x H x W, about 1 is white.
        sensors: B camera pairs on the same device.

    Returns:
        Left and right pictures, B x 3 x H x W float, whole numbers 0 to 255.
    """
    batch, _, height, width = left.shape
    mean = left.mean(dim=(1, 2, 3)).clamp(min=1e-3)
    level = torch.where(sensors.exposure > 0, (sensors.exposure / mean).clamp(max=6.0), 1.0)
    light = torch.stack([left, right], dim=1) * level[:, None, None, None, None]
    gain, gamma, dark, sigma = (sensors.numbers[:, :, i, None, None, None] for i in range(4))
    y = torch.linspace(-1, 1, height, device=left.device)[:, None]
    x = torch.linspace(-1, 1, width, device=left.device)
    light = light * gain * sensors.numbers[:, :, 4:7, None, None] * (1.0 - dark * 0.5 * (x * x + y * y))
    light = _blur(light.flatten(0, 1), sigma.flatten()).unflatten(0, (batch, 2))
    grey = light.mean(2, keepdim=True)
    light = torch.lerp(light, grey, sensors.numbers[:, :, 7, None, None, None])
    light = light.clamp(1e-4, 1.0) ** gamma
    read, shot = (sensors.noise[:, i, None, None, None, None] for i in range(2))
    light = light + _grain(sensors, light) * (read * read + shot * shot * light).sqrt()
    pictures = (light * 255.0).round().clamp(0.0, 255.0)
    return pictures[:, 0], pictures[:, 1]


def _blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur N x 3 x H x W pictures, each with its own Gaussian."""
    offset = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (offset / sigma.clamp(min=0.05)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None]
    flat = images.flatten(0, 1)[None]
    flat = F.pad(flat, (_BLUR_RADIUS,) * 4, mode="replicate")
    flat = F.conv2d(flat, kernel[:, :, None, :], groups=len(kernel))
    blurred: Tensor = F.conv2d(flat, kernel[:, :, :, None], groups=len(kernel))[0]
    return blurred.reshape(images.shape)


def _grain(sensors: SensorBatch, like: Tensor) -> Tensor:
    """Return standard normal noise made by each pair's own seed, whatever the batch; mono: equal channels."""
    generator = torch.Generator(device=like.device)
    noise = torch.stack(
        [
            torch.randn(like.shape[1:], generator=generator.manual_seed(seed), device=like.device)
            for seed in sensors.seeds
        ]
    )
    return torch.lerp(noise, noise[:, :, :1], sensors.numbers[:, :, 7, None, None, None])
