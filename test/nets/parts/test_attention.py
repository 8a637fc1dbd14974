# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from foundation_stereo_ros.nets.parts.attention import attend, flash_fits


def test_equals_softmax_attention():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 26, 4, 7, dtype=torch.float64)
    weights = torch.einsum("bnhd,bmhd->bhnm", q, k).div(7**0.5).softmax(-1)
    torch.testing.assert_close(attend(q, k, v), torch.einsum("bhnm,bmhd->bnhd", weights, v))


def test_flash_attention_is_left_alone_on_the_cpu_and_in_full_precision():
    assert not flash_fits(torch.zeros(1, 2, 1, 8, dtype=torch.float16))
    assert not flash_fits(torch.zeros(1, 2, 1, 8))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA and flash-attn")
def test_flash_attention_gives_the_same_numbers():
    pytest.importorskip("flash_attn")
    q, k, v = torch.randn(3, 2, 64, 4, 64, device="cuda", dtype=torch.float16)
    assert flash_fits(q)
    exact = attend(q.float(), k.float(), v.float())
    torch.testing.assert_close(attend(q, k, v).float(), exact, atol=2e-3, rtol=2e-3)
