# SPDX-License-Identifier: Apache-2.0
"""The kinds of stereo network, and how each is built from plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.nets.stereo.foundation.config import PRESETS as FOUNDATION_PRESETS
from foundation_stereo_ros.nets.stereo.foundation.config import NetworkConfig
from foundation_stereo_ros.nets.stereo.foundation.model import FoundationStereo
from foundation_stereo_ros.nets.stereo.lean.config import LeanConfig
from foundation_stereo_ros.nets.stereo.lean.model import LeanStereo

StereoConfig = NetworkConfig | LeanConfig
StereoNetwork = FoundationStereo | LeanStereo
"""They share one interface: ``forward``, ``hierarchical`` and ``config``."""

FOUNDATION, LEAN = "foundation_stereo", "lean"


class _Kind(NamedTuple):
    config: type[Any]
    network: Callable[[Any], StereoNetwork]


_KINDS = {FOUNDATION: _Kind(NetworkConfig, FoundationStereo), LEAN: _Kind(LeanConfig, LeanStereo)}

PRESETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    **{name: (FOUNDATION, values) for name, values in FOUNDATION_PRESETS.items()},
    "lean": (LEAN, {}),
}
"""Name -> kind, and the fields that differ from the kind's defaults."""


def kind_of(config: StereoConfig) -> str:
    """Return the kind of network that a configuration is for, as weights files name it."""
    return LEAN if isinstance(config, LeanConfig) else FOUNDATION


def config_of(kind: str, values: dict[str, Any]) -> StereoConfig:
    """Build a configuration from plain values, as weights files hold them.

    Raises:
        ConfigError: unknown kind or field, or a value out of its range.
    """
    if kind not in _KINDS:
        raise ConfigError(f"network kind is {kind!r}; expected one of {', '.join(_KINDS)}")
    config: StereoConfig = _KINDS[kind].config.from_dict(values)
    return config


def network_preset(name: str, **overrides: Any) -> StereoConfig:
    """Return a named configuration of either kind, some fields changed.

    Raises:
        ConfigError: unknown preset or field, or a value out of its range.
    """
    if name not in PRESETS:
        raise ConfigError(f"network preset is {name!r}; expected one of {', '.join(PRESETS)}")
    kind, values = PRESETS[name]
    return config_of(kind, {**values, **overrides})


def changed(config: StereoConfig, **overrides: Any) -> StereoConfig:
    """Return a configuration of the same kind with some fields changed.

    Raises:
        ConfigError: unknown field, or a value out of its range.
    """
    return config_of(kind_of(config), {**config.to_dict(), **overrides})


def is_preset(config: StereoConfig) -> bool:
    """Tell whether a configuration has the sizes of a preset."""
    free = dict.fromkeys(("max_disp", "iterations", "disparity_attention"))
    known = ({**network_preset(name).to_dict(), **free} for name in PRESETS)
    return {**config.to_dict(), **free} in known


def build_network(config: StereoConfig) -> StereoNetwork:
    """Build the network that a configuration describes, with random weights."""
    return _KINDS[kind_of(config)].network(config)
