# SPDX-License-Identifier: Apache-2.0
"""A network made ready for inference computes what it computed before."""

import copy

import pytest
import torch
from torch import nn

from foundation_stereo_ros.nets.parts.minimal_filtering import TiledConv2d
from foundation_stereo_ros.nets.stereo import (
    FoundationStereo,
    NetworkConfig,
    for_inference,
    lay_channels_last,
)


def with_seen_statistics(model: FoundationStereo) -> FoundationStereo:
    """Give every norm a mean, a variance, a scale and a shift of its own."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    return model.eval()


@pytest.mark.parametrize("changes", [{}, {"stem_blocks": 1, "gru_levels": 3}])
@torch.inference_mode()
def test_nothing_changes_but_rounding(changes) -> None:
    torch.manual_seed(0)
    model = with_seen_statistics(FoundationStereo(NetworkConfig.preset("tiny", **changes)).double())
    left, right = 255 * torch.rand(2, 1, 3, 64, 96, dtype=torch.float64)
    ready = for_inference(copy.deepcopy(model))
    torch.testing.assert_close(ready(left, right, 2), model(left, right, 2), atol=1e-8, rtol=1e-8)
    assert not [m for m in ready.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]


def test_two_dimensional_weights_lie_channels_last() -> None:
    model = for_inference(FoundationStereo(NetworkConfig.preset("tiny")))
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d) and min(m.weight.shape) > 1]
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)


def test_for_training_those_beside_instance_norms_stay_channels_first() -> None:
    model = FoundationStereo(NetworkConfig.preset("tiny"))
    lay_channels_last(model)
    for part, expected in ((model.context, True), (model.update_block, True), (model.features, False)):
        weights = [m.weight for m in part.modules() if isinstance(m, nn.Conv2d) and min(m.weight.shape) > 1]
        assert all(w.is_contiguous(memory_format=torch.channels_last) == expected for w in weights)


@torch.inference_mode()
def test_prepared_it_compiles_into_one_graph_that_computes_the_same() -> None:
    torch.manual_seed(0)
    model = FoundationStereo(NetworkConfig.preset("tiny", max_disp=64, hidden_dim=96, gru_levels=2)).eval()
    ready = for_inference(model)
    assert [m for m in ready.update_block.modules() if isinstance(m, TiledConv2d)]
    left, right = 255 * torch.rand(2, 1, 3, 64, 64)
    compiled = torch.compile(ready, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(left, right, 2), ready(left, right, 2), atol=1e-3, rtol=1e-4)
