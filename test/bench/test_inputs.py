# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib

import pytest
import torch

from foundation_stereo_ros.bench.inputs import NetworkSource, randomize
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.weights.checkpoint import read_checkpoint
from foundation_stereo_ros.weights.shipped import shipped_checkpoint


def test_a_weights_file_is_known_by_its_digest() -> None:
    path = shipped_checkpoint("tiny")
    source = NetworkSource(checkpoint=path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.facts() == {"name": "tiny.safetensors", "preset": None, "weights_sha256": digest}
    assert source.load().config == read_checkpoint(path).config


def test_a_preset_has_the_same_random_weights_every_time() -> None:
    source = NetworkSource(preset="tiny")
    assert source.facts() == {"name": "tiny", "preset": "tiny", "weights_sha256": None}
    first, second = (source.load().state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with pytest.raises(ConfigError, match="network preset is 'huge'"):
        NetworkSource(preset="huge").load()


def test_no_branch_is_idle_and_nothing_is_left_over_from_before() -> None:
    network = FoundationStereo(NetworkConfig.preset("small"))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(float("nan"))
    randomize(network)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            assert tensor.isfinite().all(), name
            assert tensor.abs().max() > 1e-3, name


def test_another_seed_gives_other_weights() -> None:
    one, other = (FoundationStereo(NetworkConfig.preset("tiny")) for _ in range(2))
    randomize(one, seed=1)
    randomize(other, seed=2)
    assert not torch.equal(one.projection.weight, other.projection.weight)
