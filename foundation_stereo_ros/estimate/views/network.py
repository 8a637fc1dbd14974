# SPDX-License-Identifier: Apache-2.0
"""The network for views on its device: images are encoded, and encodings decoded in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from foundation_stereo_ros.errors import DeviceMemoryError
from foundation_stereo_ros.estimate.device import (
    arithmetic,
    brought,
    give_back_unused,
    is_out_of_memory,
    shortage,
)
from foundation_stereo_ros.estimate.views.matching import Decoding
from foundation_stereo_ros.nets.views import Mast3r, PairPrediction, ViewPrediction
from foundation_stereo_ros.shapes import RgbImage


class Encoded(NamedTuple):
    """What the network makes of one image.

    Attributes:
        tokens: 1 x N x channels.
        size: height and width of the image.
    """

    tokens: Tensor
    size: tuple[int, int]


class ViewNetwork:
    """A network with its device and its arithmetic.

    Args:
        model: is moved to the device and set to evaluation.
        device: where it computes.
        precision: ``auto``, ``fp32``, ``fp16`` or ``bf16``, outside of the heads.

    Raises:
        DeviceMemoryError: the device has too little memory for the network.
    """

    def __init__(self, model: Mast3r, device: torch.device, precision: str = "auto") -> None:
        self.model = brought(model, device).eval().requires_grad_(False)
        self.device = device
        self.dtype = arithmetic(precision, device, model.config)

    def encode(self, image: RgbImage) -> Encoded:
        """Encode an image whose sides are multiples of 16.

        Raises:
            ImageError: other sides.
            DeviceMemoryError: too little memory.
        """
        batch = torch.from_numpy(image).to(self.device).permute(2, 0, 1)[None].float()
        with torch.inference_mode(), self._autocast():
            try:
                return Encoded(self.model.encode(batch), image.shape[:2])
            except (RuntimeError, MemoryError) as error:
                raise self._told(error, "a view") from error

    def decode(self, pairs: Sequence[tuple[Encoded, Encoded]]) -> list[PairPrediction]:
        """Decode pairs in both orders, all at once or, where memory is short, in smaller parts.

        Args:
            pairs: of which all first ones have one size, and all second ones.

        Raises:
            DeviceMemoryError: too little memory for a single pair.
        """
        try:
            return self._decoded(pairs)
        except (RuntimeError, MemoryError) as error:
            if len(pairs) == 1 or not is_out_of_memory(error):
                raise self._told(error, "a pair of views") from error
        give_back_unused(self.device)
        half = len(pairs) // 2
        return self.decode(pairs[:half]) + self.decode(pairs[half:])

    def _decoded(self, pairs: Sequence[tuple[Encoded, Encoded]]) -> list[PairPrediction]:
        (_, size1), (_, size2) = pairs[0]
        one, two = (torch.cat([pair[k].tokens.to(self.device) for pair in pairs]) for k in range(2))
        with torch.inference_mode(), self._autocast():
            own = self.model.decode(one, size1, two, size2)
            other = self.model.decode(two, size2, one, size1)
        return [
            PairPrediction(*(ViewPrediction(*(t[k : k + 1] for t in view)) for view in (*own, *other)))
            for k in range(len(pairs))
        ]

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def _told(self, error: BaseException, what: str) -> BaseException:
        if not is_out_of_memory(error):
            return error
        give_back_unused(self.device)
        return DeviceMemoryError(f"{what} does not fit: {shortage(error, self.device)}", remedy="size")


def decodings(prediction: PairPrediction) -> list[Decoding]:
    """Return what is compared of a pair: its descriptors in view 1's frame, and in view 2's."""
    view11, view21, view22, view12 = prediction
    return [
        Decoding(
            one.descriptors[0], two.descriptors[0], one.descriptor_confidence[0], two.descriptor_confidence[0]
        )
        for one, two in ((view11, view21), (view12, view22))
    ]
