# SPDX-License-Identifier: Apache-2.0
"""The node's parameters: made from the settings' fields, judged together, changed while it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.setting import Setting
from foundation_stereo_ros.limits import allow
from foundation_stereo_ros.ros.live.parameters import Configs, ParameterSet, in_its_type

_log = logging.getLogger(__name__)


class NodeParameters:
    """Declares the parameters and keeps the settings that they make.

    Args:
        node: that has them.
        parameters: which.

    Attributes:
        configs: the settings in force.

    Raises:
        ConfigError: a value given at the start has the wrong type or is out of its range.
    """

    def __init__(self, node: Node, parameters: ParameterSet[Any, Any]) -> None:
        self._parameters = parameters
        values = {name: _declare(node, setting) for name, setting in parameters.settings.items()}
        self.configs: Configs[Any, Any] = parameters.judge(values)
        allow(self.configs.pipeline.max_megapixels)
        self._values = values
        self._changed: Callable[[Configs[Any, Any]], None] = lambda _: None
        _tell_misspelled(node, parameters)
        # What YAML took for another type: 20 for a float, on for a text.
        other = [
            name for name, value in values.items() if type(node.get_parameter(name).value) is not type(value)
        ]
        node.set_parameters([Parameter(name, value=values[name]) for name in other])
        if hasattr(node, "add_pre_set_parameters_callback"):  # since Iron
            node.add_pre_set_parameters_callback(self._in_their_types)
        node.add_on_set_parameters_callback(self._on_set)

    def on_change(self, changed: Callable[[Configs[Any, Any]], None]) -> None:
        """Name the one who is told of accepted changes."""
        self._changed = changed

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        # All at once: z_near and z_far may be moved past their old values together.
        new = {p.name: p.value for p in self._in_their_types(parameters) if p.name in self._values}
        if not new:
            return SetParametersResult(successful=True)
        values = {**self._values, **new}
        try:
            configs = self._parameters.judge(values)
            self._changed(configs)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._values, self.configs = values, configs
        return SetParametersResult(successful=True)

    def _in_their_types(self, parameters: list[Parameter]) -> list[Parameter]:
        known = self._parameters.settings
        return [
            Parameter(p.name, value=in_its_type(known[p.name], p.value)) if p.name in known else p
            for p in parameters
        ]


def descriptor(setting: Setting) -> ParameterDescriptor:
    """Return what ``ros2 param describe`` shows of a setting."""
    default = str(setting.default).lower() if setting.type is bool else str(setting.default) or "empty"
    unit = f" {setting.unit}" if setting.unit else ""
    made = ParameterDescriptor(
        description=f"{setting.description} Default: {default}{unit}.",
        read_only=not setting.dynamic,
        # A whole number shall do for a float, and the refusal of anything else is ours, with its reason.
        dynamic_typing=True,
    )
    if setting.type is float:
        made.floating_point_range = [FloatingPointRange(from_value=setting.min, to_value=setting.max)]
    elif setting.type is int:
        made.integer_range = [IntegerRange(from_value=setting.min, to_value=setting.max, step=1)]
    elif setting.choices:
        made.additional_constraints = setting.expected
    return made


def _declare(node: Node, setting: Setting) -> Any:
    described = descriptor(setting)
    try:
        value = node.declare_parameter(setting.parameter, setting.default, described).value
    except ParameterException:
        # Out of range, which `judge` will say in better words.
        described.floating_point_range, described.integer_range = [], []
        value = node.declare_parameter(setting.parameter, setting.default, described).value
    return in_its_type(setting, value)


def _tell_misspelled(node: Node, parameters: ParameterSet[Any, Any]) -> None:
    # ROS ignores values of parameters that nobody declares without a word.
    names = [name for name in getattr(node, "_parameter_overrides", {}) if not node.has_parameter(name)]
    for sentence in parameters.misspelled(names):
        _log.warning("%s", sentence)
