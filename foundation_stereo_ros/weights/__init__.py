# SPDX-License-Identifier: Apache-2.0
"""The one way in for weights: which network, from which file. Nothing in a file is executed.

The weights that ship with the package lie here as well.
"""

from foundation_stereo_ros.weights.checkpoint import load_checkpoint, save_checkpoint

__all__ = ["load_checkpoint", "save_checkpoint"]
