# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.stereo import NetworkConfig


@pytest.mark.parametrize(
    ("preset", "size", "width"), [("large", "vitl", 128), ("base", "vitb", 64), ("small", "vits", 32)]
)
def test_presets_with_a_monocular_branch_differ_in_its_size_alone(preset, size, width):
    config = NetworkConfig.preset(preset)
    assert (config.monocular, config.monocular_width, config.bins) == (size, width, 104)
    assert config == NetworkConfig(monocular=size)


def test_tiny_needs_no_monocular_branch():
    assert NetworkConfig.preset("tiny").monocular_width == 0


def test_the_paper_s_attention_is_the_default():
    assert NetworkConfig.preset("large").disparity_attention == "disparity"
    assert NetworkConfig.preset("large", disparity_attention="heads").disparity_attention == "heads"


def test_overrides_reach_every_field():
    assert NetworkConfig.preset("small", max_disp=192, iterations=16).bins == 48


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_disp", 400),
        ("max_disp", 0),
        ("disparity_attention", "both"),
        ("monocular", "vitg"),
        ("context_strides", (2, 2, 2)),
        ("hidden_dim", 12),
        ("disparity_kernel", 16),
        ("volume_width", 30),
        ("gru_levels", 4),
        ("iterations", 0),
        ("iterations", True),
        ("max_disp", "many"),
        ("max_disp", 32.0),
        ("max_disp", 10**9),
        ("volume_width", 10**9),
        ("transformer_heads", 0),
        ("context_widths", (64, 96)),
        ("context_widths", (64, 96, 10**9)),
        ("context_widths", 64),
        ("context_strides", None),
        ("backbone_widths", (10**9,) * 4),
        ("backbone_depths", (1, 1)),
        ("backbone_depths", "text"),
        ("volume_skip", 1),
        ("backbone", "hf-hub:nobody/nothing"),
        ("backbone", "local-dir:/etc"),
        ("backbone", ["edgenext_small"]),
        ("monocular", []),
    ],
)
def test_a_bad_value_is_named_with_what_was_expected(field, value):
    with pytest.raises(ConfigError, match=rf"{field} is .*expected"):
        NetworkConfig.preset("small", **{field: value})


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match="preset is 'huge'"):
        NetworkConfig.preset("huge")
    with pytest.raises(ConfigError, match="unknown network setting 'max_disparity'"):
        NetworkConfig.preset("tiny", max_disparity=64)


def test_survives_json():
    config = NetworkConfig.preset("tiny", max_disp=64)
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
