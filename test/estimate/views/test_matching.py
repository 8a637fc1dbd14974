# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from seeded_network import REFERENCE
from torch import Tensor

from foundation_stereo_ros.estimate.views.matching import (
    Decoding,
    DescriptorMap,
    ReciprocalSearch,
    match_views,
)

FILE = REFERENCE / "mast3r" / "parts.npz"

with_reference = pytest.mark.skipif(not FILE.is_file(), reason=f"no reference outputs in {FILE}")


@pytest.fixture(scope="module")
def parts() -> Any:
    return np.load(FILE)


def _map(parts: Any, name: str) -> Tensor:
    return torch.from_numpy(parts[name].astype(np.float32))


def _unit(rows: int, columns: int, seed: int, coarse: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, 24, rows // coarse, columns // coarse, generator=generator)
    values = torch.nn.functional.interpolate(noise, (rows, columns), mode="bilinear")[0].permute(1, 2, 0)
    return values / values.norm(dim=-1, keepdim=True)


@with_reference
def test_nearest_neighbours_are_those_of_the_published_code(parts: Any) -> None:
    a, b = (DescriptorMap(_map(parts, name)) for name in ("desc_a", "desc_b"))
    np.testing.assert_array_equal(b.nearest(a.flat), parts["nn_a_to_b"])
    np.testing.assert_array_equal(a.nearest(b.flat), parts["nn_b_to_a"])


@with_reference
@pytest.mark.parametrize("step", [4, 8])
def test_reciprocal_neighbours_are_those_of_the_published_code(step: int, parts: Any) -> None:
    search = ReciprocalSearch(*(DescriptorMap(_map(parts, name)) for name in ("desc_a", "desc_b")))
    np.testing.assert_array_equal(search.matches(step), parts[f"recip_S{step}_block8192"])


@with_reference
def test_given_points_within_a_tolerance(parts: Any) -> None:
    search = ReciprocalSearch(*(DescriptorMap(_map(parts, name)) for name in ("desc_a", "desc_b")))
    points = torch.from_numpy(parts["tol_init_xy"])
    kept, there = search.matches_of(points, 3.0)
    found = np.unique(torch.cat((points[kept].flip(1), there.flip(1)), 1), axis=0)
    np.testing.assert_array_equal(found[:, [1, 0, 3, 2]], parts["recip_tol3_xy"])


@with_reference
def test_matches_of_a_pair_are_those_of_the_published_code(parts: Any) -> None:
    q11, q21, q22, q12 = torch.from_numpy(parts["qconf"])
    found = match_views(
        [
            Decoding(_map(parts, "desc_a"), _map(parts, "desc_b"), q11, q21),
            Decoding(_map(parts, "desc_a2"), _map(parts, "desc_b2"), q12, q22),
        ]
    )
    np.testing.assert_array_equal(found.first, parts["ec_xy1"])
    np.testing.assert_array_equal(found.second, parts["ec_xy2"])
    np.testing.assert_allclose(found.confidence, parts["ec_conf"], rtol=1e-6)


@pytest.mark.parametrize("coarse", [1, 8])
def test_the_nearest_of_all_is_found(coarse: int) -> None:
    view, queries = _unit(48, 56, 1, coarse), _unit(24, 32, 2, coarse).flatten(0, 1)
    view = view * torch.linspace(0.9, 1.1, 56)[:, None]  # lengths that differ much more than by rounding
    np.testing.assert_array_equal(
        DescriptorMap(view).nearest(queries), (queries @ view.flatten(0, 1).T).argmax(1)
    )


def _plainly(one: Tensor, two: Tensor, step: int) -> list[tuple[int, int]]:
    """Search from each start by itself, with all similarities at hand."""
    columns = one.shape[1]
    # In float32 as well: at the borders of a smooth map, similarities differ by less than rounding.
    a, b = one.flatten(0, 1), two.flatten(0, 1)
    there, back = (a @ b.T).max(1)[1].tolist(), (b @ a.T).max(1)[1].tolist()
    found = set()
    for row in range(step // 2, one.shape[0], step):
        for column in range(step // 2, columns, step):
            x, y = row * columns + column, -1
            for _ in range(10):
                if there[x] == y:
                    found.add((x, y))
                    break
                y = there[x]
                if back[y] == x:
                    found.add((x, y))
                    break
                x = back[y]
    return sorted(found)


@pytest.mark.parametrize("coarse", [1, 8])
def test_the_search_finds_what_each_start_finds_by_itself(coarse: int) -> None:
    one, two = _unit(48, 56, 4, coarse), _unit(64, 40, 5, coarse)
    search = ReciprocalSearch(DescriptorMap(one), DescriptorMap(two))
    assert search.matches(4).tolist() == [list(pair) for pair in _plainly(one, two, 4)]
    assert search.matches(8, start=1).tolist() == [list(pair) for pair in _plainly(two, one, 8)]


def test_of_equal_descriptors_the_first_is_taken() -> None:
    view = _unit(48, 64, 1)
    view[::7] = view[0, 5]
    assert DescriptorMap(view).nearest(view[7, 9][None]).tolist() == [0]


def test_a_mask_keeps_the_search_inside() -> None:
    one, two = _unit(48, 64, 1, 8), _unit(32, 48, 2, 8)
    masks = np.zeros((48, 64), bool), np.zeros((32, 48), bool)
    masks[0][10:40, 20:60] = masks[1][5:30, 10:40] = True
    ones = torch.ones
    found = match_views([Decoding(one, two, ones(48, 64), ones(32, 48))], 4, *masks)
    assert len(found) > 5
    for pixels, mask in zip((found.first, found.second), masks, strict=True):
        assert mask[pixels[:, 1], pixels[:, 0]].all()
    cut = match_views([Decoding(one[10:40, 20:60], two[5:30, 10:40], ones(30, 40), ones(25, 30))], 1)
    pairs = (np.hstack((cut.first, cut.second)) + np.array((20, 10, 10, 5))).tolist()
    assert all(pair in pairs for pair in np.hstack((found.first, found.second)).tolist())


def test_a_full_mask_changes_nothing_and_an_empty_one_leaves_no_match() -> None:
    one, two, ones = _unit(48, 64, 1, 8), _unit(48, 64, 2, 8), torch.ones(48, 64)
    full, empty = np.ones((48, 64), bool), np.zeros((48, 64), bool)
    plain, masked = (match_views([Decoding(one, two, ones, ones)], 8, mask, mask) for mask in (None, full))
    np.testing.assert_array_equal(plain.first, masked.first)
    np.testing.assert_array_equal(plain.second, masked.second)
    assert len(match_views([Decoding(one, two, ones, ones)], 8, full, empty)) == 0


def test_a_shifted_view_is_found_where_it_is() -> None:
    one = _unit(64, 80, 3)
    two, ones = one.roll((4, 6), (0, 1)), torch.ones(64, 80)
    found = match_views([Decoding(one, two, 4 * ones, 9 * ones)])
    assert len(found) == 2 * 8 * 10  # from both grids
    moved = (found.second - found.first) % (80, 64)
    assert (moved == (6, 4)).all()
    assert (found.confidence == 6).all()
