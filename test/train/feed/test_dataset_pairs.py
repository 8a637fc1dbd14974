# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dataset_trees import user_folder, write_pair, write_pfm
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import SMALL

from foundation_stereo_ros.datasets.dataset import StereoNumbers, StereoSample
from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import CropConfig, DatasetChoice, describe
from foundation_stereo_ros.train.distributed import Place
from foundation_stereo_ros.train.feed.dataset_pairs import DecodedSteps, Shelf, random_crop, resize_disparity
from foundation_stereo_ros.train.feed.mixed import MixedFeed
from foundation_stereo_ros.train.feed.mixture import Mixture

NAMES = ("left", "right", "disparity", "valid")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    user_folder(tmp_path, tuple(f"pair{index}" for index in range(5)))
    return tmp_path


def _config(root: Path, **changes: Any) -> TrainingConfig:
    return TrainingConfig.from_dict({**SMALL, "data": [{"dataset": "folder", "root": str(root)}], **changes})


def _feed(config: TrainingConfig, first: int = 0, place: Place | None = None) -> MixedFeed:
    generator = SceneGenerator(config.scenes, max_disparity=128.0)
    return MixedFeed(config, generator, first, place or Place())


def test_batches_hold_crops_and_their_truth(root: Path) -> None:
    batch = _feed(_config(root, batch=3)).next()
    assert batch.left.shape == batch.right.shape == (3, 3, 32, 64)
    assert batch.left.dtype == batch.disparity.dtype == torch.float32
    assert batch.disparity.shape == batch.valid.shape == (3, 1, 32, 64)
    assert float(batch.left.max()) > 100.0
    for index in range(3):  # the truth is 2 pixels everywhere, before the change of size
        values = batch.disparity[index][batch.valid[index]].unique()
        assert len(values) == 1
        assert 2 * 2**-0.4 < float(values) < 2 * 2**0.6


def test_what_is_unknown_or_beyond_the_network_is_not_valid(tmp_path: Path) -> None:
    write_pair(tmp_path / "left" / "a.png", tmp_path / "right" / "a.png", (32, 64))
    truth = np.full((32, 64), 5.0, np.float32)
    truth[:, :8], truth[:, 8:20] = np.nan, 200.0
    write_pfm(tmp_path / "disparity" / "a.pfm", truth)
    still = {"scale_low": 0.0, "scale_high": 0.0, "stretch": 0.0, "flip": 0.0}
    batch = _feed(_config(tmp_path, crops=still)).next()
    assert torch.equal(batch.valid[0, 0], (torch.arange(64) >= 20).expand(32, 64))
    assert bool(batch.disparity.isfinite().all())


def test_seed_and_step_decide_whoever_decodes(root: Path) -> None:
    config = _config(root, batch=2)
    feed = _feed(config)
    batches = [feed.next() for _ in range(3)]
    later, other = _feed(config, first=2).next(), _feed(_config(root, batch=2, seed=1)).next()
    by_worker = _feed(_config(root, batch=2, workers=1)).next()
    for name in NAMES:
        assert torch.equal(getattr(later, name), getattr(batches[2], name)), name
        assert torch.equal(getattr(by_worker, name), getattr(batches[0], name)), name
    assert not torch.equal(other.left, batches[0].left)


def test_processes_have_different_pairs_and_together_those_of_one_larger_batch(root: Path) -> None:
    joint = _feed(_config(root, batch=4)).next()
    apart = [_feed(_config(root, batch=2), place=Place(rank, 2)).next() for rank in (0, 1)]
    for name in NAMES:
        assert torch.equal(torch.cat([getattr(batch, name) for batch in apart]), getattr(joint, name)), name
    assert not torch.equal(apart[0].left, apart[1].left)


def test_every_pair_comes_once_in_an_epoch_and_in_another_order_in_the_next(root: Path) -> None:
    shelf = Shelf(_config(root).data[0], (0, 0))
    epochs = [[shelf._item(5 * epoch + place).name for place in range(5)] for epoch in range(4)]
    assert all(sorted(epoch) == [f"pair{index}" for index in range(5)] for epoch in epochs)
    assert len(set(map(tuple, epochs))) > 1


def test_a_mixture_has_both_in_one_batch(root: Path) -> None:
    data = [{"dataset": "scenes"}, {"dataset": "folder", "root": str(root)}]
    for reuse in (1, 2):
        feed = _feed(_config(root, data=data, batch=2, reuse=reuse))
        batch = feed.next()
        feed.prepare()
        assert batch.left.shape == (2, 3, 32, 64)
        known = [bool(camera.isfinite().all()) for camera in batch.camera]
        assert sorted(known) == [False, True]  # only generated cameras are known
    alone = _feed(_config(root, data=data, batch=1))
    assert sorted(bool(alone.next().camera.isfinite().all()) for _ in range(2)) == [False, True]


def test_a_damaged_pair_is_passed_over_and_named(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = _config(root, batch=5)
    steps = DecodedSteps(config, Mixture(config, Place()), 0)
    (root / "right" / "pair3.png").write_bytes(b"nothing")
    with caplog.at_level(logging.WARNING):
        found = steps[0]
    assert found is not None and len(found.left) == 5
    assert "skipped pair3 of folder" in caplog.text
    for file in (root / "right").iterdir():
        file.write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="not an image that can be read"):
        steps[1]


def test_wrong_choices_are_one_line(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"data dataset is 'kitty'; expected one of scenes, layered"):
        _config(root, data=[{"dataset": "kitty", "root": "x"}])
    with pytest.raises(ConfigError, match=r"data root is ''; expected the folder of the kitti dataset"):
        _config(root, data=[{"dataset": "kitti"}])
    with pytest.raises(ConfigError, match="expected a list of mappings"):
        _config(root, data="folder")
    with pytest.raises(ConfigError, match=r"split is 'train'; dataset folder has no such choice"):
        _feed(_config(root, data=[{"dataset": "folder", "root": str(root), "split": "train"}]))
    with pytest.raises(FileFormatError, match="is not a folder"):
        _feed(_config(root / "missing"))
    with pytest.raises(ConfigError, match="one of middlebury"):
        DatasetChoice("scenes")


def test_limit_takes_the_first_pairs_and_settings_survive_plain_values(root: Path) -> None:
    data = [{"dataset": "folder", "root": str(root), "limit": 2, "share": 3.0}, {"dataset": "scenes"}]
    config = _config(root, data=data, validate_on={"dataset": "folder", "root": str(root)})
    assert [item.name for item in config.data[0].open("train")[1]] == ["pair0", "pair1"]
    assert TrainingConfig.from_dict(config.to_dict()) == config
    assert describe(config.data) == f"folder ({root.name}) and ray-cast scenes"


STILL = CropConfig(scale_low=0.0, scale_high=0.0, stretch=0.0, flip=0.0)


def _sample(rows: int = 40, columns: int = 80, shift: float = 6.0) -> StereoSample:
    """A smooth picture, moved: left(x) == right(x - shift); the rows say where they are."""
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")

    def seen(columns_: np.ndarray) -> np.ndarray:
        waves = [127 + 100 * np.sin(columns_ / wave + y / 9) for wave in (4.0, 7.0, 11.0)]
        return np.rint(np.stack(waves, -1)).astype(np.uint8)

    truth = np.full((rows, columns), shift, np.float32)
    return StereoSample(seen(x), seen(x + shift), truth, None, StereoNumbers())


def test_without_chance_a_crop_is_a_window_of_the_pair() -> None:
    sample, ways = _sample(), set()
    for seed in range(8):
        crop = random_crop(sample, 32, 64, STILL, np.random.default_rng(seed))
        found = [
            (top, start)
            for top in range(9)
            for start in range(17)
            if np.array_equal(crop.left, sample.left[top : top + 32, start : start + 64])
        ]
        assert len(found) == 1
        top, start = found[0]
        assert np.array_equal(crop.right, sample.right[top : top + 32, start : start + 64])
        ways.add(found[0])
    assert len(ways) > 4


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1 << 32), rows=st.integers(9, 70), columns=st.integers(20, 140))
def test_the_right_view_moved_by_the_disparity_is_the_left_view(seed: int, rows: int, columns: int) -> None:
    crop = random_crop(_sample(rows, columns), 32, 64, CropConfig(), np.random.default_rng(seed))
    assert crop.left.shape == crop.right.shape == (32, 64, 3)
    assert crop.disparity.shape == (32, 64)
    disparity = crop.disparity[0, 0]
    assert np.all(crop.disparity == disparity)
    column = np.arange(64)
    inside = (column - disparity >= 1) & (column - disparity <= 62)
    for row in (0, 15, 31):
        for channel in range(3):
            moved = np.interp(column - disparity, column, crop.right[row, :, channel].astype(float))
            residual = np.abs(moved - crop.left[row, :, channel])[inside]
            assert not residual.size or np.median(residual) < 6.0


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1 << 32))
def test_a_pair_that_is_too_small_is_enlarged_in_both_directions(seed: int) -> None:
    crop = random_crop(_sample(16, 64), 32, 64, CropConfig(stretch=0.0), np.random.default_rng(seed))
    assert np.all(crop.disparity == 12.0)  # two times, which is what its height needs


def test_a_flipped_crop_is_upside_down_in_all_three() -> None:
    sample = _sample(32, 64)
    sample.disparity[:] = np.arange(32)[:, None]
    always = CropConfig(scale_low=0.0, scale_high=0.0, stretch=0.0, flip=1.0)
    crop = random_crop(sample, 32, 64, always, np.random.default_rng(0))
    assert np.array_equal(crop.left, sample.left[::-1])
    assert np.array_equal(crop.right, sample.right[::-1])
    assert np.array_equal(crop.disparity, sample.disparity[::-1])


def test_disparity_on_a_slope_is_interpolated_and_at_an_edge_it_is_not() -> None:
    slope = np.broadcast_to(np.arange(16, dtype=np.float32) / 4, (8, 16)).copy()
    wide = resize_disparity(slope, 8, 32)
    # border pixels on border pixels: the middle of column i is at (i + 0.5) / 2 - 0.5 of the old ones
    expected = ((np.arange(32) + 0.5) / 2 - 0.5) / 4 * 2
    np.testing.assert_allclose(wide[:, 1:-1], np.broadcast_to(expected, (8, 32))[:, 1:-1], atol=1e-5)
    edge = np.where(np.arange(16) < 7, 3.0, 20.0).astype(np.float32) * np.ones((8, 1), np.float32)
    assert set(np.unique(resize_disparity(edge, 11, 23))) == {
        np.float32(3 * 23 / 16),
        np.float32(20 * 23 / 16),
    }


def test_sparse_disparity_keeps_its_values_and_makes_up_none() -> None:
    sparse = np.full((8, 16), np.nan, np.float32)
    sparse[2, 3], sparse[5, 11] = 4.0, 0.0
    wide = resize_disparity(sparse, 16, 32)
    known = np.argwhere(np.isfinite(wide))
    assert sorted(map(tuple, known)) == [(y, x) for y in (4, 5) for x in (6, 7)] + [
        (y, x) for y in (10, 11) for x in (22, 23)
    ]
    assert set(wide[np.isfinite(wide)]) == {8.0, 0.0}


@pytest.mark.parametrize("wrong", [{"scale_low": 0.5}, {"flip": 1.5}, {"stretch": -0.1}])
def test_impossible_crops_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        CropConfig(**wrong)
