# SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from foundation_stereo_ros.nets.stereo.foundation.disparity_transformer import (
    DisparityTransformer,
    sinusoidal_table,
)


def test_table_of_positions():
    table = sinusoidal_table(26, 28)
    assert table.shape == (26, 28)
    assert table[0].tolist() == [0.0, 1.0] * 14
    assert table[3, 5] == pytest.approx(math.cos(3 * math.exp(-4 * math.log(10000) / 28)))


def changed_disparities(over):
    torch.manual_seed(0)
    transformer = DisparityTransformer(28, 4, 2, 26, over).eval()
    volume = torch.randn(1, 28, 1, 1, 26)
    other = volume.clone()
    other[..., 7] += 1
    with torch.inference_mode():
        change = (transformer(volume) - transformer(other)).abs().amax(1).flatten()
    return (change > 1e-7).nonzero().flatten().tolist()


def test_attention_over_disparity_tells_every_disparity_of_a_change():
    assert changed_disparities("disparity") == list(range(26))


def test_attention_over_heads_keeps_a_change_to_its_disparity():
    assert changed_disparities("heads") == [7]


def test_pixels_do_not_see_one_another():
    torch.manual_seed(0)
    transformer = DisparityTransformer(8, 4, 1, 8, "disparity").eval()
    volume = torch.randn(2, 8, 2, 3, 8)
    with torch.inference_mode():
        alone = transformer(volume[1:, :, 1:, 2:])
        torch.testing.assert_close(transformer(volume)[1:, :, 1:, 2:], alone)
