# SPDX-License-Identifier: Apache-2.0
"""The kinds of network for posed video, and how each is built from plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.video.interface import VideoNetwork
from foundation_stereo_ros.nets.video.lean.config import LeanVideoConfig
from foundation_stereo_ros.nets.video.lean.model import LeanVideo
from foundation_stereo_ros.nets.video.mvs.config import PRESETS as MVS_PRESETS
from foundation_stereo_ros.nets.video.mvs.config import VideoConfig
from foundation_stereo_ros.nets.video.mvs.model import DeepVideoMVS

AnyVideoConfig = VideoConfig | LeanVideoConfig

MVS, LEAN_VIDEO = "deep_video_mvs", "lean_video"


class _Kind(NamedTuple):
    config: type[Any]
    network: Callable[[Any], VideoNetwork]


_KINDS = {MVS: _Kind(VideoConfig, DeepVideoMVS), LEAN_VIDEO: _Kind(LeanVideoConfig, LeanVideo)}
VIDEO_KINDS = tuple(_KINDS)
"""Of networks, as weights files name them."""

VIDEO_PRESETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **{name: (MVS, values) for name, values in MVS_PRESETS.items()},
    "lean": (LEAN_VIDEO, {}),
}
"""Name -> kind, and the fields that differ from the kind's defaults."""


def video_kind_of(config: AnyVideoConfig) -> str:
    """Return the kind of network that a configuration is for, as weights files name it."""
    return LEAN_VIDEO if isinstance(config, LeanVideoConfig) else MVS


def video_config_of(kind: str, values: dict[str, Any]) -> AnyVideoConfig:
    """Build a configuration from plain values, as weights files hold them.

    Raises:
        ConfigError: unknown field, or a value out of its range.
    """
    config: AnyVideoConfig = _KINDS[kind].config.from_dict(values)
    return config


def video_preset(name: str, **overrides: Any) -> AnyVideoConfig:
    """Return a named configuration of either kind, some fields changed.

    Raises:
        ConfigError: unknown preset or field, or a value out of its range.
    """
    if name not in VIDEO_PRESETS:
        raise ConfigError(f"network preset is {name!r}; expected one of {', '.join(VIDEO_PRESETS)}")
    kind, values = VIDEO_PRESETS[name]
    return video_config_of(kind, {**values, **overrides})


def build_video_network(config: AnyVideoConfig) -> VideoNetwork:
    """Build the network that a configuration describes, with random weights."""
    return _KINDS[video_kind_of(config)].network(config)
