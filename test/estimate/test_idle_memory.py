# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from foundation_stereo_ros.estimate import idle_memory
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.torch_backend import TorchBackend
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig, for_inference


@pytest.mark.parametrize(
    ("preset", "threshold", "times"), [("small", 0, 2), ("small", 2**40, 0), ("tiny", 0, 0)]
)
def test_given_back_before_volumes_and_refinement_where_that_pays(
    preset: str, threshold: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[None] = []
    monkeypatch.setattr(idle_memory, "LARGEST_MMAP_THRESHOLD", threshold)
    monkeypatch.setattr(idle_memory, "give_back_freed_memory", lambda: calls.append(None))
    config = PipelineConfig(device="cpu", precision="fp32", iterations=1)
    network = for_inference(FoundationStereo(NetworkConfig.preset(preset, max_disp=64)))
    backend = TorchBackend(network, torch.device("cpu"), config)
    view = np.zeros((64, 64, 3), np.uint8)
    backend(view, view, config)
    assert len(calls) == times
    with torch.inference_mode():
        network(*torch.zeros(2, 1, 3, 64, 64), iterations=1)
    assert len(calls) == times  # the network itself is left as it was
