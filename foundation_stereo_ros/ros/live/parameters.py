# SPDX-License-Identifier: Apache-2.0
"""The parameters of a node: read from a file of ROS, brought into their types, judged together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from foundation_stereo_ros.errors import ConfigError, FileFormatError
from foundation_stereo_ros.estimate.cloud import check_filters
from foundation_stereo_ros.estimate.config import PipelineConfig, SharedSettings
from foundation_stereo_ros.estimate.setting import Setting, settings_of
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.io.documents import read_yaml
from foundation_stereo_ros.ros.live.config import LiveConfig, StereoLiveConfig, VideoLiveConfig

P = TypeVar("P", bound=SharedSettings)
L = TypeVar("L", bound=LiveConfig)

_KEY = "ros__parameters"
_WILDCARDS = {"**": r"(/[^/]+)*", "*": "/[^/]+"}


@dataclass(frozen=True)
class Configs(Generic[P, L]):
    """What the parameters say."""

    pipeline: P
    live: L


class ParameterSet(Generic[P, L]):
    """The parameters of a node, made from the fields of its settings.

    Args:
        pipeline: settings of the estimator.
        live: settings of what lies around it.

    Attributes:
        settings: parameter -> setting, in the order of their declaration.
    """

    def __init__(self, pipeline: type[P], live: type[L]) -> None:
        self._pipeline, self._live = pipeline, live
        self.settings = {s.parameter: s for s in (*settings_of(pipeline), *settings_of(live))}

    def judge(self, values: Mapping[str, Any]) -> Configs[P, L]:
        """Make the settings of parameters, all together.

        Args:
            values: parameter -> value; those of ``settings`` that are missing keep their defaults.

        Raises:
            ConfigError: a value has the wrong type, is out of its range, or contradicts another one.
        """
        pipeline = self._pipeline.from_mapping(_named(settings_of(self._pipeline), values))
        live = self._live.from_mapping(_named(settings_of(self._live), values))
        check_filters(pipeline)
        return Configs(pipeline, live)

    def misspelled(self, names: Iterable[str]) -> list[str]:
        """Return a sentence for each name that is no parameter but looks like one."""
        sentences = []
        for name in names:
            near = difflib.get_close_matches(name, self.settings, 1, 0.75)
            if near and name not in self.settings:
                sentences.append(f"there is no parameter {name}; did you mean {near[0]}?")
        return sentences


STEREO = ParameterSet(PipelineConfig, StereoLiveConfig)
VIDEO = ParameterSet(VideoSettings, VideoLiveConfig)


def in_its_type(setting: Setting, value: Any) -> Any:
    """Undo what YAML makes of values that look like another type; others stay for the judgement."""
    if isinstance(value, bool):
        # YAML reads the texts on and off as true and false.
        text = "on" if value else "off"
        return text if text in setting.choices else value
    return float(value) if setting.type is float and isinstance(value, int) else value


def read_parameters(path: Path, node: str) -> dict[str, Any]:
    """Return the parameters that a file holds for a node.

    Sections are named by nodes, with ``/**`` for all, and count in the order of the file.

    Args:
        path: the file.
        node: full name, as in "/stereo/stereo_node".

    Raises:
        ConfigError: it cannot be read, is no such file, or holds nothing for this node.
    """
    try:
        loaded = read_yaml(path)
    except FileFormatError as error:
        raise ConfigError(str(error)) from None
    sections = list(_sections(loaded, ""))
    values: dict[str, Any] = {}
    for name, section in sections:
        if _pattern(name).fullmatch(node):
            values.update(_flat(section, ""))
    if not sections:
        raise ConfigError(f"{path} holds no parameters; expected a section like /**: {_KEY}: ...")
    if not any(_pattern(name).fullmatch(node) for name, _ in sections):
        names = ", ".join(name for name, _ in sections)
        raise ConfigError(f"{path} holds parameters of {names}; expected those of {node}, or of /**")
    return values


def _named(wanted: Iterable[Setting], values: Mapping[str, Any]) -> dict[str, Any]:
    return {s.name: values[s.parameter] for s in wanted if s.parameter in values}


def _sections(value: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(value, dict):
        return
    for key, inside in value.items():
        if key == _KEY and isinstance(inside, dict):
            yield name, inside
        elif key != _KEY:
            yield from _sections(inside, f"{name}/{str(key).strip('/')}")


def _pattern(name: str) -> re.Pattern[str]:
    words = name.strip("/").split("/")
    return re.compile("".join(_WILDCARDS.get(word, f"/{re.escape(word)}") for word in words))


def _flat(section: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
