# SPDX-License-Identifier: Apache-2.0
"""A ROS domain for each test, with the processes that it starts, and scenes with exact depth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import wire_domains

if TYPE_CHECKING:
    from wire_stage import WireStage

    from foundation_stereo_ros.scenes.raycast.sequence import SequenceFrame

ROOM = 2


@pytest.fixture(scope="session")
def domains() -> Iterator[int]:
    return wire_domains.domains()


def _stage(domain: int, folder: Path) -> Iterator[WireStage]:
    pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")
    from wire_stage import WireStage

    made = WireStage(domain, folder)
    yield made
    made.close()


@pytest.fixture
def stage(domains: Iterator[int], tmp_path: Path) -> Iterator[WireStage]:
    yield from _stage(next(domains), tmp_path)


@pytest.fixture(scope="module")
def module_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WireStage]:
    yield from _stage(next(wire_domains.module_domains()), tmp_path_factory.mktemp("stage"))


@pytest.fixture(scope="session")
def exact(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A frame with exact depth, 256 x 192, and its file."""
    return _rendered(256, 192, tmp_path_factory.mktemp("scenes") / "exact.npz")


@pytest.fixture(scope="session")
def small_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a frame that takes the network no time."""
    return _rendered(64, 48, tmp_path_factory.mktemp("scenes") / "small.npz").path


@pytest.fixture(scope="session")
def other_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of another size and calibration."""
    return _rendered(96, 64, tmp_path_factory.mktemp("scenes") / "other.npz").path


def _rendered(width: int, height: int, path: Path) -> SimpleNamespace:
    from foundation_stereo_ros.scenes.raycast.sequence import SceneSequence

    frame: SequenceFrame = SceneSequence(ROOM).frame(0, height, width)
    numbers = {name: getattr(frame, name) for name in ("left", "right", "focal", "cx", "cy", "baseline")}
    np.savez(path, **numbers)
    return SimpleNamespace(path=path, frame=frame)
