# SPDX-License-Identifier: Apache-2.0
"""Pictures of what was found: matches as lines between two views; a scene with its cameras from above."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.estimate.views.matching import Matches
from foundation_stereo_ros.estimate.views.scene import Scene, SceneCloud
from foundation_stereo_ros.io.visualize import INVALID, colorize_depth
from foundation_stereo_ros.shapes import RgbImage

_LINES = 120  # matches that are drawn; more cannot be told apart
_TILE, _ACROSS, _MAP = 256, 2, 640  # pixels of a view's width, views in a row, pixels of the plan
_SPREAD = 3.0  # points farther out than this many times the usual distance are not in the plan


def draw_matches(first: RgbImage, second: RgbImage, matches: Matches) -> RgbImage:
    """Return two images side by side with lines between some of their matches, the surest."""
    height = max(first.shape[0], second.shape[0])
    picture = np.full((height, first.shape[1] + second.shape[1], 3), INVALID, np.uint8)
    picture[: first.shape[0], : first.shape[1]] = first
    picture[: second.shape[0], first.shape[1] :] = second
    sure = np.argsort(-matches.confidence, kind="stable")[: 8 * _LINES]
    chosen = np.sort(sure)[:: max(1, len(sure) // _LINES)]
    hues = np.linspace(0, 255, max(1, len(chosen))).astype(np.uint8)[None]
    colors = cv2.applyColorMap(hues, cv2.COLORMAP_HSV)[0, :, ::-1].tolist()
    for start, end, color in zip(matches.first[chosen], matches.second[chosen], colors, strict=False):
        ends = tuple(start.tolist()), (int(end[0]) + first.shape[1], int(end[1]))
        cv2.line(picture, *ends, color, 1, cv2.LINE_AA)
        for place in ends:
            cv2.circle(picture, place, 2, color, -1, cv2.LINE_AA)
    return picture


def overview(scene: Scene, min_certainty: float = 1.5) -> RgbImage:
    """Return a plan of the scene from above, and below it each view beside its depth."""
    tiles = []
    for view in scene.views:
        height = round(_TILE * view.image.shape[0] / view.image.shape[1])
        depth = colorize_depth(view.prediction(min_certainty).depth)
        sides = [
            cv2.resize(part, (_TILE, height), interpolation=cv2.INTER_AREA) for part in (view.image, depth)
        ]
        tiles.append(np.concatenate([np.asarray(side, np.uint8) for side in sides], axis=1))
    rows = [_row(tiles[start : start + _ACROSS]) for start in range(0, len(tiles), _ACROSS)]
    width = max(_MAP, *(row.shape[1] for row in rows))
    parts = [_plan(scene, scene.cloud(min_certainty)), *rows]
    return np.concatenate([_padded(part, part.shape[0], width) for part in parts])


def _row(tiles: list[npt.NDArray[np.uint8]]) -> RgbImage:
    height = max(tile.shape[0] for tile in tiles)
    return np.concatenate([_padded(tile, height, tile.shape[1]) for tile in tiles], axis=1)


def _padded(image: RgbImage, height: int, width: int) -> RgbImage:
    picture = np.full((height, width, 3), INVALID, np.uint8)
    picture[: image.shape[0], : image.shape[1]] = image
    return picture


def _plan(scene: Scene, cloud: SceneCloud) -> RgbImage:
    """Points and cameras seen against the cameras' mean downward direction."""
    poses = np.stack([view.pose for view in scene.views])
    right, down = poses[0, :3, 0], poses[:, :3, 1].mean(axis=0)
    down = down / max(float(np.linalg.norm(down)), 1e-9)
    right = right - (right @ down) * down
    right /= max(float(np.linalg.norm(right)), 1e-9)
    axes = np.stack((right, np.cross(right, down)))  # to the right, and forward
    places, points = poses[:, :3, 3] @ axes.T, cloud.points.astype(np.float64) @ axes.T
    middle = np.median(np.concatenate((points, places)), axis=0)
    away = np.abs(points - middle).max(axis=1, initial=0)
    near = away <= _SPREAD * max(float(np.median(away)) if len(away) else 0.0, 1e-9)
    reach = max(float(np.abs(places - middle).max()), float(away[near].max(initial=0)), 1e-9)
    scale = 0.46 * _MAP / reach

    def at(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        return np.asarray(np.rint((values - middle) * (scale, -scale) + _MAP / 2), np.int64)

    picture = np.full((_MAP, _MAP, 3), INVALID, np.uint8)
    order = np.argsort(-(cloud.points[near] @ down), kind="stable")
    pixels = at(points[near][order]).clip(0, _MAP - 1)
    picture[pixels[:, 1], pixels[:, 0]] = cloud.colors[near][order]
    for number, (view, place) in enumerate(zip(scene.views, at(places), strict=True)):
        opening = np.array(((-0.5, 1), (0.5, 1))) * (view.camera.width / view.camera.fx, 1)
        rays = opening @ np.stack((view.pose[:3, 0], view.pose[:3, 2])) @ axes.T
        corners = place + np.rint(rays * (1, -1) * 0.06 * _MAP / 2).astype(np.int64)
        cv2.polylines(
            picture, [np.stack((place, *corners)).astype(np.int32)], True, (255, 140, 0), 2, cv2.LINE_AA
        )
        cv2.putText(picture, str(number), (int(place[0]) + 4, int(place[1]) + 12), 0, 0.4, (255, 255, 255))
    return picture
