# SPDX-License-Identifier: Apache-2.0
"""Where the networks were up to version 0.1: import them from ``foundation_stereo_ros`` instead."""

import warnings

from foundation_stereo_ros.nets.stereo import *  # noqa: F403
from foundation_stereo_ros.nets.stereo import __all__ as _networks
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint

__all__ = [*_networks, "load_checkpoint", "save_checkpoint"]

warnings.warn(
    "foundation_stereo_ros.network goes in version 0.3: import from foundation_stereo_ros.nets.stereo and "
    "foundation_stereo_ros.weights",
    DeprecationWarning,
    stacklevel=2,
)
