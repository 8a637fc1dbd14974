# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from foundation_stereo_ros.bench.frame import Frame, stereo_messages
from foundation_stereo_ros.bench.meters import HostClock, Switch
from foundation_stereo_ros.bench.stages import NETWORK_STAGES, STAGES, stage_hooks
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.ros.messages.cdr import message_types
from foundation_stereo_ros.ros.messages.images import decode_image


def test_the_pair_shows_a_plane_at_ten_pixels() -> None:
    messages = stereo_messages(48, 70, message_types())
    left, right = decode_image(messages.left_image), decode_image(messages.right_image)
    assert left.shape == (48, 70, 3)
    np.testing.assert_array_equal(left[:, 10:], right[:, :-10])
    assert left.std() > 10
    np.testing.assert_array_equal(left, decode_image(stereo_messages(48, 70, message_types()).left_image))


@pytest.mark.parametrize(
    ("weights", "without"),
    [("tiny", {"monocular", "refinement"}), ("lean", {"monocular", "context", "lookup", "gru"})],
)
def test_the_stages_of_a_frame_sum_up_and_the_estimator_gives_what_it_gives_alone(
    weights: str, without: set[str]
) -> None:
    messages = stereo_messages(64, 96, message_types())
    config = PipelineConfig(device="cpu", precision="fp32", iterations=1, checkpoint=weights)
    estimator = StereoEstimator(config)
    network, switch = estimator.model, Switch()
    frame = Frame(estimator, switch, NETWORK_STAGES[-1], messages, message_types())
    with stage_hooks(network, switch.lap):
        result, laps = frame.run(HostClock())
        again, none = frame.run()
    assert set(laps) == set(STAGES) - without
    assert none == {}
    np.testing.assert_array_equal(result.disparity, again.disparity)
    # trained on other pictures, but a plane is a plane
    assert np.median(result.disparity[8:-8, 24:-8]) == pytest.approx(10, abs=1)
