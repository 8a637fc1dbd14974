# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from foundation_stereo_ros.nets.stereo.foundation.monocular import DinoV2, MonocularBranch, vit_input_size


@pytest.mark.parametrize(
    ("image", "stretched"),
    [
        ((320, 448), (336, 448)),
        ((320, 736), (336, 784)),
        ((384, 1248), (448, 1344)),
        ((544, 960), (560, 1008)),
        ((1088, 1920), (784, 1344)),
        ((1984, 1344), (1344, 896)),
        ((1440, 1440), (1344, 1344)),
    ],
)
def test_images_are_stretched_to_the_sizes_the_weights_know(image, stretched):
    assert vit_input_size(*image) == stretched


@pytest.fixture(scope="module")
def branch():
    torch.manual_seed(0)
    return MonocularBranch("vits")


def test_the_position_table_is_untouched_at_its_own_size_and_resized_elsewhere(branch):
    vit: DinoV2 = branch.vit
    with torch.no_grad():
        vit.pos_embed.normal_()
    assert torch.equal(vit.position_table(37, 37, torch.float32), vit.pos_embed)
    table = vit.position_table(24, 32, torch.float32)
    assert table.shape == (1, 1 + 24 * 32, 384)
    assert torch.equal(table[:, 0], vit.pos_embed[:, 0])
    assert vit.position_table(24, 32, torch.bfloat16).dtype == torch.bfloat16


def test_is_frozen_and_never_trains(branch):
    branch.train()
    assert not branch.training
    assert not branch.vit.training
    assert not any(p.requires_grad for p in branch.parameters())
    out = branch(torch.rand(1, 3, 32, 64, requires_grad=True))
    assert out.shape == (1, 32, 8, 16)
    assert not out.requires_grad
