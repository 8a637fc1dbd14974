# SPDX-License-Identifier: Apache-2.0
"""What holds for the network whatever its weights are."""

from __future__ import annotations

import pytest
import torch
from seeded_views import seeded_views_network
from torch import Tensor

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.nets.views import Mast3r, ViewPrediction, ViewsConfig
from foundation_stereo_ros.nets.views.rotary import Rotation

LANDSCAPE, PORTRAIT = (48, 64), (80, 32)


def _image(size: tuple[int, int], seed: int, number: int = 1) -> Tensor:
    return torch.rand((number, 3, *size), generator=torch.Generator().manual_seed(seed)) * 255


def _same(found: ViewPrediction, expected: ViewPrediction) -> None:
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_a_view_is_encoded_once_for_all_its_pairs() -> None:
    model, sizes = seeded_views_network(), (LANDSCAPE, PORTRAIT, LANDSCAPE)
    images = [_image(size, seed) for seed, size in enumerate(sizes)]
    tokens = [model.encode(image) for image in images]
    for i, j in ((0, 1), (1, 2), (0, 2)):
        found = (
            *model.decode(tokens[i], sizes[i], tokens[j], sizes[j]),
            *model.decode(tokens[j], sizes[j], tokens[i], sizes[i]),
        )
        for one, two in zip(found, model(images[i], images[j]), strict=True):
            _same(one, two)


@torch.inference_mode()
def test_portrait_beside_landscape() -> None:
    found = seeded_views_network()(_image(LANDSCAPE, 0), _image(PORTRAIT, 1))
    assert [tuple(view.points.shape) for view in found] == [
        (1, *size, 3) for size in (LANDSCAPE, PORTRAIT, PORTRAIT, LANDSCAPE)
    ]
    assert all(bool(tensor.isfinite().all()) for view in found for tensor in view)


@torch.inference_mode()
def test_pairs_go_through_in_batches() -> None:
    model = seeded_views_network()
    one, two = _image(LANDSCAPE, 0, 3), _image(PORTRAIT, 1, 3)
    together = model(one, two)
    for k in range(3):
        for found, expected in zip(model(one[k : k + 1], two[k : k + 1]), together, strict=True):
            _same(found, ViewPrediction(*(tensor[k : k + 1] for tensor in expected)))


@torch.inference_mode()
def test_descriptors_have_length_one_and_confidences_their_least_value() -> None:
    for view in seeded_views_network()(_image(LANDSCAPE, 0), _image(LANDSCAPE, 1)):
        torch.testing.assert_close(view.descriptors.norm(dim=-1), torch.ones(1, *LANDSCAPE))
        assert view.confidence.min() >= 1
        assert view.descriptor_confidence.min() >= 0


@torch.inference_mode()
def test_heads_compute_in_full_precision_inside_autocast() -> None:
    model = seeded_views_network()
    exact = model(_image(LANDSCAPE, 0), _image(LANDSCAPE, 1)).view11
    seen: list[torch.dtype] = []
    hook = model.head1.dpt.output.register_forward_hook(lambda m, i, out: seen.append(out.dtype))
    try:
        with torch.autocast("cpu", torch.bfloat16):
            found = model(_image(LANDSCAPE, 0), _image(LANDSCAPE, 1)).view11
    finally:
        hook.remove()
    assert set(seen) == {torch.float32}
    assert all(tensor.dtype == torch.float32 for tensor in found)
    apart = (found.points - exact.points).norm(dim=-1) / exact.points.norm(dim=-1)
    assert 0 < apart.median() < 0.1  # tokens went through bfloat16


def test_gradients_reach_every_weight() -> None:
    config = ViewsConfig(16, 1, 2, 16, 4, 2, (4, 8, 8, 8), 8, 6)
    model = Mast3r(config)
    tokens = [model.encode(_image(LANDSCAPE, seed)) for seed in range(2)]
    sum(
        tensor.sum() for view in model.decode(tokens[0], LANDSCAPE, tokens[1], LANDSCAPE) for tensor in view
    ).backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize(
    "shape", [(1, 3, 48, 60), (1, 3, 50, 64), (1, 1, 48, 64), (3, 48, 64), (1, 3, 0, 64)]
)
def test_images_of_other_sizes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="multiples of 16"):
        seeded_views_network().encode(torch.zeros(shape))


@pytest.mark.parametrize(
    "values",
    [
        {"encoder_width": 1000},
        {"decoder_heads": 7},
        {"decoder_depth": 3},
        {"features": 255},
        {"stage_widths": (1, 2, 3)},
        {"descriptor_width": 0},
    ],
)
def test_sizes_that_do_not_fit_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"network {next(iter(values)).split('_')[0]}.* expected"):
        ViewsConfig.from_dict(values)


def test_a_configuration_comes_back_from_plain_values() -> None:
    config = ViewsConfig(stage_widths=(8, 16, 24, 32), decoder_width=512, decoder_heads=8)
    values = {**config.to_dict(), "stage_widths": [8, 16, 24, 32]}
    assert ViewsConfig.from_dict(values) == config


def test_queries_are_turned_by_row_and_column() -> None:
    rows, columns, channels = 3, 5, 16
    x = torch.randn(1, rows * columns, 2, channels, dtype=torch.float64)
    found = Rotation.of_grid(rows, columns, channels, x.device).turn(x)
    for row in range(rows):
        for column in range(columns):
            for head in range(2):
                token = x[0, row * columns + column, head]
                for half, place in enumerate((row, column)):
                    a, b = token[8 * half : 8 * half + 4], token[8 * half + 4 : 8 * half + 8]
                    angle = place * 100.0 ** (-torch.arange(4, dtype=torch.float64) / 4)
                    turned = torch.complex(a, b) * torch.exp(1j * angle)
                    own = found[0, row * columns + column, head, 8 * half : 8 * half + 8]
                    torch.testing.assert_close(own, torch.cat((turned.real, turned.imag)), rtol=0, atol=1e-5)
