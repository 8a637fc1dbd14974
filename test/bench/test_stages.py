# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from foundation_stereo_ros.bench.inputs import randomize
from foundation_stereo_ros.bench.stages import LOOP_STAGES, NETWORK_STAGES, STAGES, stage_hooks
from foundation_stereo_ros.nets.stereo import build_network, network_preset


def laps_of(preset: str, iterations: int) -> list[str]:
    model = build_network(network_preset(preset, max_disp=64)).eval()
    randomize(model)
    laps: list[str] = []
    image = torch.zeros(1, 3, 32, 64)
    with torch.inference_mode(), stage_hooks(model, laps.append):
        model(image, image, iterations)
    seen = len(laps)
    with torch.inference_mode():
        model(image, image, 1)
    assert len(laps) == seen, "the hooks are still there"
    return [*laps, "upsampling"]  # whose end is that of the network


LEAN_STAGES = {"features", "cost_volume", "filtering", "refinement", "upsampling"}


@pytest.mark.parametrize(
    ("preset", "without"),
    [
        ("tiny", {"monocular", "refinement"}),
        ("small", {"refinement"}),
        ("lean", set(NETWORK_STAGES) - LEAN_STAGES),
    ],
)
def test_the_network_goes_through_every_stage(preset: str, without: set[str]) -> None:
    assert set(laps_of(preset, 1)) == set(NETWORK_STAGES) - without


def test_each_refinement_is_a_lookup_and_an_update() -> None:
    laps = [stage for stage in laps_of("tiny", 3) if stage in LOOP_STAGES]
    # The disparity's last addition comes after the last update.
    assert laps == [*["lookup", "gru"] * 3, "gru"]


def test_the_network_lies_between_the_stages_of_messages() -> None:
    assert STAGES.index("preprocess") < STAGES.index("monocular")
    assert STAGES.index("upsampling") < STAGES.index("geometry")
