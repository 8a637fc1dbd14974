# SPDX-License-Identifier: Apache-2.0
"""Networks for views without poses: two images in, points of both in one frame and descriptors out.

`Mast3r` is the network of the paper (arXiv 2406.09756).
"""

from foundation_stereo_ros.nets.views.config import MAST3R, ViewsConfig
from foundation_stereo_ros.nets.views.head import ViewPrediction
from foundation_stereo_ros.nets.views.model import Mast3r, PairPrediction

__all__ = ["MAST3R", "Mast3r", "PairPrediction", "ViewPrediction", "ViewsConfig"]
