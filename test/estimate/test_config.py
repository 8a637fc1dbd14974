# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import PipelineConfig, settings


def test_every_setting_documents_itself_and_accepts_its_default() -> None:
    for setting in settings():
        assert setting.description.endswith("."), setting.name
        assert setting.checked(setting.default) == setting.default
        if setting.type in (int, float):
            assert setting.min is not None and setting.max is not None and setting.min < setting.max
        if setting.choices:
            assert setting.default in setting.choices


def test_only_what_the_loaded_network_depends_on_is_fixed() -> None:
    fixed = {"checkpoint", "device", "precision", "compile", "onnx_input", "max_megapixels"}
    assert {s.name for s in settings() if not s.dynamic} == fixed


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("iterations", -1, ["iterations is -1", "from 0 to 128"]),
        ("iterations", 2.5, ["iterations is 2.5", "whole number"]),
        ("iterations", True, ["iterations is True"]),
        ("scale", 0.0, ["scale is 0.0", "from 0.1 to 2"]),
        ("scale", float("nan"), ["scale is nan"]),
        ("z_far", float("inf"), ["z_far is inf", " m"]),
        ("z_near", "0.1", ["z_near is '0.1'", "a number"]),
        ("confidence", 1, ["confidence is 1", "true or false"]),
        ("depth_encoding", "mono16", ["depth_encoding is 'mono16'", "32FC1, 16UC1"]),
        ("checkpoint", None, ["checkpoint is None", "a text"]),
    ],
)
def test_a_bad_value_is_refused_with_name_value_and_range(name: str, value: object, words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        PipelineConfig().replace(**{name: value})
    for word in words:
        assert word in str(refused.value)


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"z_near is 5.0; expected less than z_far, which is 2.0"):
        PipelineConfig(z_near=5.0, z_far=2.0)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'zfar'; expected one of .*z_far"):
        PipelineConfig.from_mapping({"zfar": 3.0})


def test_whole_and_numpy_numbers_become_the_fields_own_types() -> None:
    config = PipelineConfig.from_mapping({"scale": 1, "iterations": np.int64(4), "z_far": np.float32(2)})
    assert (type(config.scale), type(config.iterations), type(config.z_far)) == (float, int, float)
    assert (config.scale, config.iterations, config.z_far) == (1.0, 4, 2.0)


@given(data=st.data())
def test_any_values_in_range_are_kept(data: st.DataObject) -> None:
    values = {}
    for s in settings():
        if s.choices:
            values[s.name] = data.draw(st.sampled_from(s.choices))
        elif s.type is bool:
            values[s.name] = data.draw(st.booleans())
        elif s.type is int:
            values[s.name] = data.draw(st.integers(s.min, s.max))
        elif s.type is float:
            values[s.name] = data.draw(st.floats(s.min, s.max))
    if values["z_near"] >= values["z_far"]:
        values["z_near"], values["z_far"] = 0.5, 1.5
    config = PipelineConfig.from_mapping(values)
    assert {name: getattr(config, name) for name in values} == values
    assert dataclasses.replace(config) == config
