# SPDX-License-Identifier: Apache-2.0
"""Views, and the scene they are joined to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ImageError, PoseError, SceneError
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.remarks import Remark
from foundation_stereo_ros.estimate.views.alignment.canonical import Floats
from foundation_stereo_ros.estimate.views.alignment.dense import world_points
from foundation_stereo_ros.estimate.views.alignment.problem import PointMap
from foundation_stereo_ros.estimate.views.config import AlignmentSettings
from foundation_stereo_ros.estimate.views.masks import check_mask, contracted, covers_all, without_highlights
from foundation_stereo_ros.estimate.views.preprocess import NetworkGrid
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import check_pose
from foundation_stereo_ros.shapes import DepthMap, Mask, Matrix, Points, RgbImage


@dataclass(frozen=True, eq=False)
class View:
    """One picture, of any size or on the network's grid.

    Attributes:
        name: as it is called in remarks; no two views share one.
        image: H x W x 3, uint8, red, green, blue; without distortion.
        mask: H x W, true where the view takes part; None: everywhere. Of a mask that somebody drew,
            `prepared` cuts the rim off, before matches are sought.
        camera: of this image, where it is known.
        pose: 4 x 4, camera to world, where it is known.
        grid: how the image became the one that the network sees; None: it was given so.

    Raises:
        ImageError: mask or camera do not have the image's size.
        PoseError: the pose is none.
    """

    name: str
    image: RgbImage
    mask: Mask | None = None
    camera: Camera | None = None
    pose: Matrix | None = None
    grid: NetworkGrid | None = None

    def __post_init__(self) -> None:
        size = self.image.shape[:2]
        check_mask(self.name, self.mask, size)
        if self.camera is not None and (self.camera.height, self.camera.width) != size:
            given = (self.camera.height, self.camera.width)
            raise ImageError(f"the camera of {self.name} is for {given}; expected {size}, height and width")
        if self.pose is not None:
            try:
                check_pose(self.pose)
            except PoseError as error:
                raise PoseError(f"{self.name}: {error}") from error

    def on_grid(self, size: int) -> View:
        """Return the view on the network's grid.

        Args:
            size: pixels of the long edge.

        Raises:
            ImageError: the image is no 8-bit colours, or so narrow that nothing of it is left.
        """
        try:
            grid = NetworkGrid.of_image(self.image.shape[1], self.image.shape[0], size)
            image = grid.image(self.image)
        except ImageError as error:
            raise ImageError(f"{self.name}: {error}") from error
        return replace(
            self,
            image=image,
            mask=None if self.mask is None else grid.mask(self.mask),
            camera=None if self.camera is None else grid.camera(self.camera),
            grid=grid,
        )

    def prepared(self, settings: AlignmentSettings) -> View:
        """Return the view with its mask as it is to be used: without its rim, and without highlights."""
        if self.mask is None or covers_all(self.mask):
            return self
        mask = contracted(self.mask, settings.erosion)
        return replace(
            self, mask=without_highlights(mask, self.image) if settings.remove_highlights else mask
        )


class PairPoints(NamedTuple):
    """What the network says about two views.

    Attributes:
        first: the first view in its own camera.
        second: the second view in its own camera.
        first_in_second: the first view in the second one's camera; only weak pairs use it.
        second_in_first: the second view in the first one's camera.
    """

    first: PointMap
    second: PointMap
    first_in_second: PointMap | None = None
    second_in_first: PointMap | None = None


@dataclass(frozen=True, eq=False)
class SceneView:
    """A view in its place. All arrays are H x W on the network's grid.

    Attributes:
        name: of the view.
        image: its picture.
        camera: as solved, or as known.
        pose: 4 x 4, camera to world.
        depth: along the optical axis, in the scene's unit; of all pixels, sure or not.
        confidence: of the network, about 1 less than it says; 0 outside of the mask.
        cleaned: the same, with 0 also where other views contradict.
        mask: where the view took part.
        grid: how the picture became this one; None: it was given so.
    """

    name: str
    image: RgbImage
    camera: Camera
    pose: Matrix
    depth: DepthMap
    confidence: Floats
    cleaned: Floats
    mask: Mask
    grid: NetworkGrid | None = None

    @property
    def source_camera(self) -> Camera:
        """The camera of the picture before it was resized and cropped."""
        return self.grid.source_camera(self.camera) if self.grid else self.camera

    def valid(self, min_certainty: float = 1.5) -> Mask:
        """Return the pixels that are surer than this and have a depth."""
        usable = self.mask & (self.cleaned > min_certainty) & np.isfinite(self.depth) & (self.depth > 0)
        return np.asarray(usable)

    def points(self) -> Points:
        """Return the point of each pixel, H x W x 3, in the world."""
        return world_points(self.camera, self.pose, self.depth)

    def prediction(self, min_certainty: float = 1.5) -> Prediction:
        """Return depth as other estimators give it: NaN where it is not `valid`."""
        depth = np.where(self.valid(min_certainty), self.depth, np.float32(np.nan))
        return Prediction(self.image, depth, self.camera, view=self.name)


class SceneCloud(NamedTuple):
    """What all views show.

    Attributes:
        points: N x 3, in the world.
        colors: N x 3, red, green, blue.
        confidence: N.
    """

    points: Points
    colors: npt.NDArray[np.uint8]
    confidence: npt.NDArray[np.float32]


class PairReport(NamedTuple):
    """How two views agree.

    Attributes:
        first, second: their names.
        matches: that were used.
        residual: median distance of a match from where the scene has it, pixels.
    """

    first: str
    second: str
    matches: int
    residual: float


class Coarse(NamedTuple):
    """What the first stage said.

    Attributes:
        cameras: of each view.
        poses: of each view, 4 x 4, camera to world.
    """

    cameras: tuple[Camera, ...]
    poses: tuple[Matrix, ...]


@dataclass(frozen=True, eq=False)
class Scene:
    """Views that are joined.

    The unit is the network's, metres for networks that predict them, unless `scaled`. The first view's camera
    is the world, unless poses are fixed. With masks the world is the foreground: of an object on a turntable,
    the cameras go around it, though none of them moved.

    Attributes:
        views: those that could be joined, in the order given.
        pairs: that held them together.
        losses: of each stage, before each step.
        coarse: cameras and poses of the same views after the first stage.
        stage: "coarse" or "fine", whose result this is.
        masked: whether masks left anything out.
        remarks: who was left out, and what makes the result doubtful.
    """

    views: tuple[SceneView, ...]
    pairs: tuple[PairReport, ...]
    losses: Mapping[str, Sequence[float]]
    coarse: Coarse
    stage: str
    masked: bool
    remarks: tuple[Remark, ...] = field(default=())

    def __getitem__(self, name: str) -> SceneView:
        for view in self.views:
            if view.name == name:
                return view
        known = ", ".join(view.name for view in self.views)
        raise SceneError(f"no view {name!r} in the scene; expected one of {known}")

    def cloud(self, min_certainty: float = 1.5) -> SceneCloud:
        """Return the `SceneView.valid` points of all views."""
        pairs = [(view, view.valid(min_certainty)) for view in self.views]
        return SceneCloud(
            np.concatenate([view.points()[good] for view, good in pairs]),
            np.concatenate([view.image[good] for view, good in pairs]),
            np.concatenate([view.cleaned[good] for view, good in pairs]),
        )

    def scaled(self, factor: float) -> Scene:
        """Return the scene with all lengths times a factor.

        Raises:
            SceneError: the factor is not positive.
        """
        if not 0 < factor < np.inf:
            raise SceneError(f"the scene is to be scaled by {factor:g}; expected a positive number")
        views = tuple(
            replace(view, pose=_moved(view.pose, factor), depth=view.depth * np.float32(factor))
            for view in self.views
        )
        poses = tuple(_moved(pose, factor) for pose in self.coarse.poses)
        return replace(self, views=views, coarse=self.coarse._replace(poses=poses))

    def with_distance(self, first: str, second: str, metres: float) -> Scene:
        """Return the scene in metres, by how far apart two of its cameras are.

        Args:
            first: name of one view.
            second: of the other.
            metres: from camera to camera.

        Raises:
            SceneError: no such view, or the two are in one place.
        """
        apart = float(np.linalg.norm(self[first].pose[:3, 3] - self[second].pose[:3, 3]))
        if not apart > 0:
            raise SceneError(f"{first} and {second} are in one place; expected two cameras that are apart")
        return self.scaled(metres / apart)


def _moved(pose: Matrix, factor: float) -> Matrix:
    found: Matrix = pose.copy()
    found[:3, 3] *= factor
    return found
