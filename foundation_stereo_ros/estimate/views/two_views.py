# SPDX-License-Identifier: Apache-2.0
"""Two images of a scene, without poses: points of both in the frames of both, and matches."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from foundation_stereo_ros.estimate.views.matching import Decoding, Matches, match_views
from foundation_stereo_ros.estimate.views.preprocess import SIZE, NetworkGrid
from foundation_stereo_ros.nets.views import Mast3r, PairPrediction
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
        view11, view21, view22, view12 = self.prediction
        decodings = [
            Decoding(one.descriptors[0], two.descriptors[0], sure1[0], sure2[0])
            for one, two, sure1, sure2 in (
                (view11, view21, view11.descriptor_confidence, view21.descriptor_confidence),
                (view12, view22, view12.descriptor_confidence, view22.descriptor_confidence),
            )
        ]
        return match_views(decodings, step, mask1, mask2)

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
        model: on the device where it computes, in evaluation mode.
        size: pixels of the images' long edge for the network.
        dtype: of the arithmetic outside of the heads; float32, or half precision.
        kept: encoded images that are remembered, by their content; the oldest goes first.
    """

    def __init__(
        self, model: Mast3r, size: int = SIZE, dtype: torch.dtype = torch.float32, kept: int = 32
    ) -> None:
        self.model, self.size, self.dtype, self.kept = model, size, dtype, kept
        self._device = model.patches.weight.device
        self._tokens: OrderedDict[bytes, Tensor] = OrderedDict()

    @torch.inference_mode()
    def predict(self, image1: RgbImage, image2: RgbImage) -> PairOfViews:
        """Predict two images, which may differ in size.

        Raises:
            ImageError: an image is not H x W x 3 of uint8, or so narrow that nothing of it is left.
        """
        images, grids = [], []
        for image in (image1, image2):
            grid = NetworkGrid.of_image(image.shape[1], image.shape[0], self.size)
            grids.append(grid)
            images.append(grid.image(image))
        with torch.autocast(self._device.type, self.dtype, enabled=self.dtype != torch.float32):
            tokens1, tokens2 = (self._encoded(image) for image in images)
            size1, size2 = ((grid.height, grid.width) for grid in grids)
            own = self.model.decode(tokens1, size1, tokens2, size2)
            other = self.model.decode(tokens2, size2, tokens1, size1)
        return PairOfViews((grids[0], grids[1]), (images[0], images[1]), PairPrediction(*own, *other))

    def _encoded(self, image: RgbImage) -> Tensor:
        key = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
        tokens = self._tokens.pop(key, None)
        if tokens is None:
            batch = torch.from_numpy(image).to(self._device).permute(2, 0, 1)[None].float()
            tokens = self.model.encode(batch)
        self._tokens[key] = tokens
        while len(self._tokens) > self.kept:
            self._tokens.popitem(last=False)
        return tokens
