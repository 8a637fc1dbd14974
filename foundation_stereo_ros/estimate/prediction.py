# SPDX-License-Identifier: Apache-2.0
"""What an estimator knows about one view: depth above all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.estimate.config import CloudSettings
from foundation_stereo_ros.estimate.remarks import Remark
from foundation_stereo_ros.geometry.camera import Camera, StereoRig
from foundation_stereo_ros.geometry.depth import points_from_depth
from foundation_stereo_ros.shapes import DepthMap, DisparityMap, Mask, Points, RgbImage


class StereoMatch(NamedTuple):
    """What only a stereo pair has.

    Attributes:
        disparity: H x W, pixels of the prediction's grid, x_left - x_right - (cx_left - cx_right) as in
            DisparityImage.msg. Dense: it is kept where the depth is invalid.
        rig: the cameras of this grid, and the baseline.
        reach: the greatest disparity that the network can tell, pixels of this grid, in the same sense; None
            where it is not known.
    """

    disparity: DisparityMap
    rig: StereoRig
    reach: float | None = None


@dataclass(frozen=True, eq=False)
class Prediction:
    """Depth of one view. All arrays share one grid, which ``camera`` describes.

    Attributes:
        image: H x W x 3, red, green, blue; of a stereo pair the rectified left one.
        depth: H x W, metres along the optical axis; NaN where invalid.
        camera: of this grid. Depth and points are in its optical frame.
        confidence: H x W, 0 to 1; None where it was not computed. Of a stereo network it is 2 ** (-e / t),
            where e is the difference of the left and the right disparity in pixels of the network's image and
            t is ``confidence_threshold``: 1 is perfect, 0.5 is at the threshold, 0 has no counterpart.
            Of a video it is the network's own certainty, or that of `video.confidence.agreement`.
        match: disparity and rig; None where there was no stereo pair.
        seconds: time that each stage took, in the order of the stages.
        refinements: how many were made until ``early_stop`` or the end; None where the model does not say.
        view: what the image is called: "left" of a stereo pair, "image" of a video.
        note: what ``memory_budget`` changed, in one sentence; empty: nothing.
        remarks: what is known to make results of these images wrong, as rows that do not match.

    Raises:
        ImageError: an array does not have the camera's size.
    """

    image: RgbImage
    depth: DepthMap
    camera: Camera
    confidence: npt.NDArray[np.float32] | None = None
    match: StereoMatch | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    refinements: int | None = None
    view: str = "left"
    note: str = ""
    remarks: tuple[Remark, ...] = ()

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        shapes = {"image": self.image.shape[:2], "depth": self.depth.shape}
        if self.confidence is not None:
            shapes["confidence"] = self.confidence.shape
        if self.match is not None:
            shapes["disparity"] = self.match.disparity.shape
        for name, shape in shapes.items():
            if shape != size:
                raise ImageError(f"{name} is {shape}; expected {size}, the camera's height and width")

    @cached_property
    def valid(self) -> Mask:
        """H x W; where the depth is known."""
        return np.isfinite(self.depth)

    @property
    def disparity(self) -> DisparityMap:
        """H x W, pixels; see `StereoMatch`.

        Raises:
            ImageError: there was no stereo pair.
        """
        return self._stereo().disparity

    @property
    def rig(self) -> StereoRig:
        """The cameras of this grid, and the baseline.

        Raises:
            ImageError: there was no stereo pair.
        """
        return self._stereo().rig

    def _stereo(self) -> StereoMatch:
        if self.match is None:
            raise ImageError("this prediction has no disparity and no rig; expected one of a stereo pair")
        return self.match

    def points(self) -> Points:
        """Return the point that each pixel shows.

        Returns:
            H x W x 3, metres in the camera's optical frame (x right, y down, z forward; REP 103); NaN where
            invalid.
        """
        return points_from_depth(self.depth, self.camera)

    def save(
        self,
        folder: str | PathLike[str],
        kinds: Collection[str] = ("png", "ply", "npz"),
        cloud: CloudSettings | None = None,
    ) -> list[Path]:
        """Write pictures, the coloured cloud and the arrays; see `estimate.files.FILES`.

        Args:
            folder: made if missing; files of the same names are replaced.
            kinds: some of png, ply and npz; or one text, "png,npz".
            cloud: its stride and filters, as in an estimator's ``config``; None: every valid point.

        Returns:
            The files written.

        Raises:
            ConfigError: an unknown kind, or outliers are to be removed and Open3D is not installed.
            FileFormatError: a file cannot be written.
        """
        from foundation_stereo_ros.estimate.files import parse_kinds, write_result

        chosen = parse_kinds(kinds) if isinstance(kinds, str) else kinds
        return write_result(Path(folder), self, cloud or CloudSettings(), chosen)
