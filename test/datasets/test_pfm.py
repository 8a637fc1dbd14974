# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from dataset_trees import TRUTH, pfm_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from foundation_stereo_ros.datasets.pfm import read_pfm
from foundation_stereo_ros.errors import FileFormatError

MAPS = npst.arrays(
    np.float32, npst.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(width=32)
)
SAME_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SAME_FOLDER
@given(values=MAPS, order=st.sampled_from("<>"), end=st.sampled_from(["\n", "\r\n", " "]))
def test_what_is_written_is_read(tmp_path: Path, values: np.ndarray, order: str, end: str) -> None:
    path = tmp_path / "map.pfm"
    path.write_bytes(pfm_bytes(values, order=order, end=end))
    np.testing.assert_array_equal(read_pfm(path), values)


def test_a_foreign_writers_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "map.pfm"
    assert cv2.imwrite(str(path), np.nan_to_num(TRUTH))
    np.testing.assert_array_equal(read_pfm(path), np.nan_to_num(TRUTH))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"P5\n2 2\n255\nabcd", "not a PFM file"),
        (b"Pf\n-2 2\n-1\n" + bytes(16), "not a PFM file"),
        (b"PF\n1 1\n-1\n" + bytes(12), "three channels"),
        (b"Pf\n2 2\n-1\n" + bytes(15), "15 bytes of pixels; expected 16 for 2 x 2"),
        (b"Pf\n2 2\n-1\n" + bytes(17), "17 bytes of pixels; expected 16"),
        (b"Pf\n0 0\n-1\n", "0 bytes of pixels"),
        (b"Pf\n999999 999999\n-1\n" + bytes(4), "expected 3999992000004"),
        (b"Pf\n1 1\n1.2.3\n" + bytes(4), "PFM scale '1.2.3'; expected a number"),
    ],
)
def test_what_is_no_map_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "bad.pfm"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"bad\.pfm") as caught:
        read_pfm(path)
    assert complaint in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"cannot read .*none\.pfm: No such file"):
        read_pfm(tmp_path / "none.pfm")


@SAME_FOLDER
@given(st.binary(max_size=60))
def test_any_bytes_are_a_map_or_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.pfm"
    path.write_bytes(b"Pf\n1 1\n" + content)
    with contextlib.suppress(FileFormatError):
        assert read_pfm(path).shape == (1, 1)
