# SPDX-License-Identifier: Apache-2.0
"""Settings of depth from posed video. Flags, parameters and their documentation are made from the fields."""

from __future__ import annotations

import re
from dataclasses import dataclass

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import (
    InputSettings,
    SharedSettings,
    device_setting,
    precision_setting,
)
from foundation_stereo_ros.estimate.setting import setting

_MULTIPLE = 32


@dataclass(frozen=True)
class VideoSettings(SharedSettings, InputSettings):
    """Settings of a `VideoEstimator`.

    Raises:
        ConfigError: a value has the wrong type or is out of its range; the message names field, value and
            range.
    """

    checkpoint: str = setting(
        "",
        "Weights file, or the folder of published weight files (0_feature_extractor ...); empty: lean-video, "
        "which ships with the package.",
        dynamic=False,
    )
    device: str = device_setting()
    precision: str = precision_setting()
    size: str = setting(
        "256x320",
        "Height and width of the images that the network gets, multiples of 32; it was trained for 256x320.",
    )
    grid: str = setting(
        "camera",
        "Outputs have the size of the camera's images, or that of the network's.",
        choices=("camera", "network"),
    )
    remove_invisible: bool = setting(
        True,
        "Points that none of the compared keyframes saw are invalid: there the network only guesses.",
    )
    confidence: bool = setting(
        True,
        "How sure each depth is, 0 to 1: by the network itself, or, for the published ones, by how well the "
        "views and the last depth agree with it.",
    )
    confidence_threshold: float = setting(
        0.0, "Depths that are less sure than this are invalid; 0: none.", low=0.0, high=1.0
    )
    every_frame: bool = setting(False, "Also predict frames that are no keyframes; they are not remembered.")
    views: int = setting(2, "Earlier keyframes that a frame is compared with.", low=1, high=10)
    keyframes: int = setting(30, "Keyframes that are kept.", low=2, high=1000, dynamic=False)
    keyframe_distance: float = setting(
        0.1,
        "Combined pose distance from the last keyframe from which on a frame becomes one: "
        "sqrt(metres^2 + (0.8 radians)^2).",
        low=0.001,
        high=100.0,
        dynamic=False,
    )
    optimal_translation: float = setting(
        0.15,
        "Distance between two views that suits best; nearer ones count as worse than farther ones.",
        unit="m",
        low=0.0,
        high=100.0,
        dynamic=False,
    )
    lost_after: int = setting(
        30,
        "Frames in a row without a pose after which everything is forgotten.",
        low=0,
        high=100000,
        dynamic=False,
    )
    jump_distance: float = setting(
        1.0,
        "The tracker has relocalised if the camera moves farther than this from one frame to the next: "
        "everything is forgotten; 0: never.",
        unit="m",
        low=0.0,
        high=1000.0,
    )
    jump_angle: float = setting(
        30.0,
        "The same for its rotation; 0: never.",
        unit="deg",
        low=0.0,
        high=180.0,
    )
    range_scale: float = setting(
        1.0,
        "Depths reach from 0.25 to 20 m times this. Outdoors 4 means 1 to 80 m; the distances between "
        "keyframes grow alike.",
        low=0.01,
        high=100.0,
        dynamic=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", self.size)
        sides = [int(side) for side in found.groups()] if found else []
        if not sides or any(side == 0 or side % _MULTIPLE for side in sides):
            raise ConfigError(
                f"size is {self.size!r}; expected height x width in multiples of {_MULTIPLE}, as 256x320"
            )

    @property
    def network_size(self) -> tuple[int, int]:
        """Width and height of the network's images."""
        height, width = self.size.split("x")
        return int(width), int(height)
