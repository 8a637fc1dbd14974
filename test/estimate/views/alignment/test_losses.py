# SPDX-License-Identifier: Apache-2.0
"""The losses' functions against the reference, and their gradients against differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from foundation_stereo_ros.estimate.views.alignment.cameras import Lenses, rotations
from foundation_stereo_ros.estimate.views.alignment.losses import project, robust

PARTS = Path(__file__).parents[3] / "data" / "views_parts.npz"


@pytest.mark.parametrize("gamma", [1.5, 0.5, 1.1])
def test_robust_losses_are_those_of_the_reference(gamma: float) -> None:
    parts = np.load(PARTS)
    apart = np.linalg.norm(parts["gl_xy"][0] - parts["gl_xy"][1], axis=-1)
    np.testing.assert_allclose(
        robust(torch.from_numpy(apart), gamma), parts[f"gl_{gamma}"], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("gamma", [1.5, 0.5, 1.1])
def test_small_distances_count_as_they_are(gamma: float) -> None:
    small = torch.tensor(1e-6, dtype=torch.float64)
    assert robust(torch.tensor(0.0), gamma) == 0
    assert float(robust(small, gamma) / small) == pytest.approx(1, abs=1e-4)


def test_projections_are_those_of_the_reference() -> None:
    parts = np.load(PARTS)
    seen = torch.from_numpy(parts["reproj_X"] @ parts["reproj_P"][:, :3].T + parts["reproj_P"][:, 3])
    # The matrix holds the lens already: homogeneous pixels.
    found = project(seen.T[None], Lenses(torch.ones(1), torch.zeros(1, 2)))[0].T
    np.testing.assert_allclose(found, parts["reproj_uv"], rtol=1e-4, atol=1e-3)


def test_a_quaternion_of_any_length_is_a_rotation() -> None:
    half = np.sqrt(0.5)
    found = rotations(torch.tensor([[0, 0, 3 * half, 3 * half], [0.0, 0, 0, 2]]))
    np.testing.assert_allclose(found[0], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(found[1], np.eye(3), atol=1e-6)
