# SPDX-License-Identifier: Apache-2.0
import socket

import pytest
import torch

from foundation_stereo_ros.errors import ConfigError, ImageError
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.nets.stereo.foundation.cost_filter import soft_argmin


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)).eval()


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(1)
    return 255 * torch.rand(2, 2, 3, 64, 96)


@torch.inference_mode()
def test_each_pair_of_a_batch_is_what_it_is_alone(tiny, pair):
    left, right = pair
    both = tiny(left, right, iterations=2)
    assert both.shape == (2, 1, 64, 96)
    assert both.dtype == torch.float32
    torch.testing.assert_close(both[1:], tiny(left[1:], right[1:], iterations=2), atol=1e-3, rtol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_runs_under_autocast_and_returns_full_precision(tiny, pair, dtype):
    left, right = pair
    exact = tiny(left, right, iterations=2)
    with torch.autocast("cpu", dtype):
        half = tiny(left, right, iterations=2)
    assert half.dtype == torch.float32
    assert (half - exact).abs().mean() < 0.1 * exact.std() + 0.5


@torch.inference_mode()
def test_float64_in_float64_out(pair):
    model = FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)).eval().double()
    assert model(*pair[:, :1].double(), iterations=1).dtype == torch.float64


@torch.inference_mode()
def test_compiles_without_a_break_in_the_graph(tiny, pair):
    compiled = torch.compile(tiny, backend="aot_eager", fullgraph=True)
    left, right = pair[:, :1]
    torch.testing.assert_close(compiled(left, right, 2), tiny(left, right, 2), atol=1e-3, rtol=1e-4)


@torch.inference_mode()
def test_refinement_starts_from_the_disparity_it_is_given(tiny, pair):
    left, right = pair[:, :1]
    start = torch.full((1, 1, 16, 24), 5.0)
    output = tiny(left, right, 1, start, every_iteration=True)
    assert torch.equal(output.initial, start)
    assert not torch.equal(output.refined[0], tiny(left, right, 1))


def test_training_output_has_every_refinement_and_gradients_stop_between_them(tiny, pair):
    left, right = pair[:, :1]
    output = tiny(left, right, iterations=3, every_iteration=True)
    assert output.initial.shape == (1, 1, 16, 24)
    assert [tuple(d.shape) for d in output.refined] == [(1, 1, 64, 96)] * 3
    torch.testing.assert_close(output.refined[-1], tiny(left, right, iterations=3))
    tiny.zero_grad()
    output.refined[-1].mean().backward()
    assert tiny.classifier.logits.weight.grad is None  # the loop's disparity is cut off from the initial one
    assert tiny.hourglass.output[0][0].weight.grad.abs().sum() > 0
    assert tiny.features.cnn.stem[0].weight.grad.abs().sum() > 0


@torch.inference_mode()
@pytest.mark.parametrize("size", [(33, 70), (64, 96), (61, 65)])
def test_two_passes_take_any_size(tiny, size):
    left = 255 * torch.rand(1, 3, *size)
    assert tiny.hierarchical(left, left, iterations=1).shape == (1, 1, *size)


@torch.inference_mode()
def test_bad_input_is_named(tiny):
    good = torch.zeros(1, 3, 64, 96)
    with pytest.raises(ImageError, match="60 x 96 pixels; expected multiples of 32"):
        tiny(good[..., :60, :], good[..., :60, :])
    with pytest.raises(ImageError, match=r"\(1, 3, 64, 96\) and \(1, 3, 64, 64\)"):
        tiny(good, good[..., :64])
    with pytest.raises(ImageError, match="expected the same B x 3"):
        tiny(good[:, :1], good[:, :1])
    with pytest.raises(ConfigError, match="iterations is 0"):
        tiny(good, good, iterations=0)
    with pytest.raises(ImageError, match=r"initial disparity is \(1, 1, 64, 96\); expected \(1, 1, 16, 24\)"):
        tiny(good, good, 1, torch.zeros(1, 1, 64, 96))
    with pytest.raises(ConfigError, match="small_ratio is 1"):
        tiny.hierarchical(good, good, 1, small_ratio=1)


def test_groups_must_divide_the_features():
    with pytest.raises(ConfigError, match="groups is 7"):
        FoundationStereo(NetworkConfig.preset("tiny", groups=7))


def test_soft_argmin_is_the_expected_disparity():
    logits = torch.tensor([0.0, 0.0, 100.0, 100.0]).view(1, 1, 1, 4)
    assert soft_argmin(logits).item() == pytest.approx(2.5)


def test_nothing_is_downloaded_and_constants_are_buffers(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("the constructor wants the network")

    monkeypatch.setattr(socket, "socket", refuse)
    model = FoundationStereo(NetworkConfig.preset("small"))
    buffers = dict(model.named_buffers())
    assert {"mean", "std", "hourglass.transformer.table"} <= set(buffers)
    assert not {"mean", "std", "hourglass.transformer.table"} & set(model.state_dict())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@torch.inference_mode()
def test_cuda_agrees_with_the_cpu(pair):
    torch.manual_seed(0)
    model = FoundationStereo(NetworkConfig.preset("tiny", max_disp=64)).eval()
    expected = model(*pair, iterations=2)
    model = model.cuda()
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        torch.testing.assert_close(model(*pair.cuda(), iterations=2).cpu(), expected, atol=1e-2, rtol=1e-3)
