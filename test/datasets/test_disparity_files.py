# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SEEN, TRUTH, write_image, write_mask, write_packed_png, write_pfm, write_scaled_png
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from foundation_stereo_ros.datasets import disparity_files as files
from foundation_stereo_ros.errors import FileFormatError

SAME_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SHAPES = npst.array_shapes(min_dims=2, max_dims=2, max_side=9)
SIXTEEN = npst.arrays(np.uint16, SHAPES)


@SAME_FOLDER
@given(stored=SIXTEEN, scale=st.sampled_from([1.0, 4.0, 100.0, 256.0]))
def test_sixteen_bit_png_round_trip(tmp_path: Path, stored: np.ndarray, scale: float) -> None:
    path = tmp_path / "d.png"
    write_image(path, stored)
    disparity = files.read_png_disparity(path, scale)
    assert disparity.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(disparity), stored == 0)
    np.testing.assert_array_equal(np.rint(np.nan_to_num(disparity) * scale), stored)


@SAME_FOLDER
@given(
    npst.arrays(
        np.int64, npst.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 255**3 - 1)
    )
)
def test_packed_png_round_trip(tmp_path: Path, thousandths: np.ndarray) -> None:
    path = tmp_path / "d.png"
    write_packed_png(path, thousandths / 1000)
    np.testing.assert_allclose(files.read_packed_disparity(path), thousandths / 1000, rtol=1e-6)


def test_the_packed_formula_by_hand(tmp_path: Path) -> None:
    write_image(tmp_path / "d.png", np.array([[[3, 2, 1], [0, 0, 0]]], np.uint8))  # blue 3, green 2, red 1
    np.testing.assert_allclose(files.read_packed_disparity(tmp_path / "d.png"), [[65.538, 0.0]], rtol=1e-6)


def test_infinite_and_negative_values_of_a_pfm_are_unknown(tmp_path: Path) -> None:
    for unknown in (np.inf, -np.inf, np.nan, -1.0):
        write_pfm(tmp_path / "d.pfm", TRUTH, unknown)
        np.testing.assert_array_equal(files.read_pfm_disparity(tmp_path / "d.pfm"), TRUTH)
    write_pfm(tmp_path / "d.pfm", np.zeros((1, 1)))
    assert files.read_pfm_disparity(tmp_path / "d.pfm")[0, 0] == 0.0


def test_arrays_by_name_or_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "d.npy", TRUTH.astype(np.float64))
    np.savez(tmp_path / "alone.npz", TRUTH)
    np.savez_compressed(tmp_path / "named.npz", disparity=TRUTH, valid=SEEN)
    for name in ("d.npy", "alone.npz", "named.npz"):
        found = files.read_array_disparity(tmp_path / name)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, TRUTH)


@pytest.mark.parametrize("doffs", [3.25, -0.5, 0.0])
def test_what_was_taken_off_for_the_principal_points_is_added_again(tmp_path: Path, doffs: float) -> None:
    np.savez(tmp_path / "d.npz", disparity=TRUTH - doffs, doffs=np.float64(doffs))
    np.testing.assert_array_equal(files.read_array_disparity(tmp_path / "d.npz"), TRUTH)


@pytest.mark.parametrize("doffs", [np.nan, np.zeros(2), "three"])
def test_what_was_taken_off_is_one_number(tmp_path: Path, doffs: object) -> None:
    np.savez(tmp_path / "d.npz", disparity=TRUTH, doffs=np.array(doffs))
    with pytest.raises(FileFormatError, match=r"d\.npz has doffs .*; expected one number of pixels"):
        files.read_array_disparity(tmp_path / "d.npz")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was run",)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "object.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "object.npz", disparity=np.array([Bomb()], dtype=object))
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Bomb()))
    for name in ("object.npy", "object.npz", "plain.npy"):
        with pytest.raises(FileFormatError, match=rf"{name} is not a NumPy file of numbers"):
            files.read_array_disparity(tmp_path / name)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (np.zeros((2, 3, 3)), r"\(2, 3, 3\); expected numbers"),
        (np.zeros((0, 3)), "expected numbers"),
        (np.zeros((2, 3), complex), "complex128"),
    ],
)
def test_an_array_has_to_be_a_map_of_numbers(tmp_path: Path, values: np.ndarray, complaint: str) -> None:
    np.save(tmp_path / "d.npy", values)
    with pytest.raises(FileFormatError, match=rf"d\.npy holds .*{complaint}"):
        files.read_array_disparity(tmp_path / "d.npy")


def test_an_npz_of_several_arrays_needs_the_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=TRUTH, b=TRUTH)
    with pytest.raises(FileFormatError, match=r"d\.npz holds a, b; expected 'disparity'"):
        files.read_array_disparity(tmp_path / "d.npz")


@SAME_FOLDER
@given(cut=st.integers(0, 400), flipped=st.integers(0, 400))
def test_a_damaged_array_is_an_error_or_an_array(tmp_path: Path, cut: int, flipped: int) -> None:
    path = tmp_path / "d.npz"
    np.savez_compressed(path, disparity=TRUTH)
    content = bytearray(path.read_bytes())
    content[flipped % len(content)] ^= 0xFF
    path.write_bytes(content[: len(content) - cut % len(content)] if cut else content)
    with contextlib.suppress(FileFormatError):
        assert files.read_array_disparity(path).ndim == 2


def test_masks(tmp_path: Path) -> None:
    write_mask(tmp_path / "mask.png", SEEN, np.isfinite(TRUTH))
    np.testing.assert_array_equal(files.read_mask(tmp_path / "mask.png"), SEEN)
    write_image(tmp_path / "grey.png", np.stack([SEEN.astype(np.uint8) * 255] * 3, -1))
    np.testing.assert_array_equal(files.read_mask(tmp_path / "grey.png"), SEEN)
    write_scaled_png(tmp_path / "noc.png", TRUTH, 256)
    np.testing.assert_array_equal(files.read_known(tmp_path / "noc.png"), np.isfinite(TRUTH))


def test_colours_are_no_disparity_and_grey_is_no_packed_one(tmp_path: Path) -> None:
    write_packed_png(tmp_path / "colour.png", TRUTH)
    with pytest.raises(FileFormatError, match=r"colour\.png has 3 channels; expected a grey image"):
        files.read_png_disparity(tmp_path / "colour.png", 256)
    write_scaled_png(tmp_path / "grey.png", TRUTH, 256)
    with pytest.raises(FileFormatError, match=r"grey\.png holds uint16 \(4, 6\); expected 8-bit red"):
        files.read_packed_disparity(tmp_path / "grey.png")
