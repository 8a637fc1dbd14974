# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.live.inputs import camera_inputs
from foundation_stereo_ros.ros.live.intake import StereoIntake
from foundation_stereo_ros.ros.live.topics import STEREO_CAMERAS
from foundation_stereo_ros.ros.messages.pipeline import OUTPUTS

pytestmark = pytest.mark.ros


@pytest.fixture
def lifecycle_node(make_node):
    from rclpy.lifecycle import LifecycleNode

    return lambda *words: make_node(*words, kind=LifecycleNode)


def test_outputs_are_reliable_and_may_be_overridden(lifecycle_node) -> None:
    from rclpy.qos import ReliabilityPolicy

    from foundation_stereo_ros.ros.node.outputs import Outputs

    node = lifecycle_node("-p", "qos_overrides./points2.publisher.reliability:=best_effort")
    before = len(list(node.publishers))
    outputs = Outputs(node, OUTPUTS)
    offered = {p.topic_name: p.qos_profile for p in list(node.publishers)[before:]}
    assert set(offered) == {f"/{output}" for output in OUTPUTS}
    for topic, qos in offered.items():
        best_effort = topic == "/points2"
        assert (qos.reliability == ReliabilityPolicy.BEST_EFFORT) == best_effort and qos.depth == 10
    outputs.destroy()
    assert len(list(node.publishers)) == before


def test_inputs_match_every_publisher(lifecycle_node) -> None:
    from rclpy.qos import ReliabilityPolicy

    from foundation_stereo_ros.ros.node.inputs import Inputs

    node = lifecycle_node()
    before = len(list(node.subscriptions))
    for _ in range(2):  # parameters of overrides stay when the subscriptions go
        inputs = Inputs(node, camera_inputs(StereoIntake(), STEREO_CAMERAS, "raw"), print)
        asked = [s.qos_profile for s in list(node.subscriptions)[before:]]
        assert [(q.reliability, q.depth) for q in asked] == [(ReliabilityPolicy.BEST_EFFORT, 5)] * 4
        assert {facts.name for facts in inputs.facts().values()} == {
            f"/{side}/{name}" for side in ("left", "right") for name in ("image_rect", "camera_info")
        }
        inputs.destroy()
        assert len(list(node.subscriptions)) == before


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("qos_overrides./disparity/visual.publisher.reliability:=sometimes", "sometimes"),
        ("qos_overrides./right/camera_info.subscription.depth:=many", "many"),
    ],
)
def test_qos_that_there_is_not_is_named_and_leaves_nothing(lifecycle_node, override: str, word: str) -> None:
    from foundation_stereo_ros.ros.node.inputs import Inputs
    from foundation_stereo_ros.ros.node.outputs import Outputs

    node = lifecycle_node("-p", override)
    before = len(list(node.publishers)), len(list(node.subscriptions))
    with pytest.raises(ConfigError, match=word) as caught:
        Outputs(node, OUTPUTS)
        Inputs(node, camera_inputs(StereoIntake(), STEREO_CAMERAS, "raw"), print)
    assert "\n" not in str(caught.value)
    left = len(list(node.publishers)), len(list(node.subscriptions))
    made_before_it = len(OUTPUTS) if "subscription" in override else 0
    assert left == (before[0] + made_before_it, before[1])
