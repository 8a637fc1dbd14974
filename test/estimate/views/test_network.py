# SPDX-License-Identifier: Apache-2.0
"""The network for views on its device: batches, memory, arithmetic. With DEVICE=cpu these run on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from device_tests import DEVICE, MARKS, full_float32
from seeded_views import SMALL, seeded_views_network

from foundation_stereo_ros.errors import DeviceMemoryError, ImageError
from foundation_stereo_ros.estimate.views.network import Encoded, ViewNetwork, decodings
from foundation_stereo_ros.nets.views import Mast3r

CPU = torch.device("cpu")


def images(count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(count)]


def copy_of_network() -> Mast3r:
    model = Mast3r(SMALL)
    model.load_state_dict(seeded_views_network().state_dict())
    return model


def test_pairs_decoded_together_are_those_decoded_alone() -> None:
    network = ViewNetwork(seeded_views_network(), CPU)
    a, b, c = map(network.encode, images())
    together = network.decode([(a, b), (a, c), (c, b)])
    for pair, found in zip(((a, b), (a, c), (c, b)), together, strict=True):
        (alone,) = network.decode([pair])
        for one, other in zip(found, alone, strict=True):
            for values, expected in zip(one, other, strict=True):
                torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-4)
    assert len(decodings(together[0])) == 2


class Scarce(Mast3r):
    """One that has memory for so many pairs."""

    room = 1

    def decode(self, tokens1: Any, *more: Any) -> Any:
        if len(tokens1) > self.room:
            raise MemoryError
        return super().decode(tokens1, *more)


def test_where_memory_is_short_fewer_pairs_are_decoded_at_once() -> None:
    model = Scarce(SMALL)
    model.load_state_dict(seeded_views_network().state_dict())
    network = ViewNetwork(model, CPU)
    a, b, c = map(network.encode, images())
    assert len(network.decode([(a, b), (a, c), (c, b)])) == 3
    model.room = 0
    with pytest.raises(DeviceMemoryError, match="a pair of views does not fit: process uses") as told:
        network.decode([(a, b), (a, c)])
    assert told.value.remedies == ({"size": ""},)


def test_sides_that_are_no_multiples_of_16_are_refused() -> None:
    network = ViewNetwork(seeded_views_network(), CPU)
    with pytest.raises(ImageError, match="multiples of 16"):
        network.encode(images()[0][:40])


@MARKS[0]
@MARKS[1]
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_device_gives_what_the_cpu_gives(precision: str) -> None:
    expected = _decoded(ViewNetwork(copy_of_network(), CPU, "fp32"))
    with full_float32():
        found = _decoded(ViewNetwork(copy_of_network(), DEVICE, precision))
    bound = 1e-3 if precision == "fp32" else 0.3
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32  # the heads compute in it
        off = (one.cpu() - other).abs() / (1 + other.abs())
        assert float(off.mean()) < bound / 5
        assert float(off.max()) < 5 * bound


def _decoded(network: ViewNetwork) -> list[torch.Tensor]:
    encoded: list[Encoded] = [network.encode(image) for image in images(2)]
    (prediction,) = network.decode([(encoded[0], encoded[1])])
    return [values for view in prediction for values in view]
