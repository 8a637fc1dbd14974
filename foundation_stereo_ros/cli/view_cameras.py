# SPDX-License-Identifier: Apache-2.0
"""What ``--intrinsics`` means for pictures without poses."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foundation_stereo_ros.estimate.video.undistortion import Undistortion
    from foundation_stereo_ros.estimate.views.files.folder import CameraOf
    from foundation_stereo_ros.estimate.views.scene import View
    from foundation_stereo_ros.io.exif import Exif

EXIF = Path("exif")


def camera_reader(file: Path | None, name: str) -> CameraOf | None:
    """Return what completes each view with its camera, and takes off its distortion.

    Args:
        file: a calibration, or `EXIF`; None: nothing is known.
        name: of the camera in it.
    """
    from foundation_stereo_ros.estimate.views.files.folder import focal_from_exif

    if file is None:
        return None
    if file == EXIF and not file.is_file():
        return focal_from_exif
    return _Calibrated(file, name)


class _Calibrated:
    def __init__(self, file: Path, name: str) -> None:
        self._file, self._name = file, name
        self._of_size: dict[tuple[int, int], Undistortion] = {}

    def __call__(self, view: View, notes: Exif) -> View:
        size = (view.image.shape[1], view.image.shape[0])
        if size not in self._of_size:
            self._of_size[size] = self._read(size)
        without = self._of_size[size]
        mask = view.mask
        if mask is not None and without.bends:
            mask = without(mask[..., None].repeat(3, 2).astype("uint8") * 255)[..., 0] > 127
        return replace(view, image=without(view.image), mask=mask, camera=without.camera)

    def _read(self, size: tuple[int, int]) -> Undistortion:
        from foundation_stereo_ros.estimate.video.undistortion import Undistortion
        from foundation_stereo_ros.io.calibration import read_camera

        found = read_camera(self._file, size, self._name)
        if found.note and not self._of_size:
            print(f"note: {found.note}", file=sys.stderr)
        return Undistortion(found.calibration, size)
