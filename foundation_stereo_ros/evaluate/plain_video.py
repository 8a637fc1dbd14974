# SPDX-License-Identifier: Apache-2.0
"""What a network for posed video has to beat: the best plane of a sweep, and semi-global matching."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.estimate.video.keyframes import Keyframe
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import motion
from foundation_stereo_ros.shapes import DepthMap, Matrix, RgbImage

Grey = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Method = Callable[[Grey, Matrix, Sequence[Keyframe[Grey]], Camera], DepthMap]
"""Takes a small grey image, its pose, other views, the best one first, and its camera."""

SIZE = (320, 256)
"""Width and height of the images that the methods get."""

VIEWS = 2
"""Other keyframes that the methods get."""

NEAREST, FARTHEST, PLANES, WINDOW = 0.25, 20.0, 64, (7, 7)
_NO_BASELINE = 0.01  # metres


def shrunk(image: RgbImage) -> Grey:
    """Return an image as the methods get it."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, SIZE, interpolation=cv2.INTER_AREA), np.float32)


def best_plane(grey: Grey, pose: Matrix, views: Sequence[Keyframe[Grey]], camera: Camera) -> DepthMap:
    """Return the depth of the plane that makes the views most alike; NaN where none is seen."""
    height, width = grey.shape
    k = camera.matrix
    mean = cv2.blur(grey, WINDOW)
    spread = np.sqrt(np.maximum(cv2.blur(grey * grey, WINDOW) - mean * mean, 0))
    best = np.full(grey.shape, -np.inf, np.float32)
    depth = np.full(grey.shape, np.nan, np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moves = [motion(pose, view.pose) for view in views]
    for inverse in np.linspace(1 / FARTHEST, 1 / NEAREST, PLANES):
        total, seen = np.zeros(grey.shape, np.float32), np.zeros(grey.shape, np.float32)
        for view, move in zip(views, moves, strict=True):
            h = k @ (move[:3, :3] + inverse * np.outer(move[:3, 3], (0, 0, 1))) @ np.linalg.inv(k)
            warped = cv2.warpPerspective(view.content, h, (width, height), flags=flags)
            inside = cv2.warpPerspective(np.ones_like(grey), h, (width, height), flags=flags) > 0.99
            other = cv2.blur(warped, WINDOW)
            deviation = np.sqrt(np.maximum(cv2.blur(warped * warped, WINDOW) - other * other, 0))
            likeness = (cv2.blur(grey * warped, WINDOW) - mean * other) / (spread * deviation + 1.0)
            total += np.where(inside, likeness, 0)
            seen += inside
        score = np.where(seen > 0, total / np.maximum(seen, 1), -np.inf)
        better = score > best
        best[better], depth[better] = score[better], 1 / inverse
    return depth


def semi_global(grey: Grey, pose: Matrix, views: Sequence[Keyframe[Grey]], camera: Camera) -> DepthMap:
    """Return the depth by OpenCV's StereoSGBM with the best other view; NaN where it finds none."""
    move = motion(pose, views[0].pose)
    if float(np.linalg.norm(move[:3, 3])) < _NO_BASELINE:
        return np.full(grey.shape, np.nan, np.float32)
    k, none = camera.matrix, np.zeros(5)
    turn1, turn2, p1, p2 = (
        np.asarray(x, np.float64)
        for x in cv2.stereoRectify(
            k, none, k, none, SIZE, move[:3, :3].copy(), move[:3, 3:].copy(), flags=0, alpha=0
        )[:4]
    )
    left, right = _rectified(grey, k, turn1, p1), _rectified(views[0].content, k, turn2, p2)
    upright = abs(p2[0, 3]) < abs(p2[1, 3])
    shift = float(p2[1, 3] if upright else p2[0, 3])  # minus focal length times metres
    if upright:
        left, right = left.T, right.T
    # The matcher looks for the other view's pixels on the left only.
    way = -1 if shift > 0 else 1
    disparity = _matched(left[:, ::way], right[:, ::way], abs(shift))[:, ::way]
    if upright:
        disparity = disparity.T
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(disparity > 0.5, abs(shift) / disparity, np.nan).astype(np.float32)
    return _unrectified(depth, k, turn1, p1)


def _rectified(image: Grey, k: Matrix, turn: Matrix, p: Matrix) -> Bytes:
    maps = cv2.initUndistortRectifyMap(k, np.zeros(5), turn, p, SIZE, cv2.CV_32FC1)
    return np.asarray(cv2.remap(image, *maps, cv2.INTER_LINEAR), np.uint8)


def _matched(left: Bytes, right: Bytes, focal_baseline: float) -> DepthMap:
    most = int(np.clip(16 * np.ceil(focal_baseline / NEAREST / 16), 16, 160))
    matcher = cv2.StereoSGBM.create(
        0, most, 5, P1=200, P2=800, disp12MaxDiff=1, uniquenessRatio=5, mode=cv2.STEREO_SGBM_MODE_HH
    )
    pair = np.ascontiguousarray(left), np.ascontiguousarray(right)
    return np.asarray(matcher.compute(*pair) / np.float32(16), np.float32)


def _unrectified(depth: DepthMap, k: Matrix, turn: Matrix, p: Matrix) -> DepthMap:
    """Bring depth from the rectified grid to the camera's own."""
    height, width = depth.shape
    y, x = np.mgrid[0:height, 0:width]
    rays = np.linalg.inv(k) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    turned = turn @ rays
    place = p[:3, :3] @ turned
    columns, rows = (place[:2] / place[2]).reshape(2, height, width).astype(np.float32)
    there = cv2.remap(np.ascontiguousarray(depth), columns, rows, cv2.INTER_NEAREST, borderValue=float("nan"))
    return np.asarray(there / turned[2].reshape(height, width), np.float32)


PLAIN: Mapping[str, Method] = {"best plane": best_plane, "SGM of two": semi_global}
"""Name in tables -> method."""
