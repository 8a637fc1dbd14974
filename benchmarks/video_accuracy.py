# SPDX-License-Identifier: Apache-2.0
"""Depth from posed video beside two simple methods, on a folder with true depth.

    python benchmarks/video_accuracy.py FOLDER --checkpoint WEIGHTS

The simple methods see the same keyframes: the best plane of a sweep (zero-mean normalised cross-correlation
of 7 x 7 pixels, 64 planes, two views), and OpenCV's semi-global matching with the best earlier keyframe.
Errors count where both truth and depth are known; "covered" says how much of the truth that is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.datasets.posed_layouts import open_posed_video
from foundation_stereo_ros.estimate.video.estimator import PosedImage, VideoEstimator
from foundation_stereo_ros.estimate.video.keyframes import Decision, Keyframe, KeyframeBuffer
from foundation_stereo_ros.evaluate.depth_metrics import DepthErrors, depth_errors, mean_errors
from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import motion
from foundation_stereo_ros.shapes import DepthMap, Matrix

Grey = npt.NDArray[np.float32]
SIZE = (320, 256)
NEAREST, FARTHEST, PLANES, WINDOW = 0.25, 20.0, 64, (7, 7)


def main() -> None:
    """Print one line for each method."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkpoint", required=True, help="weights file, or folder of published ones")
    parser.add_argument("--every", type=int, default=1, help="only every n-th keyframe")
    args = parser.parse_args()
    video = open_posed_video(args.folder)
    estimator = VideoEstimator.load(args.checkpoint, remove_invisible=False)
    buffer: KeyframeBuffer[Grey] = KeyframeBuffer()
    found: dict[str, list[DepthErrors]] = {"network": [], "best plane": [], "SGM of two": []}
    seconds = dict.fromkeys(found, 0.0)
    count = 0
    for frame in video.frames:
        image = video.image(frame)
        camera = video.camera(image)
        began = time.perf_counter()
        prediction = estimator.step(PosedImage(image, camera, frame.pose))
        seconds["network"] += time.perf_counter() - began
        decision = buffer.judge(frame.pose)
        if decision not in (Decision.FIRST, Decision.KEYFRAME):
            continue
        small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), SIZE, interpolation=cv2.INTER_AREA)
        grey, views = small.astype(np.float32), buffer.views(frame.pose, 2)
        buffer.add(frame.pose, grey)
        truth = video.depth(frame)
        count += 1
        if prediction is None or truth is None or count % args.every:
            continue
        found["network"].append(depth_errors(prediction.depth, truth))
        small_camera = camera.scaled(*SIZE)
        for name, method in (("best plane", best_plane), ("SGM of two", semi_global)):
            began = time.perf_counter()
            depth = method(grey, frame.pose, views, small_camera)
            seconds[name] += time.perf_counter() - began
            found[name].append(depth_errors(depth, truth))
    print(f"{'':<12} " + " ".join(f"{name:>9}" for name in (*DepthErrors._fields, "s/frame")))
    for name, errors in found.items():
        mean = mean_errors(errors)
        print(f"{name:<12} " + " ".join(f"{x:9.4f}" for x in (*mean, seconds[name] / max(len(errors), 1))))


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
    height, width = grey.shape
    nothing = np.full(grey.shape, np.nan, np.float32)
    move = motion(pose, views[0].pose)
    baseline = float(np.linalg.norm(move[:3, 3]))
    if baseline < 0.01:
        return nothing
    k = camera.matrix
    turn1, turn2, p1, p2, *_ = cv2.stereoRectify(
        k, None, k, None, (width, height), move[:3, :3].copy(), move[:3, 3:].copy(), flags=0, alpha=0
    )
    upright = abs(p2[0, 3]) < abs(p2[1, 3])
    pictures = []
    for image, turn, p in ((grey, turn1, p1), (views[0].content, turn2, p2)):
        maps = cv2.initUndistortRectifyMap(k, None, turn, p, (width, height), cv2.CV_32FC1)
        picture = cv2.remap(image, *maps, cv2.INTER_LINEAR).astype(np.uint8)
        pictures.append(np.ascontiguousarray(picture.T) if upright else picture)
    shift = float(p2[1, 3] if upright else p2[0, 3])  # minus focal length times metres
    if shift > 0:
        pictures = [picture[:, ::-1].copy() for picture in pictures]
    focal_baseline = abs(shift)
    most = int(np.clip(16 * np.ceil(focal_baseline / NEAREST / 16), 16, 160))
    matcher = cv2.StereoSGBM_create(
        0, most, 5, P1=200, P2=800, disp12MaxDiff=1, uniquenessRatio=5, mode=cv2.STEREO_SGBM_MODE_HH
    )
    disparity = matcher.compute(*pictures).astype(np.float32) / 16
    if shift > 0:
        disparity = disparity[:, ::-1]
    if upright:
        disparity = disparity.T
    with np.errstate(divide="ignore", invalid="ignore"):
        rectified = np.where(disparity > 0.5, focal_baseline / disparity, np.nan).astype(np.float32)
    return _unrectified(rectified, k, turn1, p1)


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


if __name__ == "__main__":
    main()
