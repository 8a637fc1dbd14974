# SPDX-License-Identifier: Apache-2.0
"""What one view says about itself: against the reference, and with a mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from view_scenes import reference

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.estimate.views.alignment.anchors import anchor_grid
from foundation_stereo_ros.estimate.views.alignment.canonical import canonical_view, depth_basis, focal_of

PARTS = Path(__file__).parents[3] / "data" / "views_parts.npz"
FULL = np.ones((48, 64), bool)


def close(found, expected, bound=1e-5):
    np.testing.assert_allclose(found, expected, rtol=bound, atol=bound)


@pytest.mark.parametrize(("mode", "name"), [("angle", "angle"), ("ratio", "reldepth")])
def test_canonical_views_are_those_of_the_reference(mode: str, name: str) -> None:
    parts = np.load(PARTS)
    view = canonical_view(parts["cv_pts"], parts["cv_conf"], np.ones((16, 16), bool), mode)
    close(view.points, parts[f"cv_{name}_canon"])
    close(view.confidence, parts[f"cv_{name}_outconf"])
    close(view.relative, parts[f"cv_{name}_rel"])


@pytest.mark.parametrize(("mode", "name"), [("angle", "angle"), ("ratio", "reldepth")])
def test_so_are_whole_ones(mode: str, name: str) -> None:
    parts = reference("parts.npz")
    view = canonical_view(parts["cv_pts"], parts["cv_conf"], FULL, mode)
    close(view.points, parts[f"cv_{name}_canon"])
    close(view.relative, parts[f"cv_{name}_rel"])


def test_anchors_and_offsets_are_those_of_the_reference() -> None:
    parts = reference("parts.npz")
    grid = anchor_grid(FULL)
    u, v = parts["an_px"].T
    block = grid.block_of(u, v)
    assert block.tolist() == parts["an_idx"].tolist()
    relative = parts["cv_angle_rel"]
    close(relative[v, u] / relative.ravel()[grid.pixels[block]], parts["an_off"])


def test_focal_lengths_are_those_of_the_reference() -> None:
    parts = reference("parts.npz")
    points = parts["cv_angle_canon"]
    close(focal_of(points, FULL), parts["focal_weiszfeld"][0])
    close(focal_of(points, parts["focal_mask"]), parts["focal_weiszfeld_masked"][0])
    close(focal_of(points * np.float32([8, 8, 1]), FULL), parts["focal_clipped"][0])


def test_the_depth_basis_is_that_of_the_reference() -> None:
    parts = np.load(PARTS)
    depths = parts["core"].ravel()
    v, u = np.divmod(anchor_grid(FULL).pixels, 64)
    pixels = np.stack((u, v), axis=1).astype(np.float32)
    found = depth_basis(depths, pixels, parts["lora_K"].astype(float), 16, 15, 0.5)
    close(found.basis @ found.start, parts["lora_recon"], 1e-3)
    close(np.linalg.norm(found.basis, axis=0), parts["lora_basis_colnorm"], 1e-3)
    close(np.linalg.norm(found.start), parts["lora_coef_absnorm"], 1e-3)


def plane(height=16, width=24, focal=30.0):
    v, u = np.indices((height, width))
    z = (4 + 0.01 * u + 0.02 * v).astype(np.float32)
    points = np.stack(((u - width / 2) / focal * z, (v - height / 2) / focal * z, z), axis=-1)
    return points.astype(np.float32)


def test_a_plane_keeps_its_depth_and_its_focal_length() -> None:
    points = plane()
    view = canonical_view(points[None], np.full((1, 16, 24), 3, np.float32), np.ones((16, 24), bool))
    close(view.depths[view.anchors.blocks()] * view.relative, points[..., 2], 1e-4)
    close(focal_of(points, np.ones((16, 24), bool)), 30.0)


def test_the_anchor_of_an_edge_block_is_the_foreground_pixel_nearest_to_its_centre() -> None:
    mask = np.zeros((16, 24), bool)
    mask[4, 6] = mask[4, 2] = True  # both 2 from the centre (4, 4): the first in row-major order
    mask[8:16, 8:16] = True
    mask[7, 23] = True
    u, v = anchor_grid(mask).pixels % 24, anchor_grid(mask).pixels // 24
    assert list(zip(v.tolist(), u.tolist(), strict=True)) == [
        (4, 2), (4, 12), (7, 23), (12, 4), (12, 12), (12, 20),
    ]  # fmt: skip


def test_a_full_mask_has_its_anchors_at_the_centres() -> None:
    grid = anchor_grid(np.ones((16, 16), bool))
    assert grid.pixels.tolist() == [4 * 16 + 4, 4 * 16 + 12, 12 * 16 + 4, 12 * 16 + 12]
    assert grid.corners().tolist() == [0, 8, 128, 136]


def half(points, value):
    """A view whose left half is an object; the background is given."""
    mask = np.zeros(points.shape[:2], bool)
    mask[:, :10] = True
    changed = points.copy()
    changed[~mask] = value
    return changed, mask


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1000.0])
@pytest.mark.parametrize("confidence", [0.0, 1.0, 50.0])
def test_no_background_reaches_the_foreground(value: float, confidence: float) -> None:
    points, mask = half(plane(), value)
    maps = np.stack((points, points * np.float32(1.02)))
    certain = np.where(mask, 3, confidence).astype(np.float32)
    view = canonical_view(maps, np.stack((certain, certain)), mask)
    clean = canonical_view(np.stack((plane(), plane() * np.float32(1.02))), np.full((2, 16, 24), 3), mask)
    for found, expected in ((view.points, clean.points), (view.relative, clean.relative)):
        np.testing.assert_array_equal(found[mask], expected[mask])
    np.testing.assert_array_equal(view.mask, mask)
    assert np.isfinite(view.relative).all()
    assert np.isfinite(view.depths).all()
    assert (view.confidence > 0).all()
    assert focal_of(view.points, view.mask) == focal_of(clean.points, mask)


def test_a_block_behind_the_camera_is_left_out() -> None:
    points = plane()
    points[:8, :8, 2] *= -1
    points[12, 20] = np.nan
    view = canonical_view(points[None], np.full((1, 16, 24), 3, np.float32), np.ones((16, 24), bool))
    expected = np.ones((16, 24), bool)
    expected[:8, :8] = expected[12, 20] = False
    np.testing.assert_array_equal(view.mask, expected)
    assert (view.relative >= 0.05).all()
    assert (view.relative <= 20).all()


def test_a_view_must_consist_of_blocks() -> None:
    with pytest.raises(ImageError, match="a view is 20 x 16 pixels; expected multiples of 8"):
        anchor_grid(np.ones((16, 20), bool))
