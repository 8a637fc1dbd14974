# SPDX-License-Identifier: Apache-2.0
"""A scene: its scale, its views by name, and predictions as other estimators give them."""

from __future__ import annotations

import numpy as np
import pytest
from turned_object import turned_object

from foundation_stereo_ros.errors import PoseError, SceneError
from foundation_stereo_ros.estimate.views.alignment.solve import solve
from foundation_stereo_ros.estimate.views.config import AlignmentSettings
from foundation_stereo_ros.estimate.views.scene import Scene, View


@pytest.fixture(scope="module")
def scene() -> Scene:
    ball = turned_object((0.0, 10.0, 20.0))
    settings = AlignmentSettings(coarse_iterations=60, fine_iterations=0)
    return solve(ball.solved_with(), ball.predictions, ball.matches, settings)


def apart(scene: Scene) -> float:
    return float(np.linalg.norm(scene["2.png"].pose[:3, 3] - scene["0.png"].pose[:3, 3]))


def test_a_known_distance_makes_it_metric(scene: Scene) -> None:
    metric = scene.with_distance("0.png", "2.png", 0.25)
    assert apart(metric) == pytest.approx(0.25)
    factor = 0.25 / apart(scene)
    for one, other in zip(metric.views, scene.views, strict=True):
        np.testing.assert_allclose(one.depth, factor * other.depth, rtol=1e-5)
        np.testing.assert_allclose(one.points(), factor * other.points(), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(one.pose[:3, :3], other.pose[:3, :3])
    np.testing.assert_allclose(metric.coarse.poses[2], metric.views[2].pose)


def test_what_gives_no_scale_is_named(scene: Scene) -> None:
    with pytest.raises(SceneError, match=r"0\.png and 0\.png are in one place; expected two cameras"):
        scene.with_distance("0.png", "0.png", 1)
    with pytest.raises(SceneError, match="scaled by -1; expected a positive number"):
        scene.scaled(-1)
    with pytest.raises(SceneError, match=r"no view 'x' in the scene; expected one of 0\.png, 1\.png, 2\.png"):
        scene["x"]


def test_a_view_is_a_prediction(scene: Scene) -> None:
    view = scene.views[1]
    prediction = view.prediction()
    np.testing.assert_array_equal(prediction.valid, view.valid())
    assert view.valid().any()
    assert not view.valid()[~view.mask].any()
    world = prediction.points() @ view.pose[:3, :3].T + view.pose[:3, 3]
    np.testing.assert_allclose(world[view.valid()], view.points()[view.valid()], atol=1e-4)
    assert not view.valid(1e6).any()


def test_a_mask_is_prepared_once() -> None:
    mask = np.zeros((16, 24), bool)
    mask[4:12, 4:12] = True
    image = np.zeros((16, 24, 3), np.uint8)
    image[6, 6] = 255
    view = View("a.png", image, mask)
    found = view.prepared(AlignmentSettings()).mask
    assert found is not None
    np.testing.assert_array_equal(np.argwhere(found)[[0, -1]], [[5, 5], [10, 10]])
    dull = view.prepared(AlignmentSettings(remove_highlights=True, erosion=0)).mask
    assert dull is not None
    np.testing.assert_array_equal(np.argwhere(mask & ~dull), [[6, 6]])
    assert View("a.png", image).prepared(AlignmentSettings()).mask is None


def test_a_pose_that_is_none_is_named() -> None:
    with pytest.raises(PoseError, match=r"a\.png: a pose's rotation has columns"):
        View("a.png", np.zeros((8, 8, 3), np.uint8), pose=np.diag((2.0, 1, 1, 1)))
