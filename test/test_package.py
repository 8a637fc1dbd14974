# SPDX-License-Identifier: Apache-2.0
"""The house itself: its files agree with each other, and nothing heavy is loaded before it is needed."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from foundation_stereo_ros import __version__
from foundation_stereo_ros.cli.main import main

HEAVY = ("numpy", "torch", "timm", "cv2", "open3d", "rosbags", "mcap", "rclpy")


@pytest.fixture(scope="module")
def manifest(root: Path) -> ElementTree.Element:
    return ElementTree.parse(root / "package.xml").getroot()


@pytest.fixture(scope="module")
def setup_says(root: Path) -> dict[str, str]:
    words = ("name", "version", "license", "description")
    command = [sys.executable, "-W", "ignore", "setup.py", "--quiet", *(f"--{word}" for word in words)]
    lines = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(zip(words, lines, strict=True))


def test_versions_agree(root: Path, manifest: ElementTree.Element, setup_says: dict[str, str]) -> None:
    released = re.findall(r"^(\d+\.\d+\.\d+) \(.+\)\n-+\n", (root / "CHANGELOG.rst").read_text(), flags=re.M)
    assert {released[0], manifest.findtext("version"), setup_says["version"]} == {__version__}


def test_manifest_and_setup_agree(
    root: Path, manifest: ElementTree.Element, setup_says: dict[str, str]
) -> None:
    assert manifest.get("format") == "3"
    assert manifest.findtext("export/build_type") == "ament_python"
    assert manifest.findtext("name") == setup_says["name"].replace("-", "_") == "foundation_stereo_ros"
    assert manifest.findtext("license") == setup_says["license"] == "Apache-2.0"
    assert manifest.findtext("description") == setup_says["description"]
    # ament finds the package by this file.
    assert (root / "resource" / "foundation_stereo_ros").is_file()


def test_sources_name_their_license(root: Path) -> None:
    folders = ("foundation_stereo_ros", "test", "launch", "benchmarks")
    sources = [path for folder in folders for path in (root / folder).rglob("*.py")]
    assert sources
    line = "# SPDX-License-Identifier: Apache-2.0"
    assert [path for path in sources if line not in path.read_text().splitlines()[:2]] == []


def test_import_loads_nothing_heavy() -> None:
    code = f"import foundation_stereo_ros, sys; print(sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_architecture_names_files_that_exist(root: Path) -> None:
    names = re.findall(r"`([\w/]+\.\w+)`", (root / "docs" / "architecture.md").read_text())
    modules = [path.as_posix() for path in (root / "foundation_stereo_ros").rglob("*.py")]
    assert "estimate/validity.py" in names
    assert [
        n for n in names if not (root / n).exists() and not any(m.endswith(f"/{n}") for m in modules)
    ] == []


def test_import_contract(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_command_is_installed() -> None:
    found = entry_points(group="console_scripts", name="foundation_stereo")
    if not found:
        pytest.skip("the package is not installed")
    assert {point.load() for point in found} == {main}
