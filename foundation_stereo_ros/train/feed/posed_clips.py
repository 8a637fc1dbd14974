# SPDX-License-Identifier: Apache-2.0
"""Clips out of folders with posed video and true depth: ScanNet, 7-Scenes, TUM RGB-D ..."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from foundation_stereo_ros.datasets.posed_layouts import open_posed_video
from foundation_stereo_ros.datasets.posed_video import PosedFrame, PosedVideo
from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.geometry.poses import is_known, pose_distance
from foundation_stereo_ros.scenes.moving.worlds import MovingClip, MovingConfig
from foundation_stereo_ros.shapes import Matrix
from foundation_stereo_ros.train.feed.published_samples import pairs, runs

_TRIES = 100


_Sample = tuple[int, tuple[int, ...]]
"""Number of a video, and places among its usable frames."""


class PosedClips:
    """Draws clips from folders; each follows from its seed.

    Args:
        folders: each in a layout of `datasets.posed_layouts`.
        steps: says how far the camera moves from one frame of a clip to the next.
        published: draw the samples that DeepVideoMVS was trained with instead, in either order, see
            `published_samples`; ``steps`` does not matter then.

    Raises:
        FileFormatError: a folder has no posed video, no intrinsics, or no depth.
    """

    def __init__(self, folders: Sequence[str], steps: MovingConfig, published: bool = False) -> None:
        self._steps, self._published = steps, published
        self._videos = [self._usable(Path(folder)) for folder in folders]
        self._samples: dict[int, list[_Sample]] = {}

    def _usable(self, folder: Path) -> tuple[PosedVideo, list[PosedFrame]]:
        video = open_posed_video(folder)
        frames = [frame for frame in video.frames if is_known(frame.pose) and frame.depth is not None]
        if video.intrinsics is None:
            raise FileFormatError(f"{folder} has no intrinsics; expected those of its images")
        if len(frames) < 2:
            raise FileFormatError(f"{folder} has {len(frames)} frames with a pose and depth; expected some")
        return video, frames

    def clip(self, seed: int, frames: int, height: int, width: int) -> MovingClip:
        """Return a clip: images and depths of the size, and where depth is not known 0.

        Args:
            seed: decides everything.
            frames: how many.
            height, width: of the images, pixels; the recorded ones are resized.

        Raises:
            FileFormatError: a file cannot be read, or the camera of a folder hardly moves.
        """
        rng = np.random.default_rng((seed, frames))
        if self._published:
            return self._read(*self._drawn(rng, frames), height, width)
        for _ in range(_TRIES):
            video, usable = self._videos[rng.integers(len(self._videos))]
            chosen = self._chosen(rng, usable, frames)
            if len(chosen) == frames:
                return self._read(video, chosen, height, width)
        raise FileFormatError(
            f"the folders have no {frames} frames in a row that are {self._steps.step_low} to "
            f"{self._steps.step_high} apart (step_low and step_high)"
        )

    def _drawn(self, rng: np.random.Generator, frames: int) -> tuple[PosedVideo, list[PosedFrame]]:
        if frames not in self._samples:
            self._samples[frames] = [
                (number, sample)
                for number, (_, usable) in enumerate(self._videos)
                for sample in _samples([frame.pose for frame in usable], frames)
            ]
        samples = self._samples[frames]
        if not samples:
            raise FileFormatError(f"the folders have no {frames} frames that are as far apart as published")
        number, sample = samples[rng.integers(len(samples))]
        video, usable = self._videos[number]
        chosen = [usable[place] for place in sample]
        return video, chosen[::-1] if rng.random() < 0.5 else chosen

    def _chosen(
        self, rng: np.random.Generator, usable: Sequence[PosedFrame], frames: int
    ) -> list[PosedFrame]:
        low, high = self._steps.step_low, self._steps.step_high
        place = int(rng.integers(len(usable)))
        chosen = [usable[place]]
        while len(chosen) < frames:
            wanted = np.exp(rng.uniform(np.log(low), np.log(high)))
            for later in range(place + 1, len(usable)):
                distance = pose_distance(chosen[-1].pose, usable[later].pose).combined
                if distance >= wanted:
                    break
            else:
                break
            if distance > high:  # the recording has a gap
                break
            place = later
            chosen.append(usable[place])
        return chosen

    def _read(self, video: PosedVideo, chosen: Sequence[PosedFrame], height: int, width: int) -> MovingClip:
        images, depths, size = [], [], (width, height)
        for frame in chosen:
            image, depth = video.image(frame), video.depth(frame)
            images.append(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8))
            known = (
                np.zeros((height, width), np.float32)
                if depth is None
                else np.where(np.isfinite(depth), depth, 0.0)
            )
            depths.append(np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_NEAREST), np.float32))
        camera = video.camera(image).scaled(width, height)
        return MovingClip(images, depths, [frame.pose for frame in chosen], camera)


def _samples(poses: Sequence[Matrix], frames: int) -> Sequence[tuple[int, ...]]:
    return pairs(poses) if frames == 2 else runs(poses, frames)
