# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.seeds import VALIDATION, training_seeds
from foundation_stereo_ros.train.curation.keep_list import Recipe, read_keep_list
from foundation_stereo_ros.train.curation.run import curate, seed_order
from foundation_stereo_ros.train.curation.scoring import Scorer, checkpoint_digest
from foundation_stereo_ros.weights import save_checkpoint

SCENES = SceneConfig(clutter=0.1, flaws=0.0)
COUNT = 5


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_checkpoint(path, FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)), {})
    return path


@pytest.fixture(scope="module")
def recipe(weights: Path) -> Recipe:
    """One whose threshold, the middle of the first scores, drops some scenes and keeps some."""
    open_to_all = Recipe(SCENES, 32, 64, "run 4", checkpoint_digest(weights), 1, 100.0)
    scorer = Scorer(weights, open_to_all, "cpu")
    found = [scorer.score(seed).bp2 for seed in seed_order("run 4", 0, COUNT)]
    return dataclasses.replace(open_to_all, threshold=float(np.median([bp2 for bp2 in found if bp2])))


@pytest.fixture(scope="module")
def complete(weights: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The list of the first scenes, made in one go."""
    path = tmp_path_factory.mktemp("complete") / "keep.jsonl"
    outcome = curate(path, weights, recipe, COUNT, show_progress=False)
    assert outcome.complete and not outcome.interrupted
    assert read_keep_list(path).scores == tuple(outcome.scores)
    return path.read_bytes()


def test_a_score_counts_the_valid_pixels_that_are_off(weights: Path, recipe: Recipe) -> None:
    scorer = Scorer(weights, recipe, "cpu")
    for seed in (1, 2):
        score = scorer.score(seed)
        batch, estimate = scorer.look(seed)
        valid = batch.valid.numpy()
        error = np.abs(estimate.numpy() - batch.disparity.numpy())[valid]
        assert (batch.disparity.numpy()[valid] < 64).all()
        assert score.bp2 == pytest.approx(100 * np.mean(error > 2), abs=1e-3)
        assert score.epe == pytest.approx(np.mean(error), abs=1e-3)
        assert score.kept == (score.bp2 <= recipe.threshold)


def test_a_scene_without_a_valid_pixel_is_dropped(tmp_path: Path) -> None:
    torch.manual_seed(3)
    path = tmp_path / "short.safetensors"
    save_checkpoint(path, FoundationStereo(NetworkConfig.preset("tiny", max_disp=32)), {})
    near = SceneConfig(
        room=0.0, outdoor=0.0, flying=0.0, tabletop=0.0, street=0.0, thicket=0.0, stack=0.0, clutter=0.0,
        disparity_low=50.0, disparity_high=50.0, flaws=0.0,
    )  # fmt: skip
    score = Scorer(path, Recipe(near, 32, 64, "from 0", "", 1, 100.0), "cpu").score(0)
    assert (score.bp2, score.epe, score.kept, score.composition) == (None, None, False, "corner")


def test_the_list_has_both_kinds_in_the_order_of_the_seeds(
    weights: Path, recipe: Recipe, complete: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "keep.jsonl"
    path.write_bytes(complete)
    found = read_keep_list(path)
    assert found.recipe == recipe
    assert [score.seed for score in found.scores] == [training_seeds(4, n, 1)[0] for n in range(COUNT)]
    assert {score.kept for score in found.scores} == {True, False}


def test_a_list_that_broke_off_goes_on(
    weights: Path, recipe: Recipe, complete: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "keep.jsonl"
    path.write_bytes(complete[:-20])
    assert curate(path, weights, recipe, COUNT, show_progress=False).complete
    assert path.read_bytes() == complete


def test_processes_write_the_same_list(
    weights: Path, recipe: Recipe, complete: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "keep.jsonl"
    curate(path, weights, recipe, COUNT, workers=2, show_progress=False)
    assert path.read_bytes() == complete


def test_regenerating_goes_on_until_so_many_are_kept(
    weights: Path, recipe: Recipe, complete: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "keep.jsonl"
    path.write_bytes(complete)
    kept = sum(score.kept for score in read_keep_list(path).scores)
    outcome = curate(path, weights, recipe, kept, regenerate=True, show_progress=False)
    assert outcome.complete
    assert path.read_bytes() == complete  # as many as wanted were there
    outcome = curate(path, weights, recipe, kept + 1, regenerate=True, show_progress=False)
    assert outcome.complete
    assert sum(score.kept for score in outcome.scores) == kept + 1
    assert outcome.scores[-1].kept
    assert [s.seed for s in outcome.scores] == list(seed_order("run 4", 0, len(outcome.scores)))
    assert path.read_bytes().startswith(complete)


def test_regenerating_gives_an_unable_network_up(weights: Path, recipe: Recipe, tmp_path: Path) -> None:
    strict = dataclasses.replace(recipe, threshold=-1.0)
    outcome = curate(tmp_path / "keep.jsonl", weights, strict, 1, regenerate=True, show_progress=False)
    assert not outcome.complete
    assert len(outcome.scores) == 10


def test_seeds_that_are_held_back_are_never_scored(weights: Path, recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "keep.jsonl"
    last = dataclasses.replace(recipe, seeds=f"from {VALIDATION - 2}")
    with pytest.raises(ConfigError, match=f"seed {VALIDATION}, which is for validation"):
        curate(path, weights, last, 3, show_progress=False)
    assert not path.exists()
    assert list(seed_order(last.seeds, 0, 2)) == [VALIDATION - 2, VALIDATION - 1]


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'up 3'; expected 'run S' or 'from F'"):
        list(seed_order("up 3", 0, 1))
