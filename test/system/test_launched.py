# SPDX-License-Identifier: Apache-2.0
"""The installed package, launched: launch_testing's own tests, each in a process of its own.

Its plugin does not load in a pytest of today, so that they run by its command.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.ros

FOLDER = Path(__file__).parent
LIMIT_S = 300


@pytest.fixture(scope="module")
def workspace(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of a workspace with the package: the one that is sourced, else one made as colcon does it."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    pytest.importorskip("launch_testing")
    try:
        get_package_prefix("foundation_stereo_ros")
    except PackageNotFoundError:
        return _installed(root, tmp_path_factory.mktemp("workspace"))
    return {}


def _installed(root: Path, folder: Path) -> dict[str, str]:
    prefix = folder / "install"
    command = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(folder)]
    command += ["build", "--build-base", str(folder / "build"), "install", "--prefix", str(prefix)]
    command += ["--single-version-externally-managed", "--record", str(folder / "files")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    library = sysconfig.get_path("purelib", "posix_prefix", {"base": str(prefix)})
    return {"AMENT_PREFIX_PATH": _before(str(prefix), "AMENT_PREFIX_PATH"), "PYTHONPATH": _before(library)}


def _before(path: str, name: str = "PYTHONPATH") -> str:
    return os.pathsep.join(filter(None, [path, os.environ.get(name)]))


@pytest.mark.parametrize("name", ["stereo", "replay"])
def test_launch_file(
    name: str, workspace: dict[str, str], domains: Iterator[int], small_scene: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, **workspace}
    settings = {
        "ROS_DOMAIN_ID": str(next(domains)),
        "ROS_LOG_DIR": str(tmp_path),
        "ROS_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(FOLDER.parent / "support"), environment.get("PYTHONPATH", "")]),
        "SCENE": str(small_scene),
    }
    script = FOLDER / "launched" / f"{name}_launched.py"
    command = [sys.executable, "-m", "launch_testing.launch_test", str(script)]
    done = subprocess.run(
        command,
        env={**environment, **settings},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
