# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from foundation_stereo_ros.bench.machine import commit, machine, versions


def git(folder: Path, *words: str) -> None:
    author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(["git", "-C", str(folder), *author, *words], check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_the_commit_and_whether_files_differ_from_it(tmp_path: Path) -> None:
    assert commit(tmp_path) is None
    git(tmp_path, "init")
    assert commit(tmp_path) is None  # nothing is committed yet
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "first")
    git(tmp_path, "tag", "-a", "v1", "-m", "a name that says less than the commit")
    assert re.fullmatch(r"[0-9a-f]{40}", commit(tmp_path) or "")
    (tmp_path / "file").write_text("two")
    assert re.fullmatch(r"[0-9a-f]{40}-dirty", commit(tmp_path) or "")


def test_the_machine_is_described() -> None:
    facts = machine([torch.device("cpu")])
    assert facts["processor"]
    assert 1 <= facts["usable_cores"] <= facts["cores"]
    assert facts["threads"] == torch.get_num_threads()
    assert facts["ram_bytes"] > 2**28
    assert facts["gpus"] == {}
    assert versions()["torch"] == torch.__version__
