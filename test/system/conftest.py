# SPDX-License-Identifier: Apache-2.0
"""A ROS domain for each test, with the processes that it starts, and the scenes that cameras send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import wire_domains
from ros_processes import CameraProcess, RosProcess

if TYPE_CHECKING:
    from ros_listener import Listener
    from tested_node import TestedNode

    from foundation_stereo_ros.scenes.raycast.sequence import SequenceFrame

ROOM = 2


class Stage:
    """What plays together in a domain: a listener in this process, and nodes and cameras in theirs.

    Args:
        domain: of ROS.
        folder: for whatever the processes write.
        scene: what cameras send unless told otherwise.
    """

    def __init__(self, domain: int, folder: Path, scene: Path) -> None:
        from ros_listener import Listener

        self.domain, self.folder, self._scene = domain, folder, scene
        self.listener: Listener = Listener(domain)
        self.processes: list[RosProcess] = []

    def node(self, **given: Any) -> TestedNode:
        """Start the node, see `TestedNode`."""
        from tested_node import TestedNode

        return self._added(TestedNode(self.domain, self.folder, self.listener, **given))

    def camera(
        self,
        kind: str = "raw",
        qos: str = "sensor",
        namespace: str = "/stereo",
        words: tuple[str, ...] = (),
        **orders: Any,
    ) -> CameraProcess:
        """Start a camera that sends at once, see `CameraProcess` and `camera_process.Orders`."""
        words = ("-r", f"__ns:={namespace}", *words)
        camera = self._added(CameraProcess(self.domain, self.folder, kind, qos, words))
        camera.send(**{"scene": self._scene, **orders})
        return camera

    def run(self, *command: str) -> RosProcess:
        """Start something else."""
        return self._added(RosProcess(command, self.domain, self.folder))

    def close(self) -> None:
        """End all as a user does; what does not end well fails the test."""
        # Shown by pytest where the test failed.
        for process in self.processes:
            print(f"---- {process.popen.args}: {len(process.said.lines)} lines, and the log\n{process.log}")
        try:
            for process in reversed(self.processes):
                process.stop()
        finally:
            for process in self.processes:
                process.kill()
            self.listener.close()

    def _added(self, process: Any) -> Any:
        self.processes.append(process)
        return process


@pytest.fixture(scope="session")
def domains() -> Iterator[int]:
    return wire_domains.domains()


@pytest.fixture
def stage(domains: Iterator[int], tmp_path: Path, small_scene: Path) -> Iterator[Stage]:
    made = Stage(next(domains), tmp_path, small_scene)
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_stage(tmp_path_factory: pytest.TempPathFactory, small_scene: Path) -> Iterator[Stage]:
    made = Stage(next(wire_domains.module_domains()), tmp_path_factory.mktemp("stage"), small_scene)
    yield made
    made.close()


@pytest.fixture(scope="session")
def exact(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A rendered frame with exact depth, 256 x 192, and its file."""
    from foundation_stereo_ros.scenes.raycast.sequence import SceneSequence

    frame: SequenceFrame = SceneSequence(ROOM).frame(0, 192, 256)
    path = tmp_path_factory.mktemp("scenes") / "exact.npz"
    numbers = {name: getattr(frame, name) for name in ("left", "right", "focal", "cx", "cy", "baseline")}
    np.savez(path, **numbers)
    return SimpleNamespace(path=path, frame=frame)


@pytest.fixture(scope="session")
def small_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a pair that takes the network no time, 64 x 48."""
    return _wall_and_box(64, 48, tmp_path_factory.mktemp("scenes") / "small.npz")


@pytest.fixture(scope="session")
def other_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of another size and calibration, 96 x 64."""
    return _wall_and_box(96, 64, tmp_path_factory.mktemp("scenes") / "other.npz")


def _wall_and_box(width: int, height: int, path: Path) -> Path:
    """A wall with a disparity of 3 pixels, and a box before it with 6."""
    rng = np.random.default_rng(0)
    wall, box = (
        cv2.resize(rng.integers(0, 256, (height // 2, width // 2, 3), np.uint8), (width + 6, height))
        for _ in range(2)
    )
    left, right = wall[:, :width].copy(), wall[:, 3 : width + 3].copy()
    rows, columns = slice(height // 4, height // 2), slice(width // 3, width // 2)
    left[rows, columns] = box[rows, columns]
    right[rows, columns.start - 6 : columns.stop - 6] = box[rows, columns]
    cx, cy = (width - 1) / 2, (height - 1) / 2
    np.savez(path, left=left, right=right, focal=0.8 * width, cx=cx, cy=cy, baseline=0.12)
    return path
