# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import PipelineConfig, settings
from foundation_stereo_ros.estimate.setting import settings_of
from foundation_stereo_ros.ros.live.config import StereoLiveConfig
from foundation_stereo_ros.ros.live.parameters import STEREO, Configs

pytestmark = pytest.mark.ros


@pytest.fixture
def started(make_node):
    """Make a node with parameters, from words of a command line."""
    from foundation_stereo_ros.ros.node.parameters import NodeParameters

    def start(*values: str):
        node = make_node(*(word for value in values for word in ("-p", value)))
        return node, NodeParameters(node, STEREO)

    return start


def change(node, **values):
    from rclpy.parameter import Parameter

    return node.set_parameters_atomically(
        [Parameter(n.replace("__", "."), value=v) for n, v in values.items()]
    )


def test_every_setting_is_a_parameter(started) -> None:
    node, parameters = started()
    assert parameters.configs == Configs(PipelineConfig(), StereoLiveConfig())
    for setting in (*settings(), *settings_of(StereoLiveConfig)):
        described = node.describe_parameter(setting.parameter)
        value = node.get_parameter(setting.parameter).value
        assert value == setting.default and type(value) is setting.type
        assert described.description.startswith(setting.description)
        assert described.read_only is not setting.dynamic
        ranges = [*described.floating_point_range, *described.integer_range]
        limits = [] if setting.min is None else [(setting.min, setting.max)]
        assert [(r.from_value, r.to_value) for r in ranges] == limits
        assert all(choice in described.additional_constraints for choice in setting.choices)


def test_description_tells_unit_and_default(started) -> None:
    node, _ = started()
    assert node.describe_parameter("z_far").description == "Farther points are invalid. Default: 100.0 m."
    assert node.describe_parameter("checkpoint").description.endswith("Default: empty.")
    assert node.describe_parameter("point_cloud.organized").description.endswith("Default: true.")


def test_whole_number_for_a_float_and_on_for_a_text(started) -> None:
    node, parameters = started("z_far:=20", "rectification:=on")
    assert parameters.configs.pipeline == PipelineConfig(z_far=20.0, rectification="on")
    assert type(node.get_parameter("z_far").value) is float
    assert node.get_parameter("rectification").value == "on"
    assert change(node, z_far=30, rectification=False).successful
    assert parameters.configs.pipeline == PipelineConfig(z_far=30.0, rectification="off")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("z_far:=-5", ("z_far", "-5", "0.01 to 100000 m")),
        ("z_far:=200000.0", ("z_far", "200000", "0.01 to 100000 m")),
        ("z_far:=far", ("z_far", "'far'")),
        ("iterations:=500", ("iterations", "500", "0 to 128")),
        ("iterations:=8.0", ("iterations", "8.0", "whole number")),
        ("device:=5", ("device", "5", "text")),
        ("depth_encoding:=64FC1", ("depth_encoding", "64FC1", "32FC1, 16UC1")),
        ("z_near:=200.0", ("z_near", "200", "z_far")),
        ("queue_size:=0", ("queue_size", "0", "1 to 100")),
    ],
)
def test_bad_value_at_the_start(started, value: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        started(value)
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"z_far": 0.05}, ("z_near", "0.1", "0.05")),
        ({"z_far": "near"}, ("z_far", "'near'")),
        ({"iterations": 129}, ("iterations", "128")),
        ({"slop": -0.1}, ("slop",)),
        ({"confidence": 1}, ("confidence", "1", "true or false")),
        ({"depth_encoding": "8UC1"}, ("depth_encoding", "8UC1")),
        ({"checkpoint": "other.pth"}, ("checkpoint",)),
        ({"z_far": None}, ("z_far", "None")),
    ],
)
def test_bad_change_is_refused_with_its_reason(started, values, words) -> None:
    node, parameters = started()
    before = parameters.configs
    result = change(node, **values)
    assert not result.successful and all(word in result.reason for word in words)
    assert parameters.configs == before
    assert {name: node.get_parameter(name).value for name in values} == {
        setting.parameter: setting.default
        for setting in (*settings(), *settings_of(StereoLiveConfig))
        if setting.parameter in values
    }


def test_values_that_need_each_other_change_together(started) -> None:
    node, parameters = started()
    assert change(node, z_near=200.0, z_far=300.0).successful
    assert (parameters.configs.pipeline.z_near, parameters.configs.pipeline.z_far) == (200.0, 300.0)


def test_changes_are_told_and_may_be_refused(started) -> None:
    node, parameters = started()
    told = []
    parameters.on_change(told.append)
    assert change(node, point_cloud__organized=False, slop=0.5).successful
    assert told == [Configs(PipelineConfig(organized=False), StereoLiveConfig(slop=0.5))]

    def refuse(configs) -> None:
        raise ConfigError("not here")

    parameters.on_change(refuse)
    result = change(node, z_far=5.0)
    assert not result.successful and result.reason == "not here"
    assert parameters.configs.pipeline.z_far == 100.0


def test_parameters_of_others_are_left_alone(started) -> None:
    node, parameters = started()
    told = []
    parameters.on_change(told.append)
    node.declare_parameter("qos_overrides./points2.publisher.depth", 3)
    assert change(node, use_sim_time=True).successful
    assert told == []


def test_misspelled_parameter_is_named(started, caplog: pytest.LogCaptureFixture) -> None:
    started("zfar:=3.0", "something_else:=1")
    assert [record.getMessage() for record in caplog.records] == [
        "there is no parameter zfar; did you mean z_far?"
    ]
