# SPDX-License-Identifier: Apache-2.0
"""Which views are compared: the reference's lists for seven views."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from view_scenes import REFERENCE

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.views.pairs import near_pairs, pairs_of, symmetrised


def test_known_lists() -> None:
    assert pairs_of("complete", 3) == [(1, 0), (2, 0), (2, 1)]
    assert symmetrised(pairs_of("complete", 3)) == [(1, 0), (2, 0), (2, 1), (0, 1), (0, 2), (1, 2)]
    assert pairs_of("swin-1", 4) == [(0, 1), (0, 3), (1, 2), (2, 3)]
    assert pairs_of("swin-1-noncyclic", 4) == [(0, 1), (1, 2), (2, 3)]
    assert pairs_of("logwin-3-noncyclic", 6) == [
        (0, 1), (0, 2), (0, 4), (1, 2), (1, 3), (1, 5), (2, 3), (2, 4), (3, 4), (3, 5), (4, 5),
    ]  # fmt: skip
    assert pairs_of("oneref-2", 4) == [(2, 0), (2, 1), (2, 3)]
    assert near_pairs(pairs_of("complete", 4), 4, "cyc1") == [(1, 0), (2, 1), (3, 0), (3, 2)]
    assert near_pairs(pairs_of("complete", 4), 4, "seq1") == [(1, 0), (2, 1), (3, 2)]


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference is not here")
def test_lists_are_those_of_the_reference() -> None:
    told = json.loads((REFERENCE / "graphs.json").read_text())
    for graph, pairs in told["pairs_7_views"].items():
        found = pairs_of(graph, 7)
        if graph == "complete" or graph.startswith("oneref"):
            assert found == [tuple(pair) for pair in pairs]
        assert set(found) == {tuple(pair) for pair in pairs}, graph
    for kind, pairs in told["pairs_7_views_prefilter"].items():
        assert near_pairs(pairs_of("complete", 7), 7, kind) == [tuple(pair) for pair in pairs]
    assert symmetrised(pairs_of("complete", 3)) == [
        tuple(pair) for pair in told["pairs_3_views_complete_symmetrized"]
    ]


GRAPHS = ("complete", "swin", "swin-2", "swin-4-noncyclic", "logwin-3", "logwin-9-noncyclic", "oneref")


@given(st.sampled_from(GRAPHS), st.integers(1, 12))
def test_a_pair_is_of_two_views_that_are_there_and_comes_once(graph: str, views: int) -> None:
    pairs = pairs_of(graph, views)
    assert all(i != j and min(i, j) >= 0 and max(i, j) < views for i, j in pairs)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)


def test_retrieval_joins_each_view_with_what_is_like_it() -> None:
    place = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.2, 9.0])
    similarity = -np.abs(place[:, None] - place)
    found = pairs_of("retrieval-3-1", 7, similarity)
    assert found == pairs_of("retrieval-3-1", 7, similarity)
    assert {(0, 1), (1, 2), (3, 4), (4, 5)} <= set(found)
    keys = {frozenset(pair) for pair in found if abs(place[pair[0]] - place[pair[1]]) > 1}
    assert len({view for pair in keys for view in pair}) >= 3
    assert pairs_of("retrieval-99-1", 7, similarity) == sorted((j, i) for i, j in pairs_of("complete", 7))


@pytest.mark.parametrize("graph", ["swim-3", "swin-x", "", "complete-2", "retrieval-3", "oneref--1"])
def test_an_unknown_graph_is_named(graph: str) -> None:
    with pytest.raises(ConfigError, match=f"graph is '{graph}'; expected complete, swin-3"):
        pairs_of(graph, 5)


def test_what_a_graph_needs_is_named() -> None:
    with pytest.raises(ConfigError, match="graph is 'oneref-9' for 5 views; expected a view from 0 to 4"):
        pairs_of("oneref-9", 5)
    with pytest.raises(ConfigError, match="similarity for graph 'retrieval-2-1' is None; expected 5 x 5"):
        pairs_of("retrieval-2-1", 5)
    with pytest.raises(ConfigError, match="filter of pairs is 'near'; expected seq or cyc"):
        near_pairs([(1, 0)], 2, "near")
