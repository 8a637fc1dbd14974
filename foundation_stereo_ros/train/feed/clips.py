# SPDX-License-Identifier: Apache-2.0
"""Batches of clips for training: generated ones, and those of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foundation_stereo_ros.nets.video import video_preset
from foundation_stereo_ros.scenes.moving.worlds import MovingClip, MovingScenes
from foundation_stereo_ros.scenes.seeds import training_seeds
from foundation_stereo_ros.train.distributed import ALONE, Place
from foundation_stereo_ros.train.feed.ahead import Endless, ahead, end
from foundation_stereo_ros.train.feed.clip_augmentation import augment_clip
from foundation_stereo_ros.train.feed.posed_clips import PosedClips
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_loss import PosedBatch

_SOURCE, _CHANGES = 1, 2  # streams of random numbers of a clip's seed


class Clips(NamedTuple):
    """A batch of clips.

    Attributes:
        images: views x B x H x W x 3 bytes.
        depths: views x B x H x W, metres.
        poses: views x B x 4 x 4, double precision.
        intrinsics: B x 3 x 3.
    """

    images: Tensor
    depths: Tensor
    poses: Tensor
    intrinsics: Tensor

    def views(self, device: torch.device) -> list[PosedBatch]:
        """Return the views on a device."""
        images = self.images.to(device).permute(0, 1, 4, 2, 3).float()
        depths, poses = self.depths.to(device), self.poses.to(device)
        return [PosedBatch(*parts) for parts in zip(images, depths, poses, strict=True)]


def stacked(clips: Sequence[MovingClip]) -> Clips:
    """Join clips of the same size."""

    def joined(name: str, kind: type) -> Tensor:
        arrays = [np.stack(getattr(clip, name)) for clip in clips]
        return torch.from_numpy(np.stack(arrays, axis=1).astype(kind))

    k = np.stack([clip.camera.matrix for clip in clips]).astype(np.float32)
    return Clips(
        joined("images", np.uint8),
        joined("depths", np.float32),
        joined("poses", np.float64),
        torch.from_numpy(k),
    )


class ClipSteps(Endless[Clips]):
    """The clips of each step, from a first one on; they depend on the run's seed and the step alone.

    Args:
        config: of the run.
        first: step to begin at.
        place: of this process, which has a share of its own.
    """

    def __init__(self, config: VideoTrainingConfig, first: int, place: Place = ALONE) -> None:
        self._config, self._first, self._place = config, first, place
        self._scenes = MovingScenes(config.scenes)
        self._folders = (
            PosedClips(config.folders, config.scenes, config.samples == "published")
            if config.folder_share
            else None
        )
        network = video_preset(config.preset, **config.network)
        self._depths = (network.min_depth, network.max_depth)

    def __getitem__(self, index: int) -> Clips:
        c = self._config
        numbers = self._place.numbers(self._first + index, c.batch)
        return stacked([self._clip(training_seeds(c.seed, number, 1)[0]) for number in numbers])

    def _clip(self, seed: int) -> MovingClip:
        c = self._config
        clip = self._source(seed).clip(seed, c.views, c.height, c.width)
        return augment_clip(clip, c.augmentation, np.random.default_rng((seed, _CHANGES)), self._depths)

    def _source(self, seed: int) -> MovingScenes | PosedClips:
        drawn = np.random.default_rng((seed, _SOURCE)).random()
        return self._folders if self._folders and drawn < self._config.folder_share else self._scenes


class ClipFeed:
    """Hands out one batch after another.

    Args:
        config: of the run.
        first: step to begin at.
        place: of this process.
        cuda: they go to such a device.

    Raises:
        FileFormatError: a folder cannot be read.
    """

    def __init__(self, config: VideoTrainingConfig, first: int, place: Place, cuda: bool) -> None:
        self._items = ahead(ClipSteps(config, first, place), config.workers, pin=cuda)

    def next(self) -> Clips:
        """Return the batch of the next step, on the CPU."""
        return next(self._items)

    def prepare(self) -> None:
        """Do nothing: the workers, if there are any, are ahead already."""

    def close(self) -> None:
        """End the processes that make clips."""
        end(self._items)
