# SPDX-License-Identifier: Apache-2.0
"""Scenes of a ball that turns before a still background: masks, what is left out, what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from turned_object import ANGLES, FOCAL, HEIGHT, WIDTH, Turned, turned_object
from view_scenes import errors_of, pose_errors

from foundation_stereo_ros.errors import ImageError, SceneError
from foundation_stereo_ros.estimate.views.alignment.problem import PointMap
from foundation_stereo_ros.estimate.views.alignment.solve import solve
from foundation_stereo_ros.estimate.views.config import AlignmentSettings
from foundation_stereo_ros.estimate.views.masks import contracted, grown
from foundation_stereo_ros.estimate.views.matching import Matches
from foundation_stereo_ros.estimate.views.remarks import (
    FineRefused,
    FocalDiffers,
    IllConditioned,
    MaskLooksInverted,
    PoorAgreement,
    StoppedEarly,
    ViewLeftOut,
    ViewNotConnected,
    WeakPair,
)
from foundation_stereo_ros.estimate.views.scene import Scene, View
from foundation_stereo_ros.geometry.camera import Camera

SHORT: dict[str, Any] = {"coarse_iterations": 100, "fine_iterations": 30}
COARSE: dict[str, Any] = {"coarse_iterations": 150, "fine_iterations": 0}


@pytest.fixture(scope="module")
def ball() -> Turned:
    return turned_object()


def run(ball: Turned, masks: Any = "truth", matches: Any = None, **settings: Any) -> Scene:
    views = ball.solved_with(masks)
    return solve(views, ball.predictions, matches or ball.matches, AlignmentSettings(**settings))


def kinds(scene: Scene) -> list[type]:
    return [type(remark) for remark in scene.remarks]


def test_masks_tell_the_object_from_its_background(ball: Turned) -> None:
    masked, plain = run(ball, **COARSE), run(ball, None, **COARSE)
    assert errors_of(masked, ball.poses).rotation < 2
    assert errors_of(plain, ball.poses).rotation > 30
    assert masked.masked
    assert not plain.masked
    assert masked.remarks == ()
    np.testing.assert_array_equal(masked.views[0].pose, np.eye(4))
    for view in masked.views:
        assert view.camera.fx == pytest.approx(FOCAL, rel=1e-3)


def test_the_fine_stage_keeps_intrinsics_and_improves_depths(ball: Turned) -> None:
    scene = run(ball)
    assert scene.stage == "fine"
    found = errors_of(scene, ball.poses)
    assert found.rotation < 1.2
    assert found.centre < 0.02
    assert {round(view.camera.fx, 3) for view in scene.views} == {
        round(camera.fx, 3) for camera in scene.coarse.cameras
    }
    assert [pair.matches > 100 and pair.residual < 1 for pair in scene.pairs] == [True] * 6
    # What the views show is one ball.
    points = np.concatenate([view.points()[view.valid()] for view in scene.views]).astype(float)
    equations = np.concatenate((2 * points, np.ones((len(points), 1))), axis=1)
    middle = np.linalg.lstsq(equations, (points**2).sum(axis=1), rcond=None)[0][:3]
    radius = np.linalg.norm(points - middle, axis=1)
    assert np.median(np.abs(radius / np.median(radius) - 1)) < 0.03


def test_a_full_mask_is_no_mask(ball: Turned) -> None:
    full = np.ones((len(ANGLES), HEIGHT, WIDTH), bool)
    with_masks, without = run(ball, full, **SHORT), run(ball, None, **SHORT)
    assert with_masks.losses == without.losses
    assert not with_masks.masked
    for one, other in zip(with_masks.views, without.views, strict=True):
        assert one.camera == other.camera
        for name in ("pose", "depth", "confidence", "cleaned", "mask"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_same_input_gives_the_same_scene(ball: Turned) -> None:
    one, other = run(ball, **SHORT), run(ball, **SHORT)
    assert one.losses == other.losses
    np.testing.assert_array_equal(one.views[2].depth, other.views[2].depth)


def test_nothing_of_the_background_matters(ball: Turned) -> None:
    """Neither its points, its confidence, nor matches on it."""
    outside = ~ball.masks[0]

    def spoilt(found: PointMap) -> PointMap:
        points, confidence = found.points.copy(), found.confidence.copy()
        points[outside], confidence[outside] = np.nan, 0
        return PointMap(points, confidence)

    predictions = {
        pair: p._replace(first=spoilt(p.first), second=spoilt(p.second))
        for pair, p in ball.predictions.items()
    }
    kept = {}
    for pair, found in ball.matches.items():
        good = ball.masks[0][found.first[:, 1], found.first[:, 0]]
        kept[pair] = found[good]
    clean = run(ball, **SHORT)
    spoilt_scene = solve(ball.solved_with(), predictions, kept, AlignmentSettings(**SHORT))
    assert spoilt_scene.losses == clean.losses
    for one, other in zip(spoilt_scene.views, clean.views, strict=True):
        np.testing.assert_array_equal(one.depth[one.mask], other.depth[other.mask])
        assert np.isfinite(one.depth).all()
        np.testing.assert_array_equal(one.cleaned, other.cleaned)


@pytest.mark.parametrize(("change", "limit"), [(lambda m: grown(m, 1), 6), (lambda m: contracted(m, 2), 2)])
def test_masks_that_are_a_little_off(ball: Turned, change: Any, limit: float) -> None:
    masks = [change(mask) for mask in ball.masks]
    assert errors_of(run(ball, masks, coarse_iterations=300, fine_iterations=0), ball.poses).rotation < limit


def test_half_of_the_object_missing_in_one_mask_is_harmless(ball: Turned) -> None:
    masks = ball.masks.copy()
    masks[1, :, : WIDTH // 2] = False
    scene = run(ball, masks, min_pixels=500, **COARSE)
    assert errors_of(scene, ball.poses).rotation < 2.5
    assert len(scene.views) == 4


def test_a_view_with_an_empty_mask_is_left_out_by_name(ball: Turned) -> None:
    masks = ball.masks.copy()
    masks[1] = False
    scene = run(ball, masks, **COARSE)
    assert [view.name for view in scene.views] == ["0.png", "2.png", "3.png"]
    assert scene.remarks == (ViewLeftOut("1.png", 0, 1024),)
    assert str(scene.remarks[0]) == ("1.png is left out: its mask has 0 usable pixels; expected 1024 or more")
    assert errors_of(scene, ball.poses).rotation < 2.5


def test_a_view_without_points_is_left_out_too(ball: Turned) -> None:
    predictions = {
        pair: p._replace(first=PointMap(p.first.points * np.nan, p.first.confidence)) if pair[0] == 3 else p
        for pair, p in ball.predictions.items()
    }
    scene = solve(ball.solved_with(), predictions, ball.matches, AlignmentSettings(**SHORT))
    assert scene.remarks == (ViewLeftOut("3.png", 0, 1024),)


def test_an_inverted_mask_is_asked_about(ball: Turned) -> None:
    masks = ball.masks.copy()
    masks[2] = True
    masks[2, 30:36, 40:46] = False
    scene = run(ball, masks, **SHORT)
    assert scene.remarks[0] == MaskLooksInverted("2.png", pytest.approx(1 - 36 / (HEIGHT * WIDTH)))
    assert str(scene.remarks[0]) == "the mask of 2.png covers 99 % of it: is it inverted?"


def without(ball: Turned, view: int, keep: int = 0) -> dict[Any, Matches]:
    """Its pairs have only so many matches on the object."""
    found = {}
    for pair, match in ball.matches.items():
        good = np.flatnonzero(ball.masks[0][match.first[:, 1], match.first[:, 0]])
        good = good[:keep] if view in pair else good
        found[pair] = match[good]
    return found


def test_a_view_that_shares_too_little_is_left_out_by_name(ball: Turned) -> None:
    scene = run(ball, matches=without(ball, 0, keep=19), **SHORT)
    assert [view.name for view in scene.views] == ["1.png", "2.png", "3.png"]
    assert kinds(scene) == [WeakPair, WeakPair, WeakPair, ViewNotConnected]
    assert scene.remarks[-1] == ViewNotConnected("0.png", 19, 20)
    assert "1.png and 0.png share 19 matches only: the pair is not used" in map(str, scene.remarks)
    assert "0.png is left out: it shares at most 19 matches" in str(scene.remarks[-1])


def test_the_largest_group_is_solved(ball: Turned) -> None:
    apart = {pair: m for pair, m in ball.matches.items() if pair in ((1, 0), (3, 2))}
    scene = run(ball, matches=apart, **SHORT)
    assert [view.name for view in scene.views] == ["0.png", "1.png"]
    assert kinds(scene) == [ViewNotConnected, ViewNotConnected]


def test_without_masks_the_network_guesses_weak_pairs(ball: Turned) -> None:
    """It says that the ball did not move where it sees the still background, so only without masks."""
    weak = {pair: _some(match, 10 if 3 in pair else 10**6) for pair, match in ball.matches.items()}
    scene = run(ball, None, matches=weak, **SHORT)
    assert len(scene.views) == 4
    assert kinds(scene) == [WeakPair] * 3
    assert not any(remark.dropped for remark in scene.remarks if isinstance(remark, WeakPair))
    dropped = run(ball, None, matches=weak, weak_pairs="drop", **SHORT)
    assert len(dropped.views) == 3
    unsure = run(ball, None, min_confidence=5.0, **SHORT)
    assert kinds(unsure) == [WeakPair] * 6
    assert unsure.pairs == ()


def _some(match: Matches, number: int) -> Matches:
    return match[:number]


def test_views_that_do_not_overlap_are_one_sentence(ball: Turned) -> None:
    none = {pair: _some(match, 0) for pair, match in ball.matches.items()}
    with pytest.raises(SceneError, match="no two of the 4 views share enough matches: the best pair has 0;"):
        run(ball, matches=none)
    masks = np.zeros_like(ball.masks)
    masks[0] = True
    with pytest.raises(SceneError, match="too few show anything usable"):
        run(ball, masks)


def test_a_small_patch_has_no_fine_stage(ball: Turned) -> None:
    v, u = np.indices((HEIGHT, WIDTH))
    patch = (v - HEIGHT / 2) ** 2 + (u - WIDTH / 2) ** 2 < 14**2
    scene = run(ball, np.stack([patch] * 4), min_pixels=100, min_matches=5, **SHORT)
    assert scene.stage == "coarse"
    assert IllConditioned in kinds(scene)
    assert "the foreground is 9 % of the smallest view" in str(scene.remarks[-1])


def test_a_fine_stage_that_runs_away_is_refused(ball: Turned) -> None:
    scene = run(ball, coarse_iterations=2, fine_iterations=100, fine_rate=0.05)
    assert FineRefused in kinds(scene)
    assert scene.stage == "coarse"
    assert [*scene.losses] == ["coarse", "fine"]
    for view, pose in zip(scene.views, scene.coarse.poses, strict=True):
        np.testing.assert_array_equal(view.pose, pose)
    assert run(ball, coarse_iterations=2, fine_iterations=100, fine_rate=0.05, max_turn=180.0).stage == "fine"


def test_wrong_matches_show_in_what_is_left(ball: Turned) -> None:
    """As of an object that looks alike from all sides."""
    rng = np.random.default_rng(0)
    wrong = {
        pair: Matches(m.first, m.second[rng.permutation(len(m.second))], m.confidence)
        for pair, m in without(ball, -1).items()
    }
    scene = run(ball, matches=wrong, **SHORT)
    assert PoorAgreement in kinds(scene)
    assert min(pair.residual for pair in scene.pairs) > 2


def test_background_in_the_masks_shows_in_the_focal_length(ball: Turned) -> None:
    camera = Camera(WIDTH, HEIGHT, FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2)
    views = ball.solved_with(None, camera=camera)
    plain = solve(views, ball.predictions, ball.matches, AlignmentSettings(**SHORT))
    assert kinds(plain) == [FocalDiffers] * 4
    assert "110 px by its calibration" in str(plain.remarks[0])
    assert [view.camera.fx for view in plain.views] == pytest.approx([FOCAL] * 4)
    masked = solve(
        ball.solved_with(camera=camera), ball.predictions, ball.matches, AlignmentSettings(**SHORT)
    )
    assert masked.remarks == ()


def test_known_cameras_may_differ_and_stay(ball: Turned) -> None:
    views = ball.solved_with(None)
    views[1] = replace(views[1], camera=Camera(WIDTH, HEIGHT, 150, 160, 47, 35))
    scene = solve(views, ball.predictions, ball.matches, AlignmentSettings(**SHORT))
    np.testing.assert_allclose(
        scene.views[1].camera.matrix, [[155, 0, 47], [0, 155, 35], [0, 0, 1]], rtol=1e-5
    )
    assert scene.views[0].camera.cx != WIDTH / 2
    free = solve(views, ball.predictions, ball.matches, AlignmentSettings(train_intrinsics="own", **SHORT))
    assert free.views[1].camera.fx != pytest.approx(155)


def test_fixed_poses_stay_and_give_the_scale(ball: Turned) -> None:
    views = [
        replace(view, pose=_longer(pose)) for view, pose in zip(ball.solved_with(), ball.poses, strict=True)
    ]
    scene = solve(views, ball.predictions, ball.matches, AlignmentSettings(known_poses="fixed", **SHORT))
    for view, given in zip(scene.views, views, strict=True):
        np.testing.assert_allclose(view.pose, given.pose, atol=1e-6)
        assert np.median(view.depth[HEIGHT // 2, WIDTH // 2]) == pytest.approx(30, rel=0.03)
    views[2] = replace(views[2], pose=None)
    with pytest.raises(SceneError, match=r"2\.png has no pose; expected one for each view"):
        solve(views, ball.predictions, ball.matches, AlignmentSettings(known_poses="fixed", **SHORT))


def _longer(pose: np.ndarray) -> np.ndarray:
    found = pose.copy()
    found[:3, 3] *= 10
    return found


def test_poses_to_start_from_are_where_it_starts(ball: Turned) -> None:
    views = [replace(view, pose=pose) for view, pose in zip(ball.solved_with(), ball.poses, strict=True)]
    still: dict[str, Any] = {"known_poses": "start", "coarse_iterations": 1, "fine_iterations": 0}
    scene = solve(views, ball.predictions, ball.matches, AlignmentSettings(**still))
    found = errors_of(scene, ball.poses)
    assert found.rotation < 0.1
    assert found.centre < 1e-3
    views[0] = replace(views[0], pose=None)
    scene = solve(views, ball.predictions, ball.matches, AlignmentSettings(known_poses="start", **COARSE))
    assert errors_of(scene, ball.poses).rotation < 2


def test_stopping_gives_what_there_is(ball: Turned) -> None:
    seen: list[tuple[str, int, int, float]] = []
    scene = solve(
        ball.solved_with(), ball.predictions, ball.matches, AlignmentSettings(coarse_iterations=100),
        progress=lambda *told: seen.append(told), stop=lambda: len(seen) >= 60,
    )  # fmt: skip
    assert len(seen) == 60
    assert seen[7] == ("coarse", 7, 100, scene.losses["coarse"][7])
    assert scene.remarks == (StoppedEarly("coarse", 60, 100),)
    assert str(scene.remarks[0]) == "the coarse stage ended after 60 of 100 steps"
    assert np.isfinite(scene.views[0].depth).all()


def test_views_of_different_sizes_make_one_scene() -> None:
    ball = turned_object((0.0, 12.0))
    rows = slice(8, 64)  # the second view is cut to 56 rows

    def cut(found: PointMap) -> PointMap:
        return PointMap(found.points[rows], found.confidence[rows])

    prediction = ball.predictions[1, 0]
    match = ball.matches[1, 0]
    good = (match.first[:, 1] >= 8) & (match.first[:, 1] < 64)
    first = match.first[good] - (0, 8)
    views = [
        ball.solved_with()[0],
        View("1.png", ball.views[1].image[rows], ball.masks[1][rows]),
    ]
    scene = solve(
        views,
        {(1, 0): prediction._replace(first=cut(prediction.first), first_in_second=None)},
        {(1, 0): Matches(first, match.second[good], match.confidence[good])},
        AlignmentSettings(**COARSE),
    )
    assert pose_errors(np.stack([view.pose for view in scene.views]), ball.poses).rotation < 2
    assert scene.views[1].depth.shape == (56, WIDTH)


def test_an_object_beside_the_middle_of_the_image() -> None:
    ball = turned_object()
    columns = slice(24, 96)  # the ball's middle is now a third from the left

    def cut(found: PointMap) -> PointMap:
        return PointMap(found.points[:, columns], found.confidence[:, columns])

    camera = Camera(72, HEIGHT, FOCAL, FOCAL, WIDTH / 2 - 24, HEIGHT / 2)
    views = [
        View(view.name, view.image[:, columns], mask[:, columns], camera)
        for view, mask in zip(ball.views, ball.masks, strict=True)
    ]
    predictions = {
        pair: p._replace(first=cut(p.first), second=cut(p.second), first_in_second=None)
        for pair, p in ball.predictions.items()
    }
    matches = {}
    for pair, found in ball.matches.items():
        good = (found.first[:, 0] >= 24) & (found.second[:, 0] >= 24)
        ends = (found.first[good] - (24, 0), found.second[good] - (24, 0))
        matches[pair] = Matches(*ends, found.confidence[good])
    scene = solve(views, predictions, matches, AlignmentSettings(**COARSE))
    assert errors_of(scene, ball.poses).rotation < 2
    assert scene.remarks == ()


def test_other_silhouettes_carve_what_a_mask_has_too_much(ball: Turned) -> None:
    masks = ball.masks.copy()
    masks[1, 2:12, 2:12] = True  # a piece of the wall
    plain = run(ball, masks, clean=False, **COARSE)
    cut = run(ball, masks, clean=False, silhouette=True, **COARSE)
    assert (plain.views[1].cleaned[2:12, 2:12] > 0).all()
    assert not cut.views[1].cleaned[2:12, 2:12].all()
    inside = contracted(ball.masks[1], 4)
    assert (cut.views[1].cleaned > 0)[inside].mean() > 0.95


def test_input_that_does_not_fit_is_named(ball: Turned) -> None:
    views = ball.solved_with()
    with pytest.raises(SceneError, match="a scene of 1 view; expected 2 or more"):
        solve(views[:1], {}, {})
    with pytest.raises(SceneError, match=r"2 views are called '0\.png'"):
        solve([views[0], views[0]], {}, {})
    with pytest.raises(ImageError, match=r"the mask of a\.png is bool \(3, 3\); expected bool \(72, 96\)"):
        View("a.png", views[0].image, np.ones((3, 3), bool))
    with pytest.raises(ImageError, match=r"the camera of a\.png is for \(72, 95\); expected \(72, 96\)"):
        View("a.png", views[0].image, camera=Camera(95, 72, 1, 1, 0, 0))
    small = ball.predictions[1, 0]._replace(first=PointMap(np.ones((8, 8, 3)), np.ones((8, 8))))
    with pytest.raises(ImageError, match=r"the points of 1\.png are \(8, 8, 3\); expected \(72, 96, 3\)"):
        solve(views, {**ball.predictions, (1, 0): small}, ball.matches)
    match = ball.matches[1, 0]
    wrong = replace(match, second=match.second + 50)
    with pytest.raises(ImageError, match=r"a match in 0\.png is at .* expected columns below 96 and rows"):
        solve(views, ball.predictions, {**ball.matches, (1, 0): wrong})
