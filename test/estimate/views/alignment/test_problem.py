# SPDX-License-Identifier: Apache-2.0
"""The condensed problem: as the reference has it, and pairs of views of different sizes."""

from __future__ import annotations

import numpy as np
import torch
from view_scenes import reference, trace_problem

from foundation_stereo_ros.estimate.views.alignment.anchors import anchor_grid
from foundation_stereo_ros.estimate.views.alignment.canonical import CanonicalView
from foundation_stereo_ros.estimate.views.alignment.problem import AlignedView, condense
from foundation_stereo_ros.estimate.views.matching import Matches


def test_the_problem_is_that_of_the_reference() -> None:
    problem, tree = trace_problem([(1, 0), (2, 0), (2, 1)])
    told = reference("trace_inputs.npz")
    assert tree.root == told["mst_root"]
    assert [list(edge) for edge in tree.edges] == told["mst_edges"].tolist()
    np.testing.assert_array_equal(problem.size, told["imsizes"])
    np.testing.assert_array_equal(problem.principal, told["pps"])
    np.testing.assert_allclose(problem.focal, told["base_focals"], rtol=1e-6)
    np.testing.assert_allclose(problem.depths, told["core_depth"].reshape(3, -1), rtol=1e-6)
    for view in range(3):
        count = problem.ends[view]
        np.testing.assert_array_equal(problem.pixel[view, :, :count].T, told[f"anchor{view}_uv1"][:, :2])
        np.testing.assert_array_equal(problem.anchor[view, :count], told[f"anchor{view}_idx"])
        np.testing.assert_allclose(problem.offset[view, :count], told[f"anchor{view}_off"], rtol=1e-6)
    fallback = problem.fallback
    assert fallback is not None
    # The order of the ordered pairs is ours: the first pair's first view comes first.
    done = 0
    for shown, camera in ((1, 0), (0, 1), (2, 0), (0, 2), (2, 1), (1, 2)):
        points = told[f"pred_{shown}_in_{camera}_pts"]
        place = slice(done, done + len(points))
        np.testing.assert_allclose(fallback.points[place], points, rtol=1e-6)
        np.testing.assert_allclose(fallback.weight[place], told[f"pred_{shown}_in_{camera}_conf"], rtol=1e-6)
        assert (fallback.view[place] == camera).all()
        done += len(points)


def flat_view(height: int, width: int, depth: float) -> AlignedView:
    mask = np.ones((height, width), bool)
    grid = anchor_grid(mask)
    points = np.zeros((height, width, 3), np.float32)
    depths = np.full(len(grid.pixels), depth, np.float32)
    ones = np.ones((height, width), np.float32)
    return AlignedView(CanonicalView(points, ones, ones, grid, depths, mask), 20.0, (width / 2, height / 2))


def test_counterparts_find_each_other_in_views_of_any_size() -> None:
    views = [flat_view(16, 24, 2.0), flat_view(24, 16, 3.0), flat_view(16, 16, 4.0)]
    rng = np.random.default_rng(0)
    matches = {
        (a, b): Matches(
            rng.integers(0, 16, (count, 2)), rng.integers(0, 16, (count, 2)), np.ones(count, np.float32)
        )
        for (a, b), count in {(1, 0): 5, (2, 0): 3, (2, 1): 7}.items()
    }
    problem = condense(views, matches)
    assert list(problem.ends) == [8, 12, 10]
    assert list(problem.blocks) == [6, 6, 4]
    identity = torch.arange(problem.partner.numel())
    assert torch.equal(problem.partner[problem.partner].long(), identity)
    own = (problem.partner == identity).view(3, 3, -1)
    assert torch.equal(own, (problem.weight == 0)[:, None].expand(3, 3, -1))
    first, second = (torch.from_numpy(ends.T).float() for ends in (matches[2, 1].first, matches[2, 1].second))
    assert torch.equal(problem.pixel[2, :, 3:10], first)
    padded = torch.cat((problem.pixel, torch.ones(3, 1, 12)), dim=1)
    other = padded.flatten()[problem.partner].view_as(padded)
    assert torch.equal(other[2, :2, 3:10], second)
    assert problem.median.tolist() == [2.0, 3.0, 4.0]
