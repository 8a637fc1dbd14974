# SPDX-License-Identifier: Apache-2.0
"""Hundreds of frames: of none is anything kept."""

from __future__ import annotations

from pathlib import Path

import kept_memory
import numpy as np
import pytest

pytestmark = pytest.mark.ros


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Images large enough for one that is kept to show."""
    noise = np.random.default_rng(0).integers(0, 256, (240, 326, 3), np.uint8)
    path = tmp_path / "noise.npz"
    np.savez(path, left=noise[:, :320], right=noise[:, 6:], focal=300.0, cx=159.5, cy=119.5, baseline=0.1)
    return path


@kept_memory.KNOWN
def test_nothing_is_kept_of_hundreds_of_frames(stage, scene) -> None:
    from tested_node import OUTPUTS, reliable

    parameters = {"device": "cpu", "iterations": 1, "scale": 0.2}
    node = stage.node(parameters=parameters, words=reliable(), counted=True)
    for output in OUTPUTS:
        node.hear(output).keep = 1
    camera = stage.camera(scene=scene, qos="reliable")

    def run_to(results: int) -> None:
        camera.send(rate=50.0)
        node.reports(lambda r: r.count("results") >= results, timeout=600.0)
        camera.send(rate=0.0)
        node.reports(lambda r: r.values["state"] == "waiting")

    kept_memory.nothing_is_kept(node, run_to)
