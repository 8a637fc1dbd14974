# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from dataset_trees import user_folder, write_pair, write_pfm
from small_runs import SMALL

from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import DatasetChoice, describe
from foundation_stereo_ros.train.feed.dataset_pairs import DecodedSteps, Shelf
from foundation_stereo_ros.train.feed.mixed import MixedFeed
from foundation_stereo_ros.train.feed.mixture import Mixture
from foundation_stereo_ros.train.place import Place

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
    assert "passed over pair3 of folder" in caplog.text
    for file in (root / "right").iterdir():
        file.write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="no image that OpenCV can read"):
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
    with pytest.raises(FileFormatError, match="is no folder"):
        _feed(_config(root / "missing"))
    with pytest.raises(ConfigError, match="one of middlebury"):
        DatasetChoice("scenes")


def test_limit_takes_the_first_pairs_and_settings_survive_plain_values(root: Path) -> None:
    data = [{"dataset": "folder", "root": str(root), "limit": 2, "share": 3.0}, {"dataset": "scenes"}]
    config = _config(root, data=data, validate_on={"dataset": "folder", "root": str(root)})
    assert [item.name for item in config.data[0].open("train")[1]] == ["pair0", "pair1"]
    assert TrainingConfig.from_dict(config.to_dict()) == config
    assert describe(config.data) == f"folder ({root.name}) and ray-cast scenes"
