# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from seeded_network import official_shapes, seeded

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.weights.official import load_official, official_name


@pytest.fixture(scope="module")
def model():
    return FoundationStereo(NetworkConfig.preset("small"))


@pytest.fixture(scope="module")
def weights(model):
    return {name: seeded(name, shape, False) for name, shape in official_shapes(model).items()}


def test_inventory_is_that_of_the_released_checkpoint(weights):
    """Entries and numbers of 11-33-40, as its file has them."""
    assert len(weights) == 1192
    assert sum(w.size for w in weights.values()) == 62_352_104
    inventory = {
        "cnet": 281,
        "update_block": 80,
        "cost_agg": 285,
        "classifier": 20,
        "corr_stem": 32,
        "cam": 2,
    }
    for prefix, entries in inventory.items():
        assert sum(name.startswith(prefix + ".") for name in weights) == entries, prefix


@pytest.mark.parametrize(
    ("own", "official"),
    [
        (
            "features.monocular.vit.blocks.3.attn.qkv.bias",
            "feature.dino.depth_anything.pretrained.blocks.3.attn.qkv.bias",
        ),
        ("hourglass.up16.planar.1.3.weight", "cost_agg.agg_0.2.conv2.0.weight"),
        ("context.downs.1.0.shortcut.1.running_var", "cnet.layer5.0.downsample.1.running_var"),
        ("update_block.grus.2.large.candidate.weight", "update_block.gru16.large_gru.convq.weight"),
        ("upsampling.join.0.weight", "spx_2_gru.conv2.conv.weight"),
    ],
)
def test_names(own, official):
    assert official_name(own) == official


def test_loads_arrays_and_tensors(model, weights):
    mixed = {name: torch.from_numpy(w) if i % 2 else w for i, (name, w) in enumerate(weights.items())}
    load_official(model, mixed)
    np.testing.assert_array_equal(model.projection.bias.detach().numpy(), weights["proj_cmb.bias"])
    np.testing.assert_array_equal(
        model.context.stages[1][0].shortcut[1].weight.detach().numpy(),
        weights["cnet.layer2.0.downsample.1.weight"],
    )


@pytest.mark.parametrize("name", ["proj_cmb.bias", "context_zqr_convs.1.weight", "cnet.norm.running_mean"])
def test_a_missing_entry_is_named_also_one_that_is_never_read(model, weights, name):
    with pytest.raises(CheckpointError, match=f"1 missing: {name}"):
        load_official(model, {n: w for n, w in weights.items() if n != name})


def test_an_unexpected_and_a_misshapen_entry_are_named(model, weights):
    wrong = {**weights, "head.weight": np.zeros(3), "proj_cmb.bias": np.zeros(7, np.float32)}
    with pytest.raises(
        CheckpointError,
        match=r"1 unexpected: head.weight; 1 misshapen: proj_cmb.bias is \[7\], expected \[12\]",
    ):
        load_official(model, wrong)


def test_the_other_size_is_refused_with_its_first_differences(model):
    with pytest.raises(CheckpointError, match="misshapen"):
        base = FoundationStereo(NetworkConfig.preset("base"))
        load_official(model, {n: np.zeros(s, np.float32) for n, s in official_shapes(base).items()})


def test_a_network_without_monocular_branch_takes_no_official_weights(weights):
    with pytest.raises(CheckpointError, match="monocular"):
        load_official(FoundationStereo(NetworkConfig.preset("tiny")), weights)
