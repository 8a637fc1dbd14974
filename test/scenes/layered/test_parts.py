# SPDX-License-Identifier: Apache-2.0
"""Outlines, surfaces, textures and cameras of painted scenes, each by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.scenes.layered import outlines, textures
from foundation_stereo_ros.scenes.layered.config import LayeredConfig
from foundation_stereo_ros.scenes.layered.exposure import expose
from foundation_stereo_ros.scenes.layered.surfaces import Plane, bounded, bulge
from foundation_stereo_ros.scenes.layered.textures import TextureBank

FOLDER = Path(textures.__file__).parent / "photographs"


@pytest.mark.parametrize("make", [outlines.solid, outlines.thin, outlines.leafy])
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**6), height=st.integers(4, 120), width=st.integers(4, 120))
def test_outlines_fill_boxes_of_any_size(
    make: Callable[..., np.ndarray], seed: int, height: int, width: int
) -> None:
    mask = make(np.random.default_rng(seed), height, width)
    assert mask.shape == (height, width)
    assert mask.dtype == np.uint8


def test_thin_things_are_thin_and_solid_ones_are_not() -> None:
    def widest(make: Callable[..., np.ndarray]) -> float:
        depths = []
        for seed in range(40):
            mask = make(np.random.default_rng(seed), 100, 100) >= 128
            depths.append(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3).max())
        return float(np.median(depths))

    assert widest(outlines.thin) < 8 < widest(outlines.solid)


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 10**6),
    height=st.floats(0.1, 80),
    slope=st.floats(0.05, 0.8),
    along_x=st.floats(-0.04, 0.04),
)
def test_no_surface_overtakes_itself(seed: int, height: float, slope: float, along_x: float) -> None:
    base = Plane(20.0, along_x, 0.1).over((0, 0, 60, 20))
    rise = bulge(np.random.default_rng(seed), (20, 60), height)
    found = bounded(base + rise, base, slope)
    assert found.shape == base.shape
    assert np.abs(np.diff(found, axis=1)).max() <= slope + 1e-3


def test_what_is_flat_enough_stays_as_it_is() -> None:
    base = np.zeros((3, 9), np.float32)
    gentle = np.tile(np.linspace(0, 1, 9, dtype=np.float32), (3, 1))
    assert (bounded(gentle, base, 0.5) == gentle).all()


def test_every_photograph_is_credited_under_a_free_licence() -> None:
    files = {path.name for path in FOLDER.glob("*.jpg")}
    rows = re.findall(
        r"^\| (\S+\.jpg) \|(.*)\|(.*)\|(.*)\|(.*)\|$",
        (FOLDER / "CREDITS.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert {row[0] for row in rows} == files
    assert len(files) > 50
    for _, title, author, licence, source in rows:
        assert title.strip()
        assert source.strip()
        assert licence.strip() in {"Public domain", "CC0 1.0"} or (
            re.fullmatch(r"CC BY [1234]\.0", licence.strip()) and author.strip()
        )


def test_a_bank_without_photographs_shows_none() -> None:
    made, any_kind = TextureBank(0.0, 0.1), TextureBank(1.0, 0.1)
    assert {made.draw(np.random.default_rng(i)).picture.shape[0] for i in range(30)} <= {320, 160, 80}
    assert any(any_kind.draw(np.random.default_rng(i)).picture.shape[1] > 320 for i in range(30))


def test_photographs_that_are_not_there_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textures, "_photographs", list)
    with pytest.raises(
        ConfigError, match=r"photographs is 0.6, but this installation holds none; expected 0"
    ):
        TextureBank(0.6, 0.1)
    TextureBank(0.0, 0.1).draw(np.random.default_rng(0))


def test_cameras_without_flaws_record_what_there_is() -> None:
    rng = np.random.default_rng(0)
    view = np.full((40, 60, 3), 90, np.uint8)
    config = LayeredConfig(blur=0.0, unlike=0.0, noise=0.0, jpeg=0.0, rows_off=0.0, grey=0.0)
    left, right = expose(view, view, config, rng)
    assert left.shape == view.shape
    assert np.abs(left.astype(int) - right).max() < 25  # exposures differ by some per cent
    assert np.ptp(left.reshape(-1, 3), axis=0).max() == 0  # and nothing is added to a bare wall


def test_rows_are_off_by_no_more_than_said_and_columns_never() -> None:
    y, x = np.mgrid[0:64, 0:96]
    pattern = np.stack([4 * y, 2 * x, 0 * x], axis=-1).clip(0, 255).astype(np.uint8)
    config = LayeredConfig(blur=0.0, unlike=0.0, noise=0.0, jpeg=0.0, rows_off=2.0, grey=0.0)
    moved = []
    for seed in range(30):
        left, right = (
            v.astype(float)[8:-8, 8:-8] for v in expose(pattern, pattern, config, np.random.default_rng(seed))
        )
        # rows and columns in units of the left picture's own
        rows = (right - left)[..., 0].mean() / np.gradient(left[..., 0], axis=0).mean()
        columns = np.abs(np.gradient((right - left)[..., 1], axis=0)).mean()
        moved.append(abs(rows))
        assert columns < 0.2
    assert max(moved) > 0.5
