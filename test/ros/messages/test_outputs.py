# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.prediction import Prediction, StereoMatch
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.io.visualize import SteadyRange
from foundation_stereo_ros.ros.messages.outputs import MAIN_OUTPUTS, OUTPUTS, Context
from foundation_stereo_ros.ros.messages.types import MessageTypes

RIG = StereoRig.from_focal_length(50.0, 0.1, (8, 6))
DISPARITY = np.linspace(1, 4, 48, dtype=np.float32).reshape(6, 8)
EVERYTHING = Prediction(
    image=np.zeros((6, 8, 3), np.uint8),
    depth=5 / DISPARITY,
    camera=RIG.left,
    confidence=DISPARITY / 4,
    match=StereoMatch(DISPARITY, RIG),
)


def made(prediction: Prediction, types: MessageTypes, header: Any) -> dict[str, Any]:
    context = Context(types, header, PipelineConfig(), SteadyRange())
    return {name: row.encode(prediction, context) for name, row in OUTPUTS.items()}


def test_every_row_makes_the_type_that_it_names(types: MessageTypes, header: Any) -> None:
    messages = made(EVERYTHING, types, header)
    assert {name: message.__msgtype__ for name, message in messages.items()} == {
        name: row.msgtype for name, row in OUTPUTS.items()
    }
    assert all(message.header == header for message in messages.values())


def test_what_a_prediction_lacks_is_not_made(types: MessageTypes, header: Any) -> None:
    bare = dataclasses.replace(EVERYTHING, match=None, confidence=None)
    missing = {name for name, message in made(bare, types, header).items() if message is None}
    assert missing == {"disparity", "disparity/visual", "confidence"}


def test_the_names_are_those_that_people_subscribe_to() -> None:
    assert MAIN_OUTPUTS == ("disparity", "depth/image_rect", "depth/camera_info", "points2")
    assert tuple(OUTPUTS) == (*MAIN_OUTPUTS, "confidence", "disparity/visual")
