# SPDX-License-Identifier: Apache-2.0
"""Two images of a scene, without poses: points of both in the frames of both, and matches."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.estimate.views.matching import Matches, match_views
from foundation_stereo_ros.estimate.views.network import Encoded, ViewNetwork, decodings
from foundation_stereo_ros.estimate.views.preprocess import SIZE, NetworkGrid
from foundation_stereo_ros.nets.views import PairPrediction
from foundation_stereo_ros.shapes import Mask, RgbImage

_PLACES = ("11", "21", "22", "12")
_ARRAYS = ("pts3d", "conf", "desc", "desc_conf")


@dataclass(frozen=True)
class PairOfViews:
    """What the network says of two images.

    Attributes:
        grids: how the images became those of the network.
        images: on these grids.
        prediction: both views in the frames of both, one pair.
    """

    grids: tuple[NetworkGrid, NetworkGrid]
    images: tuple[RgbImage, RgbImage]
    prediction: PairPrediction

    def matches(self, step: int = 8, mask1: Mask | None = None, mask2: Mask | None = None) -> Matches:
        """Return the pixels of both grids that show the same spot; see `match_views`."""
        return match_views(decodings(self.prediction), step, mask1, mask2)

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return all predictions by name: ``pts3d_11``, ``conf_11``, ``desc_11``, ``desc_conf_11`` ...

        ``_21`` is view 2 in the frame of view 1. Points are H x W x 3, in metres.
        """
        return {
            f"{name}_{place}": tensor[0].float().cpu().numpy()
            for place, view in zip(_PLACES, self.prediction, strict=True)
            for name, tensor in zip(_ARRAYS, view, strict=True)
        }


class TwoViews:
    """Predicts pairs of images, encoding each image once as long as it is remembered.

    Args:
        network: predicts them.
        size: pixels of the images' long edge for the network.
        kept: encoded images that are remembered, by their content; the oldest goes first.
    """

    def __init__(self, network: ViewNetwork, size: int = SIZE, kept: int = 32) -> None:
        self.network, self.size, self.kept = network, size, kept
        self._encoded: OrderedDict[bytes, Encoded] = OrderedDict()

    def predict(self, image1: RgbImage, image2: RgbImage) -> PairOfViews:
        """Predict two images, which may differ in size.

        Raises:
            ImageError: an image is not H x W x 3 of uint8, or so narrow that nothing of it is left.
            DeviceMemoryError: the device has too little memory.
        """
        images, grids = [], []
        for image in (image1, image2):
            grid = NetworkGrid.of_image(image.shape[1], image.shape[0], self.size)
            grids.append(grid)
            images.append(grid.image(image))
        (prediction,) = self.network.decode([(self._encode(images[0]), self._encode(images[1]))])
        return PairOfViews((grids[0], grids[1]), (images[0], images[1]), prediction)

    def _encode(self, image: RgbImage) -> Encoded:
        key = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
        encoded = self._encoded.pop(key, None) or self.network.encode(image)
        self._encoded[key] = encoded
        while len(self._encoded) > self.kept:
            self._encoded.popitem(last=False)
        return encoded
