# SPDX-License-Identifier: Apache-2.0
"""What lenses, sensors and compression do to pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from foundation_stereo_ros.scenes.raycast import effects
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.scenes.raycast.effects import jpeg
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, plan
from foundation_stereo_ros.scenes.raycast.sensor import SensorBatch, expose


def _picture(height: int = 48, width: int = 64) -> torch.Tensor:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    rng = np.random.default_rng(4)
    waves = [
        np.sin(x * a + y * b) for a, b in rng.uniform(-0.5, 0.5, (3, 2))
    ]  # colours that chroma's halving hardly hurts
    noise = 12.0 * rng.standard_normal((1, height, width))
    picture = 128.0 + 60.0 * np.stack(waves) + noise
    return torch.from_numpy(picture.clip(0, 255).round().astype(np.float32))[None]


@pytest.mark.parametrize("quality", [20, 50, 80, 95])
@pytest.mark.parametrize("size", [(48, 64), (40, 56)])
def test_jpeg_takes_what_the_codec_takes(quality: int, size: tuple[int, int]) -> None:
    picture = _picture(*size)
    ours = jpeg(picture, torch.tensor([float(quality)]))[0]
    bgr = picture[0].permute(1, 2, 0).numpy().astype(np.uint8)[..., ::-1]
    factor = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(bgr), options)
    theirs = torch.from_numpy(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].copy()).permute(2, 0, 1).float()
    lost = float((theirs - picture[0]).abs().mean())
    assert lost > 0.8
    assert float((ours - theirs).abs().mean()) < 0.25 * lost + 0.2


def test_jpeg_of_a_batch_has_a_quality_each() -> None:
    both = jpeg(_picture().repeat(2, 1, 1, 1), torch.tensor([10.0, 98.0]))
    loss = (both - _picture()).abs().mean(dim=(1, 2, 3))
    assert float(loss[0]) > 3.0 * float(loss[1])


def test_defocus_leaves_what_is_in_focus_and_blurs_by_its_sigma() -> None:
    point = torch.zeros(1, 3, 33, 65)
    point[..., 16, 16] = point[..., 16, 48] = 1.0
    sigma = torch.zeros(1, 1, 33, 65)
    sigma[..., 32:] = 1.4
    blurred = effects.defocus(point, sigma)[0, 0]
    torch.testing.assert_close(blurred[:, :28], point[0, 0, :, :28])
    offset = torch.arange(65.0) - 48
    spread = float((blurred.sum(0)[34:] * offset[34:] ** 2).sum() / blurred.sum(0)[34:].sum())
    assert abs(spread**0.5 - 1.4) < 0.05


def test_shaken_points_are_lines_around_where_they_were() -> None:
    point = torch.zeros(1, 1, 31, 31)
    point[..., 15, 15] = 1.0
    line = effects.shake(point, torch.tensor([[6.0, 0.0]]))[0, 0]
    assert float(line.sum()) == pytest.approx(1.0, abs=1e-4)
    assert line.nonzero()[:, 0].unique().tolist() == [15]
    columns = torch.arange(31.0)
    assert float((line.sum(0) * columns).sum()) == pytest.approx(15.0, abs=1e-3)
    assert 5 <= int((line[15] > 0.02).sum()) <= 8


def test_misaligned_rows_move_as_told_and_columns_stay() -> None:
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(60.0), indexing="ij")
    picture = torch.stack([y, x, y])[None]
    moved = effects.misalign(picture, torch.tensor([[0.25, 0.5, -0.125]]))[0]
    side, down = torch.linspace(-1, 1, 60), torch.linspace(-1, 1, 40)[:, None]
    expected = y + 0.25 + 0.5 * side - 0.125 * down
    torch.testing.assert_close(moved[0, 4:-4], expected[4:-4], atol=0.06, rtol=0)
    torch.testing.assert_close(moved[1], x, atol=1e-3, rtol=0)


def test_exposure_keeps_highlights_from_burning_out() -> None:
    light = torch.full((1, 3, 32, 32), 0.05)
    light[..., :4, :] = 4.0

    def plain(mean: float, bright: float) -> SensorBatch:
        numbers = torch.tensor([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]).repeat(1, 2, 1)
        return SensorBatch.plain(numbers, torch.zeros(1, 2), torch.tensor([[mean, bright]]), (1,))

    left, right = expose(light, light, plain(0.5, 0.9))
    assert torch.equal(left, right)
    assert abs(float(left.max()) - 0.9 * 255) < 1.0
    assert float(expose(light, light, plain(0.5, 50.0))[0].max()) == 255.0


@pytest.mark.parametrize(
    ("chance", "members"),
    [
        ("defocus_chance", "defocused"),
        ("motion_chance", "moved"),
        ("misalignment_chance", "misaligned"),
        ("jpeg_chance", "compressed"),
    ],
)
def test_chances_decide_which_pairs_have_a_flaw(chance: str, members: str) -> None:
    seeds = list(range(60))
    never = plan(SceneConfig(**{chance: 0.0}), seeds, 32, 64).sensors
    some = plan(SceneConfig(**{chance: 0.4}), seeds, 32, 64).sensors
    always = plan(SceneConfig(**{chance: 1.0}), seeds, 32, 64).sensors
    assert getattr(never, members) == ()
    assert 12 < len(getattr(some, members)) < 36
    assert getattr(always, members) == tuple(seeds)
    assert torch.equal(never.numbers, always.numbers)
    assert getattr(plan(SceneConfig(**{chance: 1.0}, flaws=0.0), seeds, 32, 64).sensors, members) == ()


@pytest.mark.parametrize("chance", ["defocus_chance", "motion_chance", "misalignment_chance", "jpeg_chance"])
def test_flaws_change_pictures_alone(chance: str) -> None:
    quiet = SceneConfig().without()
    without = SceneGenerator(quiet).generate(9, 3, 64, 96, occlusion=False)
    flawed = SceneGenerator(SceneConfig(**{**_zero(quiet), chance: 1.0})).generate(
        9, 3, 64, 96, occlusion=False
    )
    assert torch.equal(flawed.disparity, without.disparity)
    assert float((flawed.right - without.right).abs().mean()) > 0.1
    left = float((flawed.left - without.left).abs().mean())
    assert (left == 0.0) == (chance == "misalignment_chance")


def _zero(config: SceneConfig) -> dict[str, float]:
    return {name: value for name, value in vars(config).items() if name.endswith("_chance")}


def test_projected_dots_come_with_grey_pictures() -> None:
    batch = SceneGenerator(SceneConfig(dots_chance=1.0, flaws=0.0)).generate(3, 2, 32, 64, occlusion=False)
    for picture in (batch.left, batch.right):
        torch.testing.assert_close(picture[:, 0], picture[:, 1])
        torch.testing.assert_close(picture[:, 0], picture[:, 2])


def test_darkness_is_noisy() -> None:
    noise = [plan(SceneConfig(dark_chance=chance), range(8), 32, 64).sensors.noise for chance in (0.0, 1.0)]
    assert float(noise[1].min()) >= 0.01
    assert float(noise[1].mean()) > 1.5 * float(noise[0].mean())
