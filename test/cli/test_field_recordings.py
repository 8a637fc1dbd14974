# SPDX-License-Identifier: Apache-2.0
"""Recordings of the kinds that people report trouble with: the right depth, or the true reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.ros.bags.reader import Recording

CASES = Path(__file__).parents[3] / "shared" / "cases" / "field"

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs the recordings")


def run(case: str, out: Path, capsys: pytest.CaptureFixture[str], *more: Any) -> tuple[int, str]:
    words = ("bag", CASES / case, "-o", out, "--device", "cpu", *more)
    return main([str(word) for word in words]), capsys.readouterr().err


def test_ten_bits_in_sixteen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Divided by 256, the same images gave 39 % of pixels off by more than two."""
    out = tmp_path / "out.mcap"
    code, said = run("low_bits_16/10bit.mcap", out, capsys, "--export", "npz", "--max-frames", 1)
    assert (code, said) == (0, "")
    truth = np.load(CASES / "aligned_reference" / "disparity.npy")
    found = np.load(tmp_path / "out_frames" / "000000_result.npz")["disparity"]
    known = np.isfinite(truth)
    assert (abs(found - truth)[known] > 2).mean() < 0.02


def test_both_cameras_carry_the_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run("both_tx/bothtx.mcap", tmp_path / "out.mcap", capsys)
    assert code == 1
    assert "P[3] is -42 in the left and -42 in the right camera_info" in said
    assert "0.12 if the right one is correct" in said


def test_half_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.mcap"
    code, said = run("damaged_db3/half.db3", out, capsys)
    assert code == 3
    assert said.startswith("warning: half.db3 breaks off: ")
    with Recording(out) as written:
        assert {topic.name: topic.count for topic in written.topics}["/cam/depth/image_rect"] == 1


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (
            "cut_before_first_chunk/cut.mcap",
            "cut.mcap breaks off: its end is missing; no",
        ),
        (
            "cut_zstd/cut.mcap.zstd",
            "cut.mcap.zstd breaks off: the end of its compressed data is missing;",
        ),
    ],
)
def test_broken_off_before_anything_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str, reason: str
) -> None:
    code, said = run(case, tmp_path / "out.mcap", capsys)
    assert code == 1
    assert said.startswith(f"error: {reason}")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
