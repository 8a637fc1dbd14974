# SPDX-License-Identifier: Apache-2.0
"""A seed gives the picture that it gave when the shipped weights were trained and the demonstration was made.

Machines add in different orders, so pictures are compared by their means and spreads.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from foundation_stereo_ros.scenes.layered.config import LayeredConfig
from foundation_stereo_ros.scenes.layered.painter import LayeredScenes
from foundation_stereo_ros.scenes.raycast.config import COMPOSITIONS, SceneConfig
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator
from foundation_stereo_ros.scenes.raycast.sequence import SceneSequence

_CHANCES = {f.name for f in dataclasses.fields(SceneConfig) if f.name.endswith("_chance")}
_RICH = SceneConfig(**dict.fromkeys(_CHANCES - {"bare_chance"}, 1.0))
_HARD = LayeredConfig(jpeg=1.0, rows_off=2.0, unlike=1.0, floor=1.0, ceiling=1.0, side_wall=1.0)

# mean and standard deviation of the left view, the right view and the disparity
_DEFAULT = {
    0: [113.573, 53.405, 108.329, 51.981, 10.03, 1.295],
    1: [74.92, 20.423, 66.673, 20.964, 14.118, 2.152],
    2: [92.299, 34.336, 97.854, 39.061, 1.567, 1.523],
    5: [46.992, 29.722, 37.807, 22.297, 8.388, 2.491],
    1000: [115.971, 35.339, 124.369, 32.192, 16.879, 7.737],
}
_COMPOSITIONS = {
    "room": [46.285, 12.898, 38.268, 12.171, 3.632, 1.698],
    "outdoor": [45.311, 23.27, 38.569, 22.306, 5.409, 1.675],
    "flying": [45.945, 14.512, 38.302, 13.44, 3.834, 2.197],
    "tabletop": [46.026, 15.531, 38.559, 14.701, 4.324, 1.429],
    "street": [41.153, 29.907, 34.668, 28.695, 4.043, 2.457],
    "thicket": [45.948, 14.261, 37.587, 13.622, 3.528, 2.064],
    "corner": [47.52, 16.321, 39.539, 15.155, 5.36, 2.013],
    "stack": [46.51, 20.909, 37.734, 19.547, 6.99, 1.52],
}
_SEQUENCE = {
    0: [113.949, 28.755, 115.583, 31.282, 2.171, 1.153],
    30: [115.165, 26.372, 116.584, 28.449, 2.409, 1.427],
}
_LAYERED = {
    0: [140.835, 42.58, 148.7, 45.602, 9.524, 7.723],
    1: [114.471, 55.397, 115.047, 56.465, 12.864, 3.152],
    2: [180.447, 55.383, 151.444, 56.925, 4.373, 3.388],
    3: [104.532, 48.028, 105.78, 47.452, 2.513, 1.94],
    4: [126.879, 57.974, 127.086, 58.361, 11.118, 7.035],
    5: [105.402, 35.068, 111.537, 35.729, 12.491, 3.956],
}
_HARD_LAYERED = {
    0: [138.881, 53.122, 146.541, 55.728, 12.826, 6.506],
    1: [120.982, 57.372, 124.265, 62.989, 12.488, 2.833],
    2: [139.055, 58.807, 104.725, 43.971, 5.297, 3.279],
    3: [87.575, 30.249, 104.732, 34.293, 4.177, 1.548],
    4: [120.792, 55.377, 132.887, 56.131, 18.112, 7.034],
    5: [160.671, 65.009, 100.322, 62.122, 11.81, 2.659],
}


def _figures(*pictures: object) -> list[float]:
    arrays = [np.asarray(picture, dtype=np.float64) for picture in pictures]
    return [round(float(f), 3) for a in arrays for f in (a.mean(), a.std())]


def _ray_cast(config: SceneConfig, seed: int) -> list[float]:
    pair = SceneGenerator(config).generate(seed, 1, 48, 80)
    return _figures(pair.left, pair.right, pair.disparity)


def _layered(config: LayeredConfig, seed: int) -> list[float]:
    pair = LayeredScenes(config).pair(seed, 64, 96)
    return _figures(pair.left, pair.right, pair.disparity)


@pytest.mark.parametrize("seed", _DEFAULT)
def test_ray_cast_pairs(seed: int) -> None:
    assert _ray_cast(SceneConfig(), seed) == pytest.approx(_DEFAULT[seed], abs=0.02)


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_every_composition_with_every_ingredient(name: str) -> None:
    config = dataclasses.replace(_RICH, **{each: float(each == name) for each in COMPOSITIONS})
    assert _ray_cast(config, 300) == pytest.approx(_COMPOSITIONS[name], abs=0.02)


@pytest.mark.parametrize("index", _SEQUENCE)
def test_the_sequence_of_the_demonstration(index: int) -> None:
    frame = SceneSequence().frame(index, 48, 64)
    found = _figures(frame.left, frame.right, frame.disparity)
    assert found == pytest.approx(_SEQUENCE[index], abs=0.02)


@pytest.mark.parametrize("seed", _LAYERED)
def test_layered_pairs(seed: int) -> None:
    assert _layered(LayeredConfig(), seed) == pytest.approx(_LAYERED[seed], abs=0.02)
    assert _layered(_HARD, seed) == pytest.approx(_HARD_LAYERED[seed], abs=0.02)
