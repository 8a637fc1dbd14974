# SPDX-License-Identifier: Apache-2.0
"""The tree along which poses are chained: a view's pose is relative to that of one it shares much with.

The tree is a choice of parameters only; any tree can reach the same poses.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from foundation_stereo_ros.errors import SceneError

_UNCONNECTED = 2.0  # distance of two views without matches; that of others is below 1
_FULL = 3.0  # matches per block of the smaller view from which on two views count as one


class Tree(NamedTuple):
    """A tree over views.

    Attributes:
        root: the view in its middle.
        edges: parent and child, in the order in which the views are reached from the root.
    """

    root: int
    edges: tuple[tuple[int, int], ...]

    def levels(self) -> list[list[tuple[int, int]]]:
        """Return the edges by the distance of the child from the root."""
        depth = {self.root: 0}
        found: list[list[tuple[int, int]]] = []
        for parent, child in self.edges:
            depth[child] = depth[parent] + 1
            if depth[child] > len(found):
                found.append([])
            found[depth[child] - 1].append((parent, child))
        return found


def tree_of(matches: npt.NDArray[np.integer], blocks: npt.NDArray[np.integer], kind: str = "ward") -> Tree:
    """Return the tree of views.

    Args:
        matches: n x n, symmetric; how many each two views share.
        blocks: n; of each view's anchor grid.
        kind: ``ward``: clusters of views that are joined one by one; views without matches are joined last.
            ``span``: the spanning tree with most matches.

    Raises:
        SceneError: ``span``, and the views are not connected.
    """
    if len(matches) == 1:
        return Tree(0, ())
    return _oriented(len(matches), _ward_edges(matches, blocks) if kind == "ward" else _span_edges(matches))


def components(matches: npt.NDArray[np.integer]) -> list[list[int]]:
    """Return the groups of views that matches connect, the largest first (of equals the one of view 0)."""
    _, labels = connected_components(csr_matrix(matches > 0), directed=False)
    groups = [[int(view) for view in np.flatnonzero(labels == label)] for label in np.unique(labels)]
    return sorted(groups, key=lambda group: (-len(group), group[0]))


def _span_edges(matches: npt.NDArray[np.integer]) -> list[tuple[int, int]]:
    groups = components(matches)
    if len(groups) > 1:
        raise SceneError(
            f"views {groups[0]} and views {groups[1]} share no matches; expected views that are connected"
        )
    found = minimum_spanning_tree(csr_matrix(-matches.astype(np.float64))).tocoo()
    return [(int(a), int(b)) for a, b in zip(found.row, found.col, strict=True)]


def _ward_edges(matches: npt.NDArray[np.integer], blocks: npt.NDArray[np.integer]) -> list[tuple[int, int]]:
    count = len(matches)
    similarity = np.minimum(1, matches / (_FULL * np.minimum(blocks[:, None], blocks))).astype(np.float32)
    np.fill_diagonal(similarity, 1)
    distance = np.where(similarity != 0, 1 - similarity, _UNCONNECTED)
    merges = linkage(distance[np.triu_indices(count, 1)], "ward")
    representative, edges = list(range(count)), []
    for first, second in merges[:, :2].astype(int):
        a, b = representative[first], representative[second]
        edges.append((a, b))
        best = a if similarity[a].sum() > similarity[b].sum() else b
        similarity[best] = np.maximum(similarity[a], similarity[b])
        representative.append(best)
    return edges


def _oriented(count: int, edges: list[tuple[int, int]]) -> Tree:
    # Both halves of a symmetric matrix through the spanning tree: the order of children is the reference's.
    weights = np.zeros((count, count))
    for a, b in edges:
        weights[a, b] = weights[b, a] = -1
    graph = minimum_spanning_tree(csr_matrix(weights))
    order, _ = breadth_first_order(graph, 0, directed=False)
    order, _ = breadth_first_order(graph, order[-1], directed=False)
    rank = np.argsort(order)
    order, _ = breadth_first_order(graph, order[-1], directed=False)
    root = int(np.argmax(np.minimum(rank, np.argsort(order))))
    order, parents = breadth_first_order(graph, root, directed=False)
    return Tree(root, tuple((int(parents[view]), int(view)) for view in order[1:]))
