# SPDX-License-Identifier: Apache-2.0
"""The alignment step by step: losses, gradients, parameters and results of the reference's optimiser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from view_scenes import reference, trace_problem

from foundation_stereo_ros.estimate.views.alignment.anchors import anchor_grid
from foundation_stereo_ros.estimate.views.alignment.cameras import CameraModel, DepthForm
from foundation_stereo_ros.estimate.views.alignment.canonical import CanonicalView
from foundation_stereo_ros.estimate.views.alignment.descent import Stage, descend
from foundation_stereo_ros.estimate.views.alignment.losses import Agreement, to_world
from foundation_stereo_ros.estimate.views.alignment.problem import AlignedView, Problem, condense
from foundation_stereo_ros.estimate.views.alignment.tree import Tree, tree_of
from foundation_stereo_ros.estimate.views.matching import Matches

ALL = [(1, 0), (2, 0), (2, 1)]
POSE = ("rotation", "shift", "size")
FINE = (*POSE, "principal", "focal", "depth")
THEIR = {
    "rotation": "quat",
    "shift": "trans",
    "size": "log_size",
    "principal": "pp",
    "focal": "log_focal",
    "depth": "core_depth",
}
TRACES = [
    ("own", [], DepthForm(), FINE),
    ("fallback_some", [(2, 0)], DepthForm(), FINE),
    ("fallback_all", ALL, DepthForm(), FINE),
    ("mul_exp", [], DepthForm(multiply=True, logarithm=True), FINE),
    ("no_pp_no_depth", [], DepthForm(), (*POSE, "focal")),
    ("lora", [], DepthForm(rank=32), FINE),
]


def rows(values: Any) -> np.ndarray:
    return np.asarray(values).reshape(3, -1)


def run(given: tuple[Problem, Tree], form: DepthForm, trained: Any) -> Any:
    problem, tree = given
    model = CameraModel(problem, tree, form)
    seen: dict[str, list[Any]] = {"parameters": [], "gradients": []}

    def watched(loss: Any) -> Any:
        def call(parameters: Any) -> torch.Tensor:
            seen["parameters"].append({n: v.detach().clone() for n, v in parameters.items()})
            live = [n for n, v in parameters.items() if v.requires_grad]
            found = loss(parameters)
            gradients = torch.autograd.grad(found, [parameters[n] for n in live], retain_graph=True)
            seen["gradients"].append(dict(zip(live, gradients, strict=True)))
            return found

        return call

    rest = torch.ones(3, 1)
    rest[tree.root] = 0
    held = {"rotation": rest, "shift": rest}
    start = model.start()
    coarse = descend(
        start, watched(Agreement(model, 1.5, False, start)), Stage("coarse", 60, 0.07, POSE, {}), held
    )
    fine = descend(
        coarse.after, watched(Agreement(model, 0.5, True)), Stage("fine", 60, 0.01, trained, {}), held
    )
    return model, coarse, fine, seen


def small_problem(told: Any) -> tuple[Problem, Tree]:
    """The same three views, from the few numbers of them that count."""
    views = []
    for view in range(3):
        grid = anchor_grid(np.ones((80, 112), bool))
        relative = np.ones((80, 112), np.float32)
        u, v = told[f"uv{view}"].T
        relative[v, u] = told[f"offset{view}"]
        flat = np.zeros((80, 112), np.float32)
        full = np.ones((80, 112), bool)
        canonical = CanonicalView(flat[..., None], flat, relative, grid, told["depths"][view], full)
        views.append(AlignedView(canonical, float(told["focal"][view]), (56.0, 40.0)))
    matches, counts, done = {}, np.zeros((3, 3), int), [0, 0, 0]
    for a, b in ALL:
        certain = told[f"confidence{a}{b}"]
        ends = [told[f"uv{view}"][done[view] : done[view] + len(certain)].astype(int) for view in (a, b)]
        for view in (a, b):
            done[view] += len(certain)
        counts[a, b] = counts[b, a] = len(certain)
        matches[a, b] = Matches(ends[0], ends[1], certain)
    return condense(views, matches), tree_of(counts, np.full(3, 140))


def test_losses_and_focal_lengths_of_the_reference_from_few_numbers() -> None:
    told = np.load(Path(__file__).parents[3] / "data" / "views_alignment.npz")
    model, coarse, fine, _ = run(small_problem(told), DepthForm(), FINE)
    np.testing.assert_allclose(coarse.losses, told["loss"][:60], rtol=1e-5)
    np.testing.assert_allclose(fine.losses, told["loss"][60:], rtol=3e-4)
    np.testing.assert_allclose(model.lenses(fine.result).focal, told["final_focal"], atol=0.05)


def test_a_loss_that_is_no_number_ends_a_stage_with_what_was_found() -> None:
    def loss(parameters: Any) -> torch.Tensor:
        return torch.log(parameters["x"]).sum()

    start = {"x": torch.tensor([0.25])}
    found = descend(start, loss, Stage("coarse", 10, 0.1, ("x",), {}), {})
    assert not found.finished
    assert 0 < len(found.losses) < 10
    assert torch.isfinite(found.result["x"]).all()
    assert torch.equal(found.result["x"], found.after["x"])
    assert start["x"] == 0.25


def test_the_result_is_the_state_before_the_last_step() -> None:
    start = {"x": torch.tensor([1.0]), "y": torch.tensor([2.0])}
    stage = Stage("coarse", 1, 0.1, ("x",), {})
    found = descend(start, lambda p: (p["x"] * p["y"]).sum(), stage, {})
    assert found.result["x"] == 1
    assert found.after["x"] == pytest.approx(0.9)
    twice = descend(start, lambda p: (p["x"] * p["y"]).sum(), stage._replace(repeat={"x": 2}), {})
    assert twice.after["x"] == pytest.approx(0.8)


@pytest.mark.parametrize(("name", "weak", "form", "trained"), TRACES, ids=[t[0] for t in TRACES])
def test_the_optimiser_goes_the_way_of_the_reference(name: str, weak: Any, form: Any, trained: Any) -> None:
    told = reference(f"trace_{name}.npz")
    model, coarse, fine, seen = run(trace_problem(weak), form, trained)
    losses = np.array([*coarse.losses, *fine.losses])
    few = name == "lora"  # its functions are only known but for a rotation
    assert abs(losses[0] - told["loss"][0]) < (5e-4 if few else 1e-6)
    np.testing.assert_allclose(losses[:60], told["loss"][:60], rtol=5e-4 if few else 1e-5, atol=1e-7)
    np.testing.assert_allclose(losses[60:], told["loss"][60:], rtol=5e-4 if few else 3e-4)
    if few:
        return
    others = [view for view in range(3) if view != model.root]
    for stage, bound in ((1, 1e-5), (2, 3e-3)):
        for step in (0, 1, 2, 3, 10, 30, 59):
            ours = seen["parameters"][60 * (stage - 1) + step]
            for own, their in THEIR.items():
                expected = rows(told[f"stage{stage}_it{step}_{their}"])[others]
                np.testing.assert_allclose(rows(ours[own])[others], expected, rtol=0, atol=bound)
        for own, gradient in seen["gradients"][60 * (stage - 1)].items():
            expected = rows(told[f"stage{stage}_it0_grad_{THEIR[own]}"])[others]
            apart = np.abs(rows(gradient)[others] - expected).max() / np.abs(expected).max()
            assert apart < bound, own
    compare_results(model, fine.result, told)


def compare_results(model: CameraModel, result: Any, told: Any) -> None:
    lenses = model.lenses(result)
    where = model.placement(result, lenses)
    np.testing.assert_allclose(lenses.focal, told["final_K"][:, 0, 0], atol=0.05)
    poses = torch.eye(4).repeat(3, 1, 1)
    poses[:, :3, :3], poses[:, :3, 3] = where.rotation, where.centre
    ours = np.linalg.inv(poses[model.root].numpy()) @ poses.numpy()
    theirs = np.linalg.inv(told["final_cam2w"][model.root]) @ told["final_cam2w"]
    np.testing.assert_allclose(ours[:, :3, :3], theirs[:, :3, :3], atol=1e-4)
    np.testing.assert_allclose(ours[:, :3, 3], theirs[:, :3, 3], atol=1e-3)
    depths = model.unit_depths(result, lenses) * where.size[:, None]
    np.testing.assert_allclose(depths, told["final_depth"], atol=1e-2)
    points = to_world(model.unit_points(result, lenses), where)[0, :, : model.problem.ends[0]].T.numpy()
    to_root = np.linalg.inv(poses[model.root].numpy())
    theirs_root = np.linalg.inv(told["final_cam2w"][model.root])
    np.testing.assert_allclose(
        points @ to_root[:3, :3].T + to_root[:3, 3],
        told["final_points0"] @ theirs_root[:3, :3].T + theirs_root[:3, 3],
        atol=1e-2,
    )
