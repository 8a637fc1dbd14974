# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from seeded_network import DATA
from seeded_views import seeded_views_network

from foundation_stereo_ros.errors import ImageError
from foundation_stereo_ros.estimate.views.network import ViewNetwork
from foundation_stereo_ros.estimate.views.two_views import TwoViews

CPU = torch.device("cpu")
BOUNDS = {"pts3d": 2e-4, "conf": 5e-5, "desc": 2e-5, "desc_conf": 1e-4}


def _image(seed: int, rows: int = 48, columns: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)


def test_arrays_have_the_values_of_the_published_network() -> None:
    golden = np.load(DATA / "views_small_landscape.npz")
    pair = TwoViews(ViewNetwork(seeded_views_network(), CPU), size=64).predict(
        golden["image1"], golden["image2"]
    )
    arrays = pair.arrays()
    assert len(arrays) == 16
    for name, values in arrays.items():
        expected = golden[name]
        deviation = np.abs(values[::8, ::8] - expected) / (1 + np.abs(expected))
        assert deviation.max() <= BOUNDS[name.rpartition("_")[0]], name


def test_images_are_encoded_once_while_they_are_remembered() -> None:
    model, seen = seeded_views_network(), []
    hook = model.patches.register_forward_hook(lambda m, i, out: seen.append(len(out)))
    try:
        views = TwoViews(ViewNetwork(model, CPU), size=64, kept=2)
        first = views.predict(_image(1), _image(2))
        again = views.predict(_image(2), _image(1))  # other arrays, the same content
        assert len(seen) == 2
        views.predict(_image(1), _image(3))
        assert len(seen) == 3
        views.predict(_image(2), _image(3))
        assert len(seen) == 4
    finally:
        hook.remove()
    torch.testing.assert_close(first.prediction.view11, again.prediction.view22, rtol=0, atol=0)


def test_matches_come_from_both_decodings_and_swap_with_the_views() -> None:
    views = TwoViews(ViewNetwork(seeded_views_network(), CPU), size=64)
    pair, swapped = views.predict(_image(1), _image(2, 64, 48)), views.predict(_image(2, 64, 48), _image(1))
    found, back = pair.matches(), swapped.matches()
    assert len(found) > 0
    pixels = {tuple(row) for row in np.hstack((found.first, found.second)).tolist()}
    assert pixels == {tuple(row) for row in np.hstack((back.second, back.first)).tolist()}
    assert (found.first < (64, 48)).all()
    assert (found.second < (48, 64)).all()


def test_other_images_are_refused() -> None:
    with pytest.raises(ImageError, match="expected H x W x 3 of uint8"):
        TwoViews(ViewNetwork(seeded_views_network(), CPU), size=64).predict(_image(1), _image(2)[..., :1])
