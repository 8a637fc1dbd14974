# SPDX-License-Identifier: Apache-2.0
"""From predictions to a scene: the reference's results without masks, and what masks are to bring."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from view_scenes import REFERENCE, errors_of, pose_errors, reference, scene_inputs

from foundation_stereo_ros.estimate.views.alignment.cameras import CameraModel
from foundation_stereo_ros.estimate.views.alignment.canonical import canonical_view, focal_of
from foundation_stereo_ros.estimate.views.alignment.descent import Stage, descend
from foundation_stereo_ros.estimate.views.alignment.losses import Agreement
from foundation_stereo_ros.estimate.views.alignment.problem import AlignedView, condense
from foundation_stereo_ros.estimate.views.alignment.solve import solve
from foundation_stereo_ros.estimate.views.alignment.tree import tree_of
from foundation_stereo_ros.estimate.views.config import AlignmentSettings
from foundation_stereo_ros.estimate.views.masks import grown
from foundation_stereo_ros.estimate.views.scene import View


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_the_wall_without_masks() -> None:
    data, views, predictions, matches = scene_inputs("wall")
    scene = solve(views, predictions, matches, AlignmentSettings(train_intrinsics="own"))
    truth = data["true_cam2w"]
    coarse, fine = pose_errors(np.stack(scene.coarse.poses), truth), errors_of(scene, truth)
    focal = max(abs(v.camera.fx / f - 1) for v, f in zip(scene.views, data["true_focal"], strict=True))
    assert coarse.rotation == pytest.approx(0.89, abs=0.05)
    assert coarse.centre == pytest.approx(0.038, abs=0.01)
    assert fine.rotation == pytest.approx(0.98, abs=0.5)
    assert fine.centre == pytest.approx(0.085, abs=0.03)
    assert focal == pytest.approx(0.028, abs=0.01)
    assert scene.remarks == ()
    fixed = solve(views, predictions, matches, AlignmentSettings(train_intrinsics="fixed"))
    assert errors_of(fixed, truth).rotation == pytest.approx(0.44, abs=0.05)
    shared = solve(views, predictions, matches, AlignmentSettings(train_intrinsics="shared_published"))
    assert errors_of(shared, truth).rotation == pytest.approx(0.78, abs=0.5)
    assert len({view.camera.fx for view in shared.views}) == 1


def test_the_turntable_without_masks_goes_wrong_as_the_reference_does() -> None:
    data, views, predictions, matches = scene_inputs("turntable")
    told = json.loads((REFERENCE / "result_turntable.json").read_text())
    assert sum(len(m.confidence) for m in matches.values()) == told["nomask_coarse"]["correspondences"]
    scene = solve(views, predictions, matches, AlignmentSettings(train_intrinsics="own"))
    coarse = pose_errors(np.stack(scene.coarse.poses), data["true_cam2w"])
    assert scene.losses["coarse"][-1] == pytest.approx(told["nomask_coarse"]["final_losses"][0], rel=1e-4)
    assert coarse.rotation == pytest.approx(told["nomask_coarse"]["rot_max_deg"], abs=0.5)
    assert errors_of(scene, data["true_cam2w"]).rotation > 40


@pytest.mark.parametrize("kind", ["strict", "full"])
def test_masked_confidences_and_matches_alone_are_those_of_the_reference(kind: str) -> None:
    """Without movable anchors and pivot, as masks were patched into the reference."""
    data, _, _, matches = scene_inputs("turntable", kind)
    told = json.loads((REFERENCE / "result_turntable.json").read_text())[f"{kind}_coarse1000"]
    result = reference("result_turntable.npz")
    aligned, counts = [], np.zeros((4, 4), int)
    for index in range(4):
        others = [other for other in range(4) if other != index]
        inside = data["mask"][index]
        confidence = np.where(inside, data["self_conf"][index, others], np.float32(1))
        view = canonical_view(data["self_pts"][index, others], confidence, np.ones_like(inside))
        aligned.append(AlignedView(view, focal_of(view.points, inside), (48.0, 36.0)))
    for (i, j), pair in matches.items():
        counts[i, j] = counts[j, i] = len(pair.confidence)
    focals = [view.focal for view in aligned]
    np.testing.assert_allclose(focals, result[f"{kind}_base_focals"], rtol=1e-5)
    depths = np.stack([view.canonical.depths for view in aligned])
    np.testing.assert_allclose(depths, result[f"{kind}_core_depth"].reshape(4, -1), rtol=1e-5)
    model = CameraModel(condense(aligned, matches), tree_of(counts, np.full(4, 108)))
    start = model.start()
    stage = Stage("coarse", 1000, 0.07, ("rotation", "shift", "size"), {})
    rest = torch.ones(4, 1)
    rest[model.root] = 0
    held = {"rotation": rest, "shift": rest}
    found = descend(start, Agreement(model, 1.5, False, start), stage, held)
    assert found.losses[-1] == pytest.approx(told["final_losses"][0], rel=1e-4)
    where = model.placement(found.result, model.lenses(found.result))
    poses = np.tile(np.eye(4), (4, 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = where.rotation, where.centre
    errors = pose_errors(poses, data["true_cam2w"])
    assert errors.rotation == pytest.approx(told["rot_max_deg"], abs=0.05)
    assert errors.centre == pytest.approx(told["centre_rel_err_max"], abs=0.002)


def masked(views: list[View], masks: Any) -> list[View]:
    return [View(view.name, view.image, mask) for view, mask in zip(views, masks, strict=True)]


def test_masks_bring_the_turntable_right() -> None:
    data, views, predictions, matches = scene_inputs("turntable", "strict")
    scene = solve(masked(views, data["mask"]), predictions, matches)
    coarse, fine = (
        pose_errors(np.stack(scene.coarse.poses), data["true_cam2w"]),
        errors_of(scene, data["true_cam2w"]),
    )
    assert coarse.rotation <= 1.5
    assert fine.rotation <= 0.6
    assert fine.centre <= 0.01
    assert scene.stage == "fine"
    assert scene.remarks == ()
    assert scene.masked
    for view, mask in zip(scene.views, data["mask"], strict=True):
        assert not view.cleaned[~mask].any()
        assert not view.valid()[~mask].any()


def test_a_rim_of_one_pixel_does_not_bring_the_still_camera_back() -> None:
    """The matches are those of a search among the wider masks."""
    data, views, predictions, matches = scene_inputs("turntable")
    wide = [grown(mask, 1) for mask in data["mask"]]
    scene = solve(masked(views, wide), predictions, matches, AlignmentSettings(fine_iterations=0))
    assert errors_of(scene, data["true_cam2w"]).rotation <= 3
