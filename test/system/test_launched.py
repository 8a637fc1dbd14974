# SPDX-License-Identifier: Apache-2.0
"""The installed package, launched: launch_testing's own tests, each in a process of its own.

Its plugin does not load in a pytest of today, so that they run by its command.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros

FOLDER = Path(__file__).parent
LIMIT_S = 300


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    packages = pytest.importorskip("ament_index_python.packages")
    pytest.importorskip("launch_testing")
    try:
        packages.get_package_prefix("foundation_stereo_ros")
    except packages.PackageNotFoundError:
        pytest.skip("this package is not installed in the sourced workspace (colcon build)")


@pytest.mark.parametrize("name", ["stereo", "replay"])
def test_launch_file(name: str, domains: Iterator[int], small_scene: Path, tmp_path: Path) -> None:
    settings = {
        "ROS_DOMAIN_ID": str(next(domains)),
        "ROS_LOG_DIR": str(tmp_path),
        "ROS_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(FOLDER.parent / "support"), os.environ.get("PYTHONPATH", "")]),
        "SCENE": str(small_scene),
    }
    script = FOLDER / "launched" / f"{name}_launched.py"
    command = [sys.executable, "-m", "launch_testing.launch_test", str(script)]
    done = subprocess.run(
        command,
        env={**os.environ, **settings},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
