# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import functools

import pytest
import torch
import torch.nn.functional as F

from foundation_stereo_ros.nets.parts.lean.refinement import Refined
from foundation_stereo_ros.nets.stereo import LeanOutput
from foundation_stereo_ros.nets.stereo.lean.matching import RowMatcher
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.lean_loss import damped, lean_loss, truth_of_pair

HEIGHT, WIDTH, BINS = 32, 64, 16


Weights = functools.partial(TrainingConfig, hidden=0.5, edges=2.0)
_PLAIN = Weights()


def truth() -> torch.Tensor:
    """A wall at 4 pixels, and before it a square at 8."""
    disparity = torch.full((1, 1, HEIGHT, WIDTH), 4.0)
    disparity[..., 8:24, 24:48] = 8.0
    return disparity


def perfect(disparity: torch.Tensor) -> LeanOutput:
    half, quarter = disparity[..., ::2, ::2] / 2, disparity[..., ::4, ::4] / 4
    offered = torch.cat([half, half + 3], dim=1)
    preferences = torch.cat([torch.full_like(half, 20.0), torch.zeros_like(half)], dim=1)
    bins = torch.arange(BINS).expand(1, HEIGHT // 4, WIDTH // 4, BINS)
    hit = (bins == quarter[0, 0].unsqueeze(-1)).float()
    refined = Refined(offered, preferences, half, half, torch.zeros_like(half), matcher_of(half))
    return LeanOutput(quarter, refined, [disparity], 30 * hit, 2 * hit - 1)


def matcher_of(half: torch.Tensor) -> RowMatcher:
    """Descriptors that agree at a disparity of half pixels, and nowhere else."""
    generator = torch.Generator().manual_seed(0)
    right = F.normalize(torch.randn(1, 64, HEIGHT // 2, WIDTH // 2, generator=generator), dim=1)
    column = torch.arange(WIDTH // 2) - half[0, 0].long()
    place = column.clamp(min=0).view(1, 1, *half.shape[-2:]).expand(1, 64, -1, -1)
    return RowMatcher(right.gather(-1, place), right)


def loss(output: LeanOutput, weights: TrainingConfig = _PLAIN, valid: torch.Tensor | None = None) -> float:
    disparity = truth()
    known = torch.ones_like(disparity, dtype=torch.bool) if valid is None else valid
    return float(lean_loss(output, truth_of_pair(disparity, known, 64.0, weights), weights))


def test_the_truth_has_no_loss() -> None:
    assert loss(perfect(truth()), Weights(matching=1.0)) < 1e-4
    assert loss(perfect(truth()), Weights(matching=1.0, correlation=1.0)) < 1e-2  # descriptors are random


@pytest.mark.parametrize("part", ["initial", "preferences", "chosen", "sharpened", "refined"])
def test_every_error_counts(part: str) -> None:
    output = perfect(truth())
    if part == "refined":
        worse = output._replace(refined=[output.refined[0] + 1.0])
    elif part == "initial":
        worse = output._replace(initial=output.initial + 1.0)
    elif part == "preferences":
        worse = output._replace(half=output.half._replace(preferences=output.half.preferences.flip(1)))
    else:
        wrong = getattr(output.half, part) + 1.0
        worse = output._replace(half=output.half._replace(**{part: wrong}))
    assert loss(worse) > 0.1


@pytest.mark.parametrize(("name", "part"), [("matching", "logits"), ("correlation", "correlation")])
def test_scores_of_the_wrong_disparity_count_with_their_weight(name: str, part: str) -> None:
    output = perfect(truth())
    worse = output._replace(**{part: getattr(output, part).roll(3, dims=-1)})
    assert loss(worse) == pytest.approx(loss(output))
    once, twice = (loss(worse, Weights(**{name: weight})) for weight in (1.0, 2.0))
    assert once > 1.0
    assert twice == pytest.approx(2 * once, rel=1e-3)


def test_fine_descriptors_that_agree_elsewhere_count() -> None:
    output = perfect(truth())
    elsewhere = matcher_of(truth()[..., ::2, ::2] / 2 + 2)
    worse = output._replace(half=output.half._replace(matcher=elsewhere))
    assert loss(worse, Weights(correlation=1.0)) > loss(output, Weights(correlation=1.0)) + 1.0
    assert loss(worse) == pytest.approx(loss(output))


def test_hidden_pixels_count_less_and_edges_more() -> None:
    known = torch.ones_like(truth(), dtype=torch.bool)
    found = truth_of_pair(truth(), known, 64.0, Weights(hidden=0.5, edges=3.0))
    weight = found.weight[0, 0]
    assert weight[16, 60] == 1.0  # the wall
    assert weight[16, 46] == 3.0  # the square, near its border
    assert weight[16, 36] == 1.0  # the square's middle
    assert weight[16, 1] == 0.5  # outside the right view
    assert weight[16, 22] == 1.5  # hidden by the square, near its edge
    assert not found.seen[0, 0, 16, 22]


def test_what_is_not_known_does_not_count() -> None:
    valid = torch.ones_like(truth(), dtype=torch.bool)
    valid[..., 40:] = False
    output = perfect(truth())
    wrong = output.refined[0].clone()
    wrong[..., 40:] = 50.0
    assert loss(output._replace(refined=[wrong]), valid=valid) < 1e-4
    assert loss(output, valid=torch.zeros_like(valid)) == 0.0


def test_large_errors_are_damped() -> None:
    errors = damped(torch.tensor([0.0, 0.5, 1.5, 50.0]))
    assert errors[0] == 0
    assert errors[1] == pytest.approx(0.125, rel=0.02)
    assert errors[3] < 20
    assert (errors.diff() > 0).all()


def test_scores_with_truth_beyond_the_last_bin_are_left_out() -> None:
    output = perfect(truth())
    far = torch.full((1, 1, HEIGHT, WIDTH), 62.0)  # bin 15.5
    known = torch.ones_like(far, dtype=torch.bool)
    weights = Weights(matching=1.0)
    wanted = truth_of_pair(far, known, 64.0, weights)
    found = lean_loss(perfect(far)._replace(logits=output.logits), wanted, weights)
    assert float(found) < 1e-4
