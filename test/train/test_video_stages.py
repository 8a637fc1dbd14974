# SPDX-License-Identifier: Apache-2.0
"""Stages of a run for posed video: what is frozen stays, borders survive a kill, and the recipes are read."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from small_runs import SMALL_VIDEO, small_video_network

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.train.config import read_settings
from foundation_stereo_ros.train.feed.clip_augmentation import ClipAugmentation
from foundation_stereo_ros.train.video_config import VideoTrainingConfig
from foundation_stereo_ros.train.video_stages import Stage, spans
from foundation_stereo_ros.train.video_trainer import VideoTrainer
from foundation_stereo_ros.weights.checkpoint import read_checkpoint

FUSIONNET = {**SMALL_VIDEO, "preset": "fusionnet", "network": small_video_network(), "views": 3}
STAGES = [
    {"steps": 2, "train": ["lstm_fusion", "decoder"]},
    {"steps": 2, "train": ["feature_pyramid", "encoder", "lstm_fusion", "decoder"], "learning_rate": 2e-4},
    {},
]


def trainer(folder: Path, steps: int, resume: bool = False, **values: Any) -> VideoTrainer:
    changes = {**FUSIONNET, "stages": STAGES, "steps": 6, **values}
    made = VideoTrainer(VideoTrainingConfig.from_dict(changes), folder, "cpu", resume=resume)
    inner = made._complete
    made._complete = lambda: inner() or made.progress.step >= steps  # type: ignore[method-assign]
    return made


def state(made: VideoTrainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in made.model.state_dict().items()}


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """Return the parts that have changed in a single bit, statistics of norms and counts included."""
    return {name.partition(".")[0] for name, value in before.items() if not torch.equal(value, after[name])}


def test_what_a_stage_freezes_does_not_move_in_a_single_bit(tmp_path: Path) -> None:
    made = trainer(tmp_path, 2)
    begin = state(made)
    made.run(show_progress=False)
    first = state(made)
    assert moved(begin, first) == {"lstm_fusion", "decoder"}
    made = trainer(tmp_path, 4, resume=True)
    made.run(show_progress=False)
    second = state(made)
    assert moved(first, second) == {"feature_pyramid", "encoder", "lstm_fusion", "decoder"}
    made = trainer(tmp_path, 6, resume=True)
    made.run(show_progress=False)
    assert "feature_extractor" in moved(second, state(made))
    averaged = made.averaged.state_dict()
    assert all(averaged[name].isfinite().all() for name in averaged)


def test_as_published_only_the_statistics_of_frozen_norms_drift(tmp_path: Path) -> None:
    made = trainer(tmp_path, 2, stages=[{"train": ["decoder"], "frozen_norms": "batch"}])
    begin = state(made)
    made.run(show_progress=False)
    after = state(made)
    frozen = {n for n in begin if not n.startswith("decoder.") and not torch.equal(begin[n], after[n])}
    assert frozen
    assert {name.rpartition(".")[2] for name in frozen} == {
        "running_mean",
        "running_var",
        "num_batches_tracked",
    }


def test_a_run_that_is_cut_at_and_around_borders_has_the_same_weights_to_the_last_bit(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", 6)
    whole.run(show_progress=False)
    for number, step in enumerate((1, 2, 3, 4, 6)):
        trainer(tmp_path / "parts", step, resume=number > 0).run(show_progress=False)
    one, other = (tmp_path / name / "weights.safetensors" for name in ("whole", "parts"))
    assert read_checkpoint(one).metadata == read_checkpoint(other).metadata
    for name, value in load_file(one).items():  # the header has its entries in any order
        assert torch.equal(value, load_file(other)[name]), name
    one, other = (tmp_path / name / "state.safetensors" for name in ("whole", "parts"))
    found, expected = load_file(other), load_file(one)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_each_stage_has_a_rate_of_its_own_and_a_fresh_optimiser(tmp_path: Path) -> None:
    made = trainer(tmp_path, 5)
    rates = [made._descent.rate(step, 0.0) for step in range(6)]
    assert rates == [1e-3, 1e-3, 2e-4, 2e-4, 1e-3, 1e-3]
    made.run(show_progress=False)
    counts = {float(values["step"]) for values in made._descent.optimizer.state.values()}
    assert counts == {1.0}  # the last stage has done one step


def test_the_state_of_the_last_stage_is_warped_by_predictions(tmp_path: Path) -> None:
    """By the truth otherwise: the two give other gradients."""
    found = []
    for warped_by in ("truth", "prediction"):
        made = trainer(tmp_path / warped_by, 1, stages=[{"train": ["lstm_fusion"], "warped_by": warped_by}])
        begin = state(made)
        made.run(show_progress=False)
        after = state(made)
        assert moved(begin, after) == {"lstm_fusion"}
        found.append(load_file(tmp_path / warped_by / "state.safetensors"))
    (key,) = [key for key in found[0] if key.startswith("adam.exp_avg.lstm_fusion.")]
    assert not torch.equal(found[0][key], found[1][key])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stages": [{"steps": 0}, {}]}, "steps of stage 1 is 0; expected 1 or more"),
        ({"stages": [{"steps": 6}, {}]}, "stages take 7 steps; expected at most 6, the run's steps"),
        ({"stages": [{"train": ["head"]}]}, "stage train has 'head'; expected some of feature_extractor"),
        ({"stages": [{"train": "decoder"}]}, "stage train is 'decoder'; expected a list of modules' names"),
        ({"stages": [{"rate": 1}]}, "unknown training setting stages.'rate'"),
        ({"stages": {"steps": 1}}, "training stages is .*; expected a list of mappings"),
        ({"minutes": 1.0}, "training minutes is 1.0; expected 0 beside stages"),
        ({"flip": 0.5}, "training flip is 0.5; expected 0 but for pairnet"),
    ],
)
def test_stages_that_cannot_be_are_refused(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        trainer(tmp_path, 1, **values)


def test_spans_follow_each_other_and_the_last_goes_to_the_end() -> None:
    found = spans([Stage(steps=3), Stage(steps=2), Stage(steps=1)], 10)
    assert [(span.begin, span.end) for span in found] == [(0, 3), (3, 5), (5, 10)]


@pytest.mark.parametrize("preset", ["pairnet", "fusionnet"])
def test_the_recipes_that_come_along_train(preset: str, root: Path, tmp_path: Path) -> None:
    """With the published losses, schedule and stages, on a network and pictures of another size."""
    values = read_settings(root / "config" / f"train_{preset}.yaml")
    published = VideoTrainingConfig.from_dict(values)
    assert published.preset == preset
    assert (published.learning_rate, published.weight_decay, published.clip) == (1e-4, 0.0, 0.0)
    assert {stage.schedule for stage in published.stages} == {"constant"}
    assert {stage.frozen_norms for stage in published.stages} == {"batch"}
    trained = [tuple(stage.train) for stage in published.stages]
    later = ("feature_pyramid", "encoder", "decoder")
    if preset == "pairnet":
        assert trained == [later, ()]
        assert (published.batch, published.views, published.flip) == (14, 2, 0.5)
    else:
        assert trained[:3] == [("lstm_fusion", "decoder"), (*later[:2], "lstm_fusion", "decoder"), ()]
        assert (trained[3], published.stages[3].warped_by) == (("lstm_fusion",), "prediction")
        assert (published.batch, published.views) == (4, 8)
    small = {
        **values,
        "network": small_video_network(),
        "height": 64,
        "width": 64,
        "batch": 1,
        "start_from": "",
    }
    small["stages"] = [{**stage, "steps": 1} for stage in values["stages"]]
    small |= {"steps": len(small["stages"]), "validation_clips": 1, "views": min(published.views, 3)}
    assert (
        VideoTrainer(VideoTrainingConfig.from_dict(small), tmp_path, "cpu").run(show_progress=False).finished
    )


def test_the_docs_tell_of_every_setting(root: Path) -> None:
    said = (root / "docs" / "training.md").read_text(encoding="utf-8")
    for kind in (VideoTrainingConfig, Stage, ClipAugmentation):
        for entry in fields(kind):
            assert f"`{entry.name}`" in said or entry.name == "system", entry.name
