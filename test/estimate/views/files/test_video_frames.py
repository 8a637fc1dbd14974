# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from foundation_stereo_ros.errors import FileFormatError
from foundation_stereo_ros.estimate.views.files.video_frames import video_views
from foundation_stereo_ros.geometry.camera import Camera

SHARP = (3, 6, 9, 13)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen frames, of which one of each four is sharp."""
    path = tmp_path_factory.mktemp("video") / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (96, 64))
    assert writer.isOpened()
    wide = np.random.default_rng(0).integers(0, 256, (64, 160, 3), dtype=np.uint8)
    for number in range(16):
        image = wide[:, 3 * number : 3 * number + 96]
        writer.write(np.ascontiguousarray(image if number in SHARP else cv2.GaussianBlur(image, (0, 0), 2)))
    writer.release()
    return path


def test_the_sharpest_of_each_few_frames_is_taken(video: Path) -> None:
    views = video_views(video, 4)
    assert [view.name for view in views] == [f"frame_{number:06d}" for number in SHARP]
    first = [view.name for view in video_views(video, 4, sharpest=False)]
    assert first == [f"frame_{number:06d}" for number in (0, 4, 8, 12)]


def test_a_short_video_gives_all_its_frames(video: Path) -> None:
    camera = Camera(96, 64, 80, 80, 47.5, 31.5)

    def known(view, notes):  # type: ignore[no-untyped-def]
        return type(view)(view.name, view.image, camera=camera)

    views = video_views(video, camera_of=known)
    assert len(views) == 16
    assert views[3].camera == camera
    capture = cv2.VideoCapture(str(video))
    np.testing.assert_array_equal(views[0].image, capture.read()[1][..., ::-1])


def test_what_is_no_video_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video at all")
    with pytest.raises(FileFormatError, match=r"a\.mp4 has no frames that can be read; expected a video"):
        video_views(tmp_path / "a.mp4")
    with pytest.raises(FileFormatError, match=r"cannot read .*b\.mp4"):
        video_views(tmp_path / "b.mp4")
