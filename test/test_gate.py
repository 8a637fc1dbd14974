# SPDX-License-Identifier: Apache-2.0
"""What the tests are run by: the settings of pytest, and the conftest of them all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

TESTS = """
import os, signal, subprocess, sys
import pytest

def test_ctrl_c():
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    code = "import time; print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    assert child.wait() == -signal.SIGINT

def test_that_fails():
    raise ValueError("mine")

def test_that_is_skipped():
    pytest.skip("no camera")
"""


def test_of_a_job_that_ignores_ctrl_c(root: Path, tmp_path: Path) -> None:
    """As `make test &` in a script; and the summary names what failed, skips among them where none may be."""
    path = tmp_path / "test_some.py"
    path.write_text(TESTS)
    words = ["-c", str(root / "pyproject.toml"), "-p", "conftest", "-p", "no:cacheprovider", "--no-skips"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(path)],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join([str(root / "test"), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    summary = done.stdout.split("short test summary info")[-1]
    assert "test_that_fails - ValueError: mine" in summary
    assert "test_that_is_skipped - Skipped: no camera" in summary
    assert "2 failed, 1 passed" in summary, done.stdout
