# SPDX-License-Identifier: Apache-2.0
"""Which views and pairs take part in a scene, and what is said about the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from foundation_stereo_ros.errors import ImageError, SceneError, counted
from foundation_stereo_ros.estimate.remarks import Remark
from foundation_stereo_ros.estimate.views.alignment.canonical import CanonicalView, canonical_view, focal_of
from foundation_stereo_ros.estimate.views.alignment.problem import AlignedView, PointMap
from foundation_stereo_ros.estimate.views.alignment.tree import components
from foundation_stereo_ros.estimate.views.config import AlignmentSettings
from foundation_stereo_ros.estimate.views.masks import covers_all, looks_inverted
from foundation_stereo_ros.estimate.views.matching import Matches
from foundation_stereo_ros.estimate.views.pairs import Pair
from foundation_stereo_ros.estimate.views.remarks import (
    FocalDiffers,
    MaskLooksInverted,
    ViewLeftOut,
    ViewNotConnected,
    WeakPair,
)
from foundation_stereo_ros.estimate.views.scene import PairPoints, View

_FOCAL_TOLERANCE = 0.1  # relative; a contaminated estimate is off by more, and so is a wrong calibration

Predictions = Mapping[Pair, PairPoints]
MatchesOfPairs = Mapping[Pair, Matches]


class Selection(NamedTuple):
    """What is aligned. Pairs are of places in ``chosen``.

    Attributes:
        chosen: indices of the views that take part, ascending.
        views: these, for the alignment.
        matches: of the pairs that take part, on usable pixels alone.
        weak: pairs of ``matches`` for which the network's guess stands.
        counts: matches of each two views.
        masked: whether masks leave anything out.
        remarks: who is left out, and what is doubtful.
    """

    chosen: list[int]
    views: list[AlignedView]
    matches: dict[Pair, Matches]
    weak: dict[Pair, tuple[PointMap, PointMap]]
    counts: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    masked: bool
    remarks: list[Remark]


def select(
    views: Sequence[View], predictions: Predictions, matches: MatchesOfPairs, settings: AlignmentSettings
) -> Selection:
    """Find the largest group of views that hold together.

    Raises:
        SceneError: no two views do, or a view's name comes twice.
        ImageError: a prediction or a match does not fit its view.
    """
    _check(views, predictions, matches)
    masked = not all(covers_all(view.mask) for view in views)
    remarks: list[Remark] = [
        MaskLooksInverted(view.name, float(view.mask.mean()))
        for view in views
        if view.mask is not None and looks_inverted(view.mask)
    ]
    canonical: dict[int, CanonicalView] = {}
    for index, view in enumerate(views):
        joint = _canonical(index, view, predictions)
        if joint is None:
            continue
        pixels = int(joint.mask.sum())
        if pixels >= settings.min_pixels:
            canonical[index] = joint
        else:
            remarks.append(ViewLeftOut(view.name, pixels, settings.min_pixels))

    usable_matches = {
        pair: _usable(found, canonical[pair[0]], canonical[pair[1]])
        for pair, found in matches.items()
        if pair[0] in canonical and pair[1] in canonical
    }
    guess = settings.weak_pairs == "guess" or (settings.weak_pairs == "auto" and not masked)
    kept: dict[Pair, Matches] = {}
    weak: dict[Pair, tuple[PointMap, PointMap]] = {}
    for pair, found in usable_matches.items():
        count = len(found)
        strong = count >= settings.min_matches and count > 0
        if not (strong and found.confidence.max() > settings.min_confidence):
            prediction = predictions.get(pair)
            maps = prediction and (prediction.first_in_second, prediction.second_in_first)
            usable = bool(guess and count and maps and None not in maps)
            names = views[pair[0]].name, views[pair[1]].name
            remarks.append(WeakPair(*names, count, not usable))
            if not usable:
                continue
            weak[pair] = maps  # type: ignore[assignment]
        kept[pair] = found
    return _largest(views, canonical, usable_matches, kept, weak, settings, masked, remarks)


def _largest(
    views: Sequence[View],
    canonical: Mapping[int, CanonicalView],
    matches: MatchesOfPairs,
    kept: MatchesOfPairs,
    weak: Mapping[Pair, tuple[PointMap, PointMap]],
    settings: AlignmentSettings,
    masked: bool,
    remarks: list[Remark],
) -> Selection:
    all_counts = np.zeros((len(views), len(views)), np.int64)
    counts = all_counts.copy()
    for table, source in ((all_counts, matches), (counts, kept)):
        for (a, b), found in source.items():
            table[a, b] = table[b, a] = len(found)
    chosen = components(counts)[0]
    if len(chosen) < 2:
        told = (
            f"the best pair has {all_counts.max()}" if len(canonical) > 1 else "too few show anything usable"
        )
        raise SceneError(
            f"no two of the {len(views)} views share enough matches: {told}; expected at least "
            f"{settings.min_matches} in a pair (do the views overlap?)"
        )
    for index in sorted(set(canonical) - set(chosen)):
        most = int(all_counts[index, chosen].max())
        remarks.append(ViewNotConnected(views[index].name, most, settings.min_matches))
    aligned = []
    for index in chosen:
        view, camera = canonical[index], views[index].camera
        principal = (view.anchors.width / 2, view.anchors.height / 2)
        if camera is not None:
            principal = (camera.cx, camera.cy)
        focal = focal_of(view.points, view.mask, principal)
        if camera is not None:
            known = (camera.fx + camera.fy) / 2
            if abs(focal / known - 1) > _FOCAL_TOLERANCE:
                remarks.append(FocalDiffers(views[index].name, known, focal))
            focal = known
        aligned.append(AlignedView(view, focal, principal))
    place = {index: number for number, index in enumerate(chosen)}
    within = {pair for pair in kept if pair[0] in place and pair[1] in place}
    return Selection(
        chosen,
        aligned,
        {(place[a], place[b]): found for (a, b), found in kept.items() if (a, b) in within},
        {(place[a], place[b]): maps for (a, b), maps in weak.items() if (a, b) in within},
        counts[np.ix_(chosen, chosen)],
        masked,
        remarks,
    )


def _canonical(index: int, view: View, predictions: Predictions) -> CanonicalView | None:
    maps = []
    for first, second in predictions:
        if index in (first, second):
            pair = predictions[first, second]
            maps.append(pair.first if index == first else pair.second)
    if not maps:
        return None
    mask = np.ones(view.image.shape[:2], bool) if view.mask is None else view.mask
    return canonical_view(np.stack([m.points for m in maps]), np.stack([m.confidence for m in maps]), mask)


def _usable(matches: Matches, first: CanonicalView, second: CanonicalView) -> Matches:
    """Those of some weight whose ends are both foreground."""
    good = matches.confidence > 0
    for view, ends in ((first, matches.first), (second, matches.second)):
        good = good & view.mask[ends[:, 1], ends[:, 0]]
    return matches[good]


def check_views(views: Sequence[View]) -> None:
    """Refuse views that make no scene.

    Raises:
        SceneError: there is one, or a name comes twice.
    """
    if len(views) < 2:
        raise SceneError(f"a scene of {counted(len(views), 'view')}; expected 2 or more")
    name, count = Counter(view.name for view in views).most_common(1)[0]
    if count > 1:
        raise SceneError(f"{count} views are called {name!r}; expected a name for each")


def _check(views: Sequence[View], predictions: Predictions, matches: MatchesOfPairs) -> None:
    check_views(views)
    names = [view.name for view in views]
    for pair, prediction in predictions.items():
        for index, found in zip(pair, prediction[:2], strict=True):
            size = views[index].image.shape[:2]
            if found.points.shape != (*size, 3) or found.confidence.shape != size:
                raise ImageError(
                    f"the points of {names[index]} are {found.points.shape}; expected {(*size, 3)}, as its "
                    "image"
                )
    for pair, match in matches.items():
        for index, ends in zip(pair, (match.first, match.second), strict=True):
            height, width = views[index].image.shape[:2]
            if len(ends) and not (ends.min() >= 0 and (ends < (width, height)).all()):
                raise ImageError(
                    f"a match in {names[index]} is at {ends.min(axis=0)} to {ends.max(axis=0)}; expected "
                    f"columns below {width} and rows below {height}"
                )
