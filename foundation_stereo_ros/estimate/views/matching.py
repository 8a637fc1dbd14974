# SPDX-License-Identifier: Apache-2.0
"""Which pixels of two views show the same spot: reciprocal nearest neighbours of descriptors.

A match is a pixel pair whose descriptors are each other's most similar ones. The search starts on a grid
and goes back and forth until it stays (MASt3R, arXiv 2406.09756, section 3.3). All pixels are compared,
and no pixel is asked for its nearest neighbour twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from foundation_stereo_ros.shapes import Mask

_ROUNDS = 10
_TILE, _QUERIES = 1024, 512  # pixels and queries that are compared at once; they bound memory


class Decoding(NamedTuple):
    """What the network says of both views in the frame of one of them.

    Attributes:
        descriptors1: of view 1, H1 x W1 x D, of length 1.
        descriptors2: of view 2, H2 x W2 x D.
        confidence1: in the descriptors, H1 x W1, at least 0.
        confidence2: H2 x W2.
    """

    descriptors1: Float[Tensor, "h1 w1 d"]
    descriptors2: Float[Tensor, "h2 w2 d"]
    confidence1: Float[Tensor, "h1 w1"]
    confidence2: Float[Tensor, "h2 w2"]


@dataclass(frozen=True, eq=False)
class Matches:
    """Pixels of two views that show the same spot, in the order of view 1's pixels row by row, then view 2's.

    Attributes:
        first: N x 2, column and row in view 1.
        second: N x 2, column and row in view 2.
        confidence: N, at least 0.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.confidence)

    def __getitem__(self, chosen: npt.NDArray[Any] | slice) -> Matches:
        """Return some of them, by their numbers or as a mask."""
        return Matches(self.first[chosen], self.second[chosen], self.confidence[chosen])


class DescriptorMap:
    """The descriptors of a view, to be searched.

    Args:
        descriptors: H x W x D, of length 1.
        mask: true where pixels take part; None: everywhere.
    """

    def __init__(self, descriptors: Float[Tensor, "h w d"], mask: Mask | None = None) -> None:
        self.columns = descriptors.shape[1]
        self.flat = descriptors.detach().flatten(0, 1).float()
        self.inside = torch.ones(len(self.flat), dtype=torch.bool, device=self.flat.device)
        if mask is not None:
            self.inside = torch.from_numpy(np.ascontiguousarray(mask)).to(self.flat.device).flatten()
        self._pixels = self.inside.nonzero()[:, 0]
        self._tiles = self.flat[self._pixels].split(_TILE)

    def grid(self, step: int) -> Int[Tensor, " n"]:
        """Return flat indices of the pixels in the middle of ``step`` x ``step`` ones, inside the mask."""
        rows = torch.arange(step // 2, len(self.flat) // self.columns, step, device=self.flat.device)
        columns = torch.arange(step // 2, self.columns, step, device=self.flat.device)
        starts = (rows[:, None] * self.columns + columns).flatten()
        return starts[self.inside[starts]]

    def nearest(self, queries: Float[Tensor, "n d"]) -> Int[Tensor, " n"]:
        """Return for each query the flat index of the most similar descriptor; the lowest of equal ones.

        The mask must leave a pixel.
        """
        parts = [self._nearest(part) for part in queries.split(_QUERIES)]
        return self._pixels[torch.cat(parts)]

    def _nearest(self, queries: Float[Tensor, "n d"]) -> Int[Tensor, " n"]:
        # The greatest value of a row is found several times faster than its place. So all tiles are asked for
        # the value, and only the tile that has it for the place.
        scores = queries.new_empty(len(queries), _TILE)  # one place for all: fresh memory takes longer to get
        greatest = queries.new_empty(len(self._tiles), len(queries))
        for tile, row in zip(self._tiles, greatest, strict=True):
            into = scores[:, : len(tile)] if len(tile) == _TILE else None
            torch.amax(torch.mm(queries, tile.T, out=into), 1, out=row)
        tile_of = greatest.max(0)[1]  # the first of equal ones
        place = torch.empty_like(tile_of)
        for number in tile_of.unique().tolist():
            chosen = (tile_of == number).nonzero()[:, 0]
            place[chosen] = (queries[chosen] @ self._tiles[number].T).max(1)[1] + number * _TILE
        return place


class ReciprocalSearch:
    """The search between two views, which asks for no pixel's nearest neighbour twice."""

    def __init__(self, view1: DescriptorMap, view2: DescriptorMap) -> None:
        self._views = (view1, view2)
        self._known = tuple(
            torch.full((len(view.flat),), -1, dtype=torch.long, device=view.flat.device)
            for view in (view1, view2)
        )

    def nearest(self, view: int, pixels: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
        """Return the pixels of the other view that are most similar to some of view 0 or 1."""
        known = self._known[view]
        new = pixels[known[pixels] < 0].unique()
        known[new] = self._views[1 - view].nearest(self._views[view].flat[new])
        return known[pixels]

    def matches(self, step: int, start: int = 0) -> Int[Tensor, "n 2"]:
        """Return flat indices of reciprocal neighbours, of view ``start`` first, sorted, each pair once.

        Args:
            step: pixels between the starts.
            start: the view, 0 or 1, whose grid the search starts on.
        """
        x = self._views[start].grid(step)
        y = torch.full_like(x, -1)
        found = []
        for _ in range(_ROUNDS):
            if not len(x):
                break
            there = self.nearest(start, x)
            stays = there == y
            found.append(torch.stack((x[stays], y[stays]), 1))
            x, y = x[~stays], there[~stays]
            back = self.nearest(1 - start, y)
            stays = back == x
            found.append(torch.stack((x[stays], y[stays]), 1))
            x, y = back[~stays], y[~stays]
        return torch.cat(found).unique(dim=0) if found else torch.zeros((0, 2), dtype=torch.long)

    def matches_of(
        self, pixels: Int[Tensor, "n 2"], tolerance: float
    ) -> tuple[Int[Tensor, " m"], Int[Tensor, "m 2"]]:
        """Match given pixels of the first view.

        Args:
            pixels: column and row.
            tolerance: pixels; the way there and back must end nearer than this.

        Returns:
            Which of the pixels have a match, and its column and row in the second view.
        """
        view1, view2 = self._views
        there = self.nearest(0, pixels[:, 1] * view1.columns + pixels[:, 0])
        back = _columns_and_rows(self.nearest(1, there), view1.columns)
        kept = ((back - pixels).float().norm(dim=1) < tolerance).nonzero()[:, 0]
        return kept, _columns_and_rows(there[kept], view2.columns)


def match_views(
    decodings: list[Decoding], step: int = 8, mask1: Mask | None = None, mask2: Mask | None = None
) -> Matches:
    """Return the matches of a pair of views, found from both of them and in all decodings.

    Args:
        decodings: the one in view 1's frame and then the one in view 2's, or only one.
        step: pixels between the starts of the search.
        mask1: H1 x W1, true where pixels of view 1 take part; None: everywhere.
        mask2: H2 x W2, of view 2.

    Returns:
        Each match once. A match of several decodings has the confidence of the first.
    """
    pairs, confidences = [], []
    columns = decodings[0].descriptors1.shape[1], decodings[0].descriptors2.shape[1]
    for decoding in decodings:
        views = (DescriptorMap(decoding.descriptors1, mask1), DescriptorMap(decoding.descriptors2, mask2))
        if not all(bool(view.inside.any()) for view in views):
            continue
        search = ReciprocalSearch(*views)
        found = torch.cat((search.matches(step), search.matches(step, start=1).flip(1)))
        product = decoding.confidence1.flatten()[found[:, 0]] * decoding.confidence2.flatten()[found[:, 1]]
        pairs.append(found.cpu().numpy())
        confidences.append(product.sqrt().float().cpu().numpy())
    if not pairs:
        return Matches(np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64), np.zeros(0, np.float32))
    unique, first = np.unique(np.concatenate(pairs), axis=0, return_index=True)
    pixels = [np.stack((unique[:, k] % columns[k], unique[:, k] // columns[k]), 1) for k in range(2)]
    return Matches(pixels[0], pixels[1], np.concatenate(confidences)[first])


def _columns_and_rows(flat: Int[Tensor, " n"], columns: int) -> Int[Tensor, "n 2"]:
    return torch.stack((flat % columns, flat // columns), 1)
