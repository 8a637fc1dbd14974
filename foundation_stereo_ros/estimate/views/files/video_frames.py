# SPDX-License-Identifier: Apache-2.0
"""Frames of a video file as views: spread over it, and sharp."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.estimate.views.files.folder import CameraOf
from foundation_stereo_ros.estimate.views.scene import View
from foundation_stereo_ros.io.exif import Exif
from foundation_stereo_ros.io.files import check_input
from foundation_stereo_ros.limits import limits

VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")
"""Endings of video files."""

_WANTED, _MOST = 24, 500  # views that a video gives by itself, and at most
_SMALL = 320  # pixels of the width at which sharpness is measured: noise of the sensor does not count


def video_views(
    path: Path, every: int = 0, sharpest: bool = True, camera_of: CameraOf | None = None
) -> list[View]:
    """Read some frames of a video.

    Args:
        path: of the file.
        every: frames of which one is taken; 0: so many that there are about 24 views.
        sharpest: take the sharpest of them; otherwise the first.
        camera_of: completes each view.

    Returns:
        The views, called by the number of their frame.

    Raises:
        FileFormatError: the file cannot be read, has no frames, or would give more than 500 views.
    """
    check_input(path)
    every = every or max(1, sum(1 for _ in _frames(path, decode=False)) // _WANTED)
    views: list[View] = []
    best = -1.0
    for number, image in enumerate(_frames(path)):
        first = number % every == 0
        if first:
            best = -1.0
            if len(views) == _MOST:
                raise FileFormatError(
                    f"{path} has more than {_MOST} times {every} frames; expected a larger step",
                    remedy="every",
                )
        sharp = _sharpness(image) if sharpest else 0.0
        if sharp > best:
            view = View(f"frame_{number:06d}", np.ascontiguousarray(image[..., ::-1]))
            views[len(views) if first else -1 :] = [view]
            best = sharp
    if not views:
        raise FileFormatError(
            f"{path} has no frames that can be read; expected a video ({', '.join(VIDEOS)})"
        )
    return [camera_of(view, Exif()) for view in views] if camera_of else views


def _frames(path: Path, decode: bool = True) -> Iterator[npt.NDArray[np.uint8]]:
    video = cv2.VideoCapture(str(path))
    try:
        pixels = video.get(cv2.CAP_PROP_FRAME_WIDTH) * video.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if pixels > limits().pixels:
            raise FileFormatError(
                f"{path} has frames of {pixels:.0f} pixels; expected at most {limits().megapixels} million"
            )
        while video.grab():
            done, image = video.retrieve() if decode else (True, None)
            if not done:
                break
            yield np.empty((0, 0, 3), np.uint8) if image is None else np.asarray(image, np.uint8)
    finally:
        video.release()


def _sharpness(image: npt.NDArray[np.uint8]) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height = max(1, round(grey.shape[0] * _SMALL / grey.shape[1]))
    small = cv2.resize(grey, (_SMALL, height), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).var())
