# SPDX-License-Identifier: Apache-2.0
"""Whether the poses of a video fit its images: which way they are meant, and in which unit.

A coarse plane sweep of a few pairs: with the right poses, some plane makes each patch of one image look like
the other one (zero-mean normalised cross-correlation). The planes are chosen by how far they move pixels, so
the unit of the translations plays no part in the likeness; the depth of the best planes tells it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.geometry.poses import AXES, is_usable, jump, motion
from foundation_stereo_ros.shapes import Matrix, RgbImage

Grey = npt.NDArray[np.float32]

_WIDTH = 160  # of the small images, pixels
_PLANES = 24
_LEAST, _MOST = 0.5, 0.25  # pixels, and share of the width, that the planes move the images' middle by
_WINDOW = 9  # pixels, of the correlation
_TEXTURE = 3.0  # grey levels: least standard deviation of a patch that counts
_PAIRS = 6
_REACH, _TURN = 30, 10.0  # frames and degrees between the images of a pair
_BETTER = 0.08  # of the likeness: from here on another convention is said to fit better
_LIKELY = 0.55  # likeness that it then has to have

AS_GIVEN = "as given"


def _inverse(pose: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(pose), np.float64)


CONVENTIONS: Mapping[str, Callable[[Matrix], Matrix]] = {
    AS_GIVEN: lambda pose: pose,
    "inverted": _inverse,
    "opengl": lambda pose: pose @ AXES["opengl"],
    "ros": lambda pose: pose @ AXES["ros"],
    "inverted, opengl": lambda pose: _inverse(AXES["opengl"] @ pose),
}
"""Ways in which poses may be meant -> what makes of them poses from optical axes to the world."""


class PoseFit(NamedTuple):
    """How well poses explain the images.

    Attributes:
        likeness: convention -> 0 to 1, 1 is perfect.
        depth: median, in the unit of the translations, as the poses are.
        pairs: that were compared.
    """

    likeness: dict[str, float]
    depth: float
    pairs: int


class SmallView(NamedTuple):
    """What `pose_fit` compares: a small grey image and its camera."""

    image: Grey
    camera: Camera


def small_grey(image: RgbImage, camera: Camera) -> SmallView:
    """Make a small grey view of an image."""
    height = max(16, round(_WIDTH * camera.height / camera.width))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    return SmallView(small.astype(np.float32), camera.scaled(_WIDTH, height))


def choose_pairs(poses: Sequence[Matrix], steps: float) -> list[tuple[int, int]]:
    """Choose pairs of a video's frames to compare: enough moved, not much turned, over the whole video.

    Args:
        poses: of all frames.
        steps: how far apart the two images may be, in typical steps from frame to frame: so the unit plays no
            part.
    """
    known = [i for i, pose in enumerate(poses) if is_usable(pose)]
    if len(known) < 3:
        return []
    typical = float(np.median([jump(poses[a], poses[b]).metres for a, b in pairwise(known)]))
    found: list[tuple[int, int]] = []
    if typical <= 0:
        return []
    # A long video is not looked at everywhere.
    for place in sorted(set(np.linspace(0, len(known) - 2, 8 * _PAIRS).astype(int).tolist())):
        first, last = known[place], None
        for second in known[place + 1 : place + _REACH]:
            step = jump(poses[first], poses[second])
            if step.degrees > _TURN or (last is not None and step.metres > steps * typical):
                break
            if step.metres > 0:
                last = second
        if last is not None:
            found.append((first, last))
    chosen = np.linspace(0, len(found) - 1, min(_PAIRS, len(found))).round().astype(int)
    return [found[i] for i in chosen]


def pose_fit(pairs: Sequence[tuple[tuple[SmallView, Matrix], tuple[SmallView, Matrix]]]) -> PoseFit:
    """Compare pairs of images under each of the `CONVENTIONS`.

    Args:
        pairs: two views of one camera, each with its pose.
    """
    scores: dict[str, list[float]] = {name: [] for name in CONVENTIONS}
    depths = []
    for (first, pose), (second, other) in pairs:
        for name, meant in CONVENTIONS.items():
            move = motion(meant(pose), meant(other))
            likeness, depth = _sweep(first.image, second.image, move, first.camera)
            scores[name].append(likeness)
            if name == AS_GIVEN:
                depths.append(depth)
    means = {name: float(np.mean(values)) if values else 0.0 for name, values in scores.items()}
    return PoseFit(means, float(np.median(depths)) if depths else float("nan"), len(pairs))


def fit_of_video(poses: Sequence[Matrix], view: Callable[[int], SmallView | None]) -> PoseFit:
    """Compare some pairs of a video's frames.

    Args:
        poses: of all frames.
        view: number of a frame -> its small view; None where it cannot be read.
    """

    def fit(steps: float) -> PoseFit:
        pairs = []
        for first, second in choose_pairs(poses, steps):
            one, other = view(first), view(second)
            if one is not None and other is not None:
                pairs.append(((one, poses[first]), (other, poses[second])))
        return pose_fit(pairs)

    # Frames may follow each other closely, or hardly overlap: whichever pairs tell more.
    return max((fit(steps) for steps in (4, 1)), key=clearness)


def clearness(fit: PoseFit) -> float:
    """Return by how much the best convention is better than the next: less where images are too far apart."""
    ordered = sorted(fit.likeness.values())
    return ordered[-1] - ordered[-2]


def best_convention(fit: PoseFit) -> str:
    """Return the one of `CONVENTIONS` that fits clearly better than the others; otherwise `AS_GIVEN`."""
    best = max(fit.likeness, key=fit.likeness.__getitem__)
    clear = fit.likeness[best] >= max(_LIKELY, fit.likeness[AS_GIVEN] + _BETTER)
    return best if fit.pairs and clear else AS_GIVEN


def verdict(fit: PoseFit, nearest: float, farthest: float) -> str:
    """Say in a sentence what is odd about poses; empty: nothing.

    Args:
        fit: of `pose_fit`.
        nearest, farthest: depths that the network can give, in the unit of the translations.
    """
    given, best = fit.likeness[AS_GIVEN], best_convention(fit)
    if best != AS_GIVEN:
        meant = {
            "inverted": "inverted (from world to camera)",
            "opengl": "those of a camera with y up and z backwards (opengl)",
            "ros": "those of a camera with x forward and z up (ros)",
            "inverted, opengl": "inverted, of a camera with y up and z backwards (opengl)",
        }[best]
        return (
            f"the poses look {meant}: so the images agree to {100 * fit.likeness[best]:.0f} %, with the "
            f"poses as given to {100 * given:.0f} %"
        )
    if fit.pairs and given >= _LIKELY and not nearest <= fit.depth <= farthest:
        return (
            f"by these poses the scene is about {fit.depth:.3g} m away; expected {nearest:g} to "
            f"{farthest:g} m (are the poses in metres?)"
        )
    return ""


def _sweep(first: Grey, second: Grey, move: Matrix, camera: Camera) -> tuple[float, float]:
    """Return the mean likeness of the best planes, and the median depth of them."""
    height, width = first.shape
    k = camera.matrix
    inverse, rotation, shift = np.linalg.inv(k), move[:3, :3], move[:3, 3]
    turned = k @ rotation @ inverse
    # Pixels per unit of inverse depth at the image's middle: what the planes are chosen by.
    middle = turned @ (width / 2, height / 2, 1)
    moved = k @ shift
    scale = float(np.hypot(*(moved[:2] - moved[2] * middle[:2] / middle[2]) / middle[2]))
    scale = max(scale, abs(float(moved[2])) * 0.25 * width, 1e-12)  # forward motion moves the borders
    steps = np.geomspace(_LEAST, _MOST * width, _PLANES) / scale
    best = np.full(first.shape, -1.0, np.float32)
    found = np.zeros(first.shape, np.float32)
    window = (_WINDOW, _WINDOW)
    mean = cv2.blur(first, window)
    spread = np.sqrt(np.maximum(cv2.blur(first * first, window) - mean * mean, 0))
    ones = np.ones_like(first)
    for step in (0.0, *steps):
        h = turned + step * np.outer(moved, (0.0, 0.0, 1.0))
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        seen = cv2.warpPerspective(second, h, (width, height), flags=flags)
        inside = cv2.blur(cv2.warpPerspective(ones, h, (width, height), flags=flags), window) > 0.99
        other = cv2.blur(seen, window)
        other_spread = np.sqrt(np.maximum(cv2.blur(seen * seen, window) - other * other, 0))
        product = cv2.blur(first * seen, window) - mean * other
        likeness = np.where(inside, product / (spread * other_spread + 1.0), -1.0)
        better = likeness > best
        best[better], found[better] = likeness[better], step
    counted = (spread > _TEXTURE) & (best > -1)
    if counted.sum() < 100:
        return 0.0, float("nan")
    deep = found[counted & (found > 0)]
    depth = 1 / float(np.median(deep)) if deep.size else float("inf")
    return float(np.clip(best[counted].mean(), 0, 1)), depth
