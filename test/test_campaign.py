# SPDX-License-Identifier: Apache-2.0
"""A sample of the campaign of benchmarks/campaign.py: no traceback, hang, gigabytes, or changed input."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_damaged_files_are_one_sentence_each(root: Path, tmp_path: Path) -> None:
    words = [
        "benchmarks/campaign.py",
        "--campaigns",
        "files",
        "--files",
        "100",
        "--seconds",
        "60",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run([sys.executable, *words], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    (total,) = (row for row in rows if row[0] == "all")
    count, good = int(total[1]), int(total[2]) + int(total[3])
    assert count == good > 20
    assert list(map(int, total[4:])) == [0] * 5
