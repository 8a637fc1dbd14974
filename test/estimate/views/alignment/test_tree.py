# SPDX-License-Identifier: Apache-2.0
"""The tree over the views: roots and edges of the reference, in its order."""

from __future__ import annotations

import json

import numpy as np
import pytest
from view_scenes import REFERENCE

from foundation_stereo_ros.errors import SceneError
from foundation_stereo_ros.estimate.views.alignment.tree import Tree, components, tree_of

# The first and the last of the reference's six.
FULL = [
    [0, 46, 37, 19, 22, 2], [46, 0, 12, 59, 47, 66], [37, 12, 0, 53, 46, 39],
    [19, 59, 53, 0, 48, 0], [22, 47, 46, 48, 0, 53], [2, 66, 39, 0, 53, 0],
]  # fmt: skip
THIN = [
    [0, 0, 1, 0, 34, 0], [0, 0, 0, 3, 20, 0], [1, 0, 0, 0, 0, 0],
    [0, 3, 0, 0, 0, 17], [34, 20, 0, 0, 0, 0], [0, 0, 0, 17, 0, 0],
]  # fmt: skip
BLOCKS = np.full(6, 24)


@pytest.mark.parametrize(
    ("scores", "kind", "expected"),
    [
        (FULL, "ward", Tree(4, ((4, 1), (1, 2), (1, 5), (2, 3), (2, 0)))),
        (FULL, "span", Tree(0, ((0, 1), (1, 3), (1, 5), (3, 2), (5, 4)))),
        (THIN, "ward", Tree(1, ((1, 4), (4, 0), (4, 2), (4, 3), (3, 5)))),
        (THIN, "span", Tree(1, ((1, 3), (1, 4), (3, 5), (4, 0), (0, 2)))),
    ],
)
def test_trees_are_those_of_the_reference(scores, kind, expected) -> None:
    assert tree_of(np.array(scores), BLOCKS, kind) == expected


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference is not here")
def test_all_trees_are_those_of_the_reference() -> None:
    trees = json.loads((REFERENCE / "graphs.json").read_text())["trees"]
    assert len(trees) == 12
    for told in trees:
        kind = "span" if told["mode"] == "mst" else "ward"
        found = tree_of(np.array(told["scores"]), np.full(6, told["blocks_per_image"]), kind)
        assert found == Tree(told["root"], tuple((a, b) for a, b in told["edges"])), told


def test_levels_keep_the_edges() -> None:
    assert Tree(1, ((1, 4), (4, 0), (4, 2), (4, 3), (3, 5))).levels() == [
        [(1, 4)],
        [(4, 0), (4, 2), (4, 3)],
        [(3, 5)],
    ]


def test_views_without_matches_are_seen() -> None:
    scores = np.zeros((5, 5), int)
    scores[1, 3] = scores[3, 1] = scores[3, 4] = scores[4, 3] = 30
    assert components(scores) == [[1, 3, 4], [0], [2]]
    with pytest.raises(SceneError, match=r"views \[1, 3, 4\] and views \[0\] share no matches"):
        tree_of(scores, np.full(5, 24), "span")
    assert {view for edge in tree_of(scores, np.full(5, 24)).edges for view in edge} == set(range(5))
