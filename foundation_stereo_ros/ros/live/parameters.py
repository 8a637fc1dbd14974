# SPDX-License-Identifier: Apache-2.0
"""What the parameters of a live shell say, by whichever way their values come."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from foundation_stereo_ros.estimate.cloud import check_filters
from foundation_stereo_ros.estimate.config import PipelineConfig, settings
from foundation_stereo_ros.estimate.setting import Setting
from foundation_stereo_ros.ros.live.config import LiveConfig, live_settings

ALL_SETTINGS = {setting.parameter: setting for setting in (*settings(), *live_settings())}
"""Parameter -> setting, in the order of their declaration."""


class Configs(NamedTuple):
    """What the parameters say."""

    pipeline: PipelineConfig
    live: LiveConfig


def judge(values: Mapping[str, Any]) -> Configs:
    """Make the settings of parameters, all together.

    Args:
        values: parameter -> value; those of `ALL_SETTINGS` that are missing keep their defaults.

    Raises:
        ConfigError: a value has the wrong type, is out of its range, or contradicts another one.
    """
    pipeline = PipelineConfig.from_mapping(_named(settings(), values))
    live = LiveConfig.from_mapping(_named(live_settings(), values))
    check_filters(pipeline)
    return Configs(pipeline, live)


def in_its_type(setting: Setting, value: Any) -> Any:
    """Undo what YAML makes of values that look like another type; others stay for the judgement."""
    if isinstance(value, bool):
        # YAML reads the texts on and off as true and false.
        text = "on" if value else "off"
        return text if text in setting.choices else value
    return float(value) if setting.type is float and isinstance(value, int) else value


def misspelled(names: Iterable[str]) -> list[str]:
    """Return a sentence for each name that is no parameter but looks like one."""
    sentences = []
    for name in names:
        near = difflib.get_close_matches(name, ALL_SETTINGS, 1, 0.75)
        if near and name not in ALL_SETTINGS:
            sentences.append(f"there is no parameter {name}; did you mean {near[0]}?")
    return sentences


def _named(wanted: Iterable[Setting], values: Mapping[str, Any]) -> dict[str, Any]:
    return {s.name: values[s.parameter] for s in wanted if s.parameter in values}
