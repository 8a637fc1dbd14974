# SPDX-License-Identifier: Apache-2.0
import torch
from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.nets.stereo import Padding, pad_to_multiple


def test_kitti_size_is_padded_as_the_published_demo_pads_it():
    assert Padding.for_size(375, 1242) == Padding(left=3, right=3, top=4, bottom=5)


def test_the_border_is_repeated():
    image = torch.arange(6.0).view(1, 1, 2, 3)
    padded, padding = pad_to_multiple(image, 4)
    assert tuple(padding) == (0, 1, 1, 1)
    assert padded[0, 0].tolist() == [[0, 1, 2, 2], [0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5]]


def test_fitting_images_are_not_copied():
    image = torch.zeros(1, 3, 64, 96)
    assert pad_to_multiple(image)[0] is image


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([4, 32]))
def test_cropping_undoes_padding(height, width, multiple):
    image = torch.rand(1, 1, height, width)
    padded, padding = pad_to_multiple(image, multiple)
    assert padded.shape[-2] % multiple == padded.shape[-1] % multiple == 0
    assert max(padded.shape[-2] - height, padded.shape[-1] - width) < multiple
    assert padding.right - padding.left in (0, 1)
    assert torch.equal(padding.crop(padded), image)
