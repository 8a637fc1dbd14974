# SPDX-License-Identifier: Apache-2.0
"""Why nothing comes out, and what to do: sentences that name the topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foundation_stereo_ros.live.counts import IntakeCounts

INPUTS = ("left/image_rect", "right/image_rect", "left/camera_info", "right/camera_info")
"""Relative names of the inputs: keys of what a shell knows about them."""


@dataclass(frozen=True)
class TopicFacts:
    """What a shell knows about the topic of one input.

    Attributes:
        name: full name, after remapping.
        publishers: how many publishers of the expected type there are.
        types: every type published under this name, as "sensor_msgs/msg/Image".
        expected_type: the type subscribed to.
        incompatible: the QoS policy on which a publisher and this subscriber disagree, as "RELIABILITY";
            empty: none.
    """

    name: str
    publishers: int = 0
    types: tuple[str, ...] = ()
    expected_type: str = ""
    incompatible: str = ""


def why_no_output(
    facts: Mapping[str, TopicFacts], counts: IntakeCounts, *, quiet_after: float = 3.0
) -> tuple[str, ...]:
    """Say what is missing for a pair.

    Args:
        facts: input -> its topic; keys are some of `INPUTS`, a missing one is called by its relative name.
        counts: what has come.
        quiet_after: seconds without a message after which a topic counts as silent.

    Returns:
        Sentences, the most important first; empty where pairs are complete.
    """
    raise NotImplementedError
