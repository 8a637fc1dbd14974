# SPDX-License-Identifier: Apache-2.0
"""Changes to clips of a moving camera that keep images, depths, poses and intrinsics exactly consistent.

Colours and scale as published for DeepVideoMVS (arXiv 2012.02177); mirrored and turned clips are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from foundation_stereo_ros.errors import check_fields
from foundation_stereo_ros.scenes.moving.worlds import MovingClip
from foundation_stereo_ros.shapes import Matrix

_DARK, _BRIGHT = 55.0, 200.0  # mean of a clip's images outside of which its colours stay
_MIRROR = np.diag((-1.0, 1.0, 1.0, 1.0))


@dataclass(frozen=True)
class ClipAugmentation:
    """Strengths and chances; the defaults change nothing.

    Attributes:
        gamma, contrast: exponent of and factor on the colours, within 1 minus and plus this, 0 to below 1;
            the same for all frames.
        brightness: is added to the colours, of their range, within minus and plus this, 0 to 1; the same.
        flicker: further factor within 1 minus and plus this, 0 to below 1; for each frame its own.
        scale: greatest factor, 1 or more, on depths and translations; half of the clips draw from its
            inverse to itself, the others from half of that range.
        mirror: chance, 0 to 1, that left and right are exchanged.
        turn: chance, 0 to 1, that the camera is held upside down, or, where images are square, on a side.

    Raises:
        ConfigError: a value is out of its range.
    """

    gamma: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    flicker: float = 0.0
    scale: float = 1.0
    mirror: float = 0.0
    turn: float = 0.0

    def __post_init__(self) -> None:
        factors, shares = ("gamma", "contrast", "flicker"), ("brightness", "mirror", "turn")
        checks = [
            *((name, 0 <= getattr(self, name) < 1, "0 or more, below 1") for name in factors),
            *((name, 0 <= getattr(self, name) <= 1, "0 to 1") for name in shares),
            ("scale", 1 <= self.scale <= 10, "1 to 10"),
        ]
        check_fields("augmentation", self, checks)


def augment_clip(
    clip: MovingClip,
    config: ClipAugmentation,
    rng: np.random.Generator,
    depth_range: tuple[float, float] = (0.25, 20.0),
) -> MovingClip:
    """Return a changed clip.

    Args:
        clip: stays as it is.
        config: what to change.
        rng: all chance.
        depth_range: least and greatest depth, metres, that scaling may lead to.
    """
    changed = _scaled(_coloured(clip, config, rng), config, rng, depth_range)
    if rng.random() < config.mirror:
        changed = mirrored(changed)
    if rng.random() < config.turn:
        square = clip.camera.width == clip.camera.height
        changed = turned(changed, int(rng.integers(1, 4)) if square else 2)
    return changed


def mirrored(clip: MovingClip) -> MovingClip:
    """Return a clip of the mirrored world: left and right exchanged in images and poses alike."""
    camera = replace(clip.camera, cx=clip.camera.width - 1 - clip.camera.cx)
    return MovingClip(
        [np.ascontiguousarray(image[:, ::-1]) for image in clip.images],
        [np.ascontiguousarray(depth[:, ::-1]) for depth in clip.depths],
        [_MIRROR @ pose @ _MIRROR for pose in clip.poses],
        camera,
    )


def turned(clip: MovingClip, quarters: int) -> MovingClip:
    """Return a clip whose camera is turned about its optical axis.

    Args:
        clip: stays as it is.
        quarters: of a turn of the images, counter-clockwise, as by numpy.rot90.
    """
    camera, turn = clip.camera, np.eye(4)
    for _ in range(quarters % 4):
        camera, turn = camera.turned(1), turn @ _quarter()
    return MovingClip(
        [np.ascontiguousarray(np.rot90(image, quarters)) for image in clip.images],
        [np.ascontiguousarray(np.rot90(depth, quarters)) for depth in clip.depths],
        [pose @ turn for pose in clip.poses],
        camera,
    )


def _quarter() -> Matrix:
    """Return the pose of the turned camera in the one before: its x is that one's y, its y that one's -x."""
    return np.array(((0, -1, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)), np.float64)


def _scaled(
    clip: MovingClip, config: ClipAugmentation, rng: np.random.Generator, depth_range: tuple[float, float]
) -> MovingClip:
    """Return the clip of a larger or smaller world, which looks the same."""
    near, far = depth_range
    known = np.concatenate([depth[depth > 0] for depth in clip.depths])
    widest = config.scale if rng.random() < 0.5 else 1 + (config.scale - 1) / 2
    low = max(1 / widest, near / min(far, known.min(initial=far)))
    high = min(widest, far / max(near, known.max(initial=near)))
    if config.scale == 1 or low > high:
        return clip
    factor = rng.uniform(low, high)
    poses = [pose.copy() for pose in clip.poses]
    for pose in poses:
        pose[:3, 3] *= factor
    return replace(clip, depths=[depth * np.float32(factor) for depth in clip.depths], poses=poses)


def _coloured(clip: MovingClip, config: ClipAugmentation, rng: np.random.Generator) -> MovingClip:
    """Return the clip in other colours: a table of all values, the same for all frames but for flicker."""
    values = np.linspace(0, 1, 256)
    for change in rng.permutation(3):
        if change == 0:
            values = values ** rng.uniform(1 - config.gamma, 1 + config.gamma)
        elif change == 1:
            values = values * rng.uniform(1 - config.contrast, 1 + config.contrast)
        else:
            values = values + rng.uniform(-config.brightness, config.brightness)
        values = values.clip(0, 1)
    factors = rng.uniform(1 - config.flicker, 1 + config.flicker, len(clip.images))
    if not _DARK < np.mean([image.mean() for image in clip.images]) < _BRIGHT:
        return clip
    tables = [np.rint(255 * (factor * values).clip(0, 1)).astype(np.uint8) for factor in factors]
    images = [np.asarray(cv2.LUT(i, t), np.uint8) for i, t in zip(clip.images, tables, strict=True)]
    return replace(clip, images=images)
