# SPDX-License-Identifier: Apache-2.0
"""Which views are compared with which: the graphs of MASt3R (arXiv 2406.09756) by their names."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.errors import ConfigError

Pair = tuple[int, int]
"""Two views by their index."""

GRAPHS = "complete, swin-3, logwin-3 (either with -noncyclic), oneref-0 or retrieval-20-10"
_WINDOW = re.compile(r"(swin|logwin)(?:-(\d{1,4}))?(-noncyclic)?")
_REFERENCE = re.compile(r"oneref(?:-(\d{1,6}))?")
_RETRIEVAL = re.compile(r"retrieval-(\d{1,4})-(\d{1,4})")
_FILTER = re.compile(r"(seq|cyc)(\d{1,6})")


def check_graph(graph: str) -> None:
    """Refuse a name that is no graph.

    Raises:
        ConfigError: names the graph and what was expected.
    """
    if graph != "complete" and not any(form.fullmatch(graph) for form in (_WINDOW, _REFERENCE, _RETRIEVAL)):
        raise ConfigError(f"graph is {graph!r}; expected {GRAPHS}")


def pairs_of(graph: str, views: int, similarity: npt.NDArray[np.floating] | None = None) -> list[Pair]:
    """Return the pairs of a graph, each once.

    Args:
        graph: ``complete``: every pair. ``swin-k``: each view with the next k, around the end unless
            ``-noncyclic``. ``logwin-k``: those 1, 2, 4 ... 2^(k-1) away. ``oneref-r``: view r with each
            other one. ``retrieval-a-k``: a key views that differ most, all with each other; every other view
            with the key view that is most like it; and each view with the k that are most like it.
        views: how many there are.
        similarity: views x views, for ``retrieval``; greater is more alike.

    Returns:
        In ``complete`` the greater index first, otherwise the smaller one (the reference first in
        ``oneref``), sorted.

    Raises:
        ConfigError: an unknown graph, a reference view that is not there, or no similarity.
    """
    check_graph(graph)
    if graph == "complete":
        return [(i, j) for i in range(views) for j in range(i)]
    if found := _WINDOW.fullmatch(graph):
        size = int(found[2] or 3)
        offsets = range(1, size + 1) if found[1] == "swin" else [2**power for power in range(size)]
        return _window(views, [*offsets], cyclic=found[3] is None)
    if found := _REFERENCE.fullmatch(graph):
        reference = int(found[1] or 0)
        if reference >= views:
            raise ConfigError(f"graph is {graph!r} for {views} views; expected a view from 0 to {views - 1}")
        return [(reference, other) for other in range(views) if other != reference]
    if similarity is None or similarity.shape != (views, views):
        shape = None if similarity is None else similarity.shape
        raise ConfigError(
            f"the similarity for graph {graph!r} is {shape}; expected {views} x {views} numbers"
        )
    keys, neighbours = (int(number) for number in graph.split("-")[1:])
    return _retrieval(np.asarray(similarity, np.float64), max(1, min(keys, views)), neighbours)


def near_pairs(pairs: list[Pair], views: int, kind: str) -> list[Pair]:
    """Return those of the pairs whose indices are near each other.

    Args:
        pairs: two views each.
        views: how many there are.
        kind: ``seq2``: at most 2 apart; ``cyc2``: the same, counted around the end as well.

    Raises:
        ConfigError: an unknown kind.
    """
    found = _FILTER.fullmatch(kind)
    if found is None:
        raise ConfigError(f"filter of pairs is {kind!r}; expected seq or cyc with a number, as seq5")
    around = found[1] == "cyc"
    distance = [abs(i - j) for i, j in pairs]
    return [
        pair
        for pair, d in zip(pairs, distance, strict=True)
        if min(d, views - d if around else d) <= int(found[2])
    ]


def symmetrised(pairs: list[Pair]) -> list[Pair]:
    """Return all pairs, then all of them the other way round."""
    return [*pairs, *((j, i) for i, j in pairs)]


def _window(views: int, offsets: list[int], cyclic: bool) -> list[Pair]:
    found = set()
    for view in range(views):
        for offset in offsets:
            other = (view + offset) % views if cyclic else view + offset
            if other != view and other < views:
                found.add((min(view, other), max(view, other)))
    return sorted(found)


def _retrieval(similarity: npt.NDArray[np.float64], keys: int, neighbours: int) -> list[Pair]:
    views = len(similarity)
    distance = 1 - similarity
    # The most typical view comes first, not a random one: the same input gives the same pairs.
    chosen = [int(np.argmax(similarity.sum(axis=1)))]
    nearest = distance[chosen[0]].copy()
    while len(chosen) < keys:
        nearest[chosen] = -np.inf
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, distance[chosen[-1]])
    found = {(min(i, j), max(i, j)) for i in chosen for j in chosen if i != j}
    for view in range(views):
        own = distance[view].copy()
        own[view] = np.inf
        others = [int(other) for other in np.argsort(own, kind="stable")[: min(neighbours, views - 1)]]
        if view not in chosen:
            others.append(min(chosen, key=lambda key: own[key]))
        found |= {(min(view, other), max(view, other)) for other in others}
    return sorted(found)
