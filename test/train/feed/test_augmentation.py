# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.train.feed.augmentation import AugmentationConfig, augment

NOTHING = {"brightness": 0.0, "contrast": 0.0, "saturation": (1.0, 1.0), "eraser": 0.0, "shift": 0.0}


def _pair(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(6, 3, 32, 64, generator=generator) * 200, torch.rand(
        6, 3, 32, 64, generator=generator
    ) * 200


def test_nothing_changes_when_nothing_is_asked_for() -> None:
    left, right = _pair()
    for before, after in zip(
        (left, right), augment(left, right, AugmentationConfig(**NOTHING), 1), strict=True
    ):
        torch.testing.assert_close(after, before)


def test_the_seed_decides() -> None:
    left, right = _pair()
    one, again, other = (augment(left, right, AugmentationConfig(), seed) for seed in (1, 1, 2))
    assert torch.equal(one[1], again[1])
    assert not torch.equal(one[1], other[1])
    assert float(one[1].min()) >= 0.0
    assert float(one[1].max()) <= 255.0


def test_views_change_alike_unless_told_otherwise() -> None:
    left, _ = _pair()
    quiet = {**NOTHING, "brightness": 0.4}
    same = augment(left, left, AugmentationConfig(**quiet, unlike=0.0), 3)
    torch.testing.assert_close(same[0], same[1])
    unlike = augment(left, left, AugmentationConfig(**quiet, unlike=1.0), 3)
    assert float((unlike[0] - unlike[1]).abs().mean()) > 5.0


def test_eraser_fills_rectangles_of_the_right_view_with_its_mean() -> None:
    left, right = _pair()
    after = augment(left, right, AugmentationConfig(**{**NOTHING, "eraser": 1.0}), 5)
    torch.testing.assert_close(after[0], left)
    changed = ((after[1] - right).abs() > 1e-3).any(1)
    assert bool(changed.any())
    mean = right.mean(dim=(2, 3), keepdim=True).expand_as(right)
    inside = changed[:, None].expand_as(right)
    torch.testing.assert_close(after[1][inside], mean[inside])


def test_shift_moves_the_right_view_by_less_than_told() -> None:
    ramp = torch.arange(32.0)[:, None].expand(6, 3, 32, 64).contiguous() * 5
    config = AugmentationConfig(**{**NOTHING, "shift": 0.8, "shift_chance": 1.0})
    moved = (augment(ramp, ramp, config, 9)[1] - ramp)[:, 0, 4:28] / 5
    assert float(moved.abs().max()) <= 0.8001
    assert float(moved.std(dim=(1, 2)).max()) < 1e-4
    assert float(moved.mean(dim=(1, 2)).std()) > 0.1


@pytest.mark.parametrize(
    "wrong", [{"shift": -1.0}, {"unlike": 2.0}, {"eraser": -0.1}, {"saturation": (2.0, 1.0)}]
)
def test_impossible_chances_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        AugmentationConfig(**wrong)
