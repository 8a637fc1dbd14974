# SPDX-License-Identifier: Apache-2.0
"""Every setting of the pipeline: default, range, unit and meaning, written once.

Command line flags, ROS parameters and their documentation are made by walking these fields. The groups are by
who reads them; one object is all of them, so that a value has one name everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.setting import Setting, Settings, setting, settings_of
from foundation_stereo_ros.limits import DEFAULT_MEGAPIXELS


def device_setting() -> Any:
    """Declare the field that says where a network runs."""
    return setting(
        "auto", "Where the network runs: auto (a GPU if there is one), cpu, cuda, cuda:1 ...", dynamic=False
    )


def precision_setting(otherwise: str = "otherwise fp32") -> Any:
    """Declare the field that says in what arithmetic a network runs.

    Args:
        otherwise: what auto means where there is no GPU.
    """
    return setting(
        "auto",
        f"Arithmetic of the network; auto: fp16 on a GPU, {otherwise}.",
        choices=("auto", "fp32", "fp16", "bf16"),
        dynamic=False,
    )


@dataclass(frozen=True)
class NetworkSettings(Settings):
    """What is computed, and with what."""

    checkpoint: str = setting(
        "",
        "Weights file, .onnx model, or the name of weights that ship with the package (lean or "
        "tiny); empty: lean.",
        dynamic=False,
    )
    device: str = device_setting()
    precision: str = precision_setting("bf16 on a CPU if it and the weights are made for it")
    compile: bool = setting(
        False, "Compile the network with torch.compile: a slow start, then faster frames.", dynamic=False
    )
    onnx_input: str = setting(
        "auto",
        "Colours that an .onnx model takes: RGB from 0 to 255, from 0 to 1, or normalised with "
        "ImageNet's mean and deviation; auto: as the model says, otherwise imagenet.",
        choices=("auto", "rgb255", "rgb1", "imagenet"),
        dynamic=False,
    )
    iterations: int = setting(
        0,
        "Refinements of the disparity; fewer are faster. 0: as many as the weights were made for; the lean"
        " network always makes one.",
        low=0,
        high=128,
    )
    early_stop: float = setting(
        0.0,
        "Stop refining once 99 % of the pixels move by less than this in one refinement; 0: off.",
        unit="px",
        low=0.0,
        high=10.0,
    )
    early_stop_minimum: int = setting(
        4, "With early_stop: refinements that are always made.", low=1, high=128
    )
    scale: float = setting(
        1.0,
        "Resize the images by this factor for the network: below 1 is faster, above 1 sharper and slower.",
        low=0.1,
        high=2.0,
    )
    hierarchical: bool = setting(
        False,
        "Run twice, first on small images and then at full size: for images wider than about 1000 pixels.",
    )
    small_ratio: float = setting(
        0.5, "With hierarchical: scale of the images in the first run.", low=0.1, high=0.9
    )
    memory_budget: int = setting(
        0,
        "Memory that the network may use for a pair, in addition to its weights; larger images "
        "are computed in overlapping tiles or, if these would be too small, shrunk. 0: no limit.",
        unit="MiB",
        low=0,
        high=100000,
    )
    full_resolution: bool = setting(
        True, "Outputs have the size of the input images; otherwise that of the images resized by scale."
    )


@dataclass(frozen=True)
class DepthSettings(Settings):
    """Which depths to believe, and how a depth image carries them.

    Raises:
        ConfigError: also where ``z_near`` is not less than ``z_far``.
    """

    z_near: float = setting(0.1, "Nearer points are invalid.", unit="m", low=0.001, high=1000.0)
    z_far: float = setting(100.0, "Farther points are invalid.", unit="m", low=0.01, high=100000.0)
    remove_invisible: bool = setting(
        True,
        "Points of the left image that lie outside the right image are invalid: there the network only "
        "guesses.",
    )
    remove_too_near: bool = setting(
        True,
        "Points that are nearer than the network can tell are invalid: there it gives some greater depth.",
    )
    confidence: bool = setting(
        False,
        "Check each point from the right image as well; doubles the time. Inconsistent points are invalid.",
    )
    confidence_threshold: float = setting(
        1.0,
        "Difference of left and right disparity, in pixels of the network's image, at which confidence is "
        "one half; beyond it a point is invalid.",
        unit="px",
        low=0.01,
        high=100.0,
    )
    depth_encoding: str = setting(
        "32FC1",
        "Depth image: 32FC1 (metres, NaN invalid) or 16UC1 (millimetres, 0 invalid).",
        choices=("32FC1", "16UC1"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.z_near >= self.z_far:
            raise ConfigError(f"z_near is {self.z_near}; expected less than z_far, which is {self.z_far}")


@dataclass(frozen=True)
class CloudSettings(Settings):
    """Which points a cloud has."""

    organized: bool = setting(
        True,
        "The cloud keeps the image's rows and columns, with NaN for invalid points; otherwise valid points "
        "only.",
        parameter="point_cloud.organized",
    )
    cloud_stride: int = setting(1, "The cloud takes every n-th row and column.", low=1, high=64)
    voxel_size: float = setting(
        0.0,
        "One point for each cube of this size; 0: off. The cloud is then unorganized.",
        unit="m",
        low=0.0,
        high=10.0,
    )
    outlier_radius: float = setting(
        0.0,
        "Remove points with few neighbours within this radius; 0: off. Needs Open3D. The cloud is then "
        "unorganized.",
        unit="m",
        low=0.0,
        high=10.0,
    )
    outlier_neighbors: int = setting(
        30, "Number of neighbours that a point needs within outlier_radius.", low=1, high=10000
    )


@dataclass(frozen=True)
class RectificationSettings(Settings):
    """What is made of the cameras' calibrations."""

    rectification: str = setting(
        "auto",
        "Rectify the images with their CameraInfo; auto: if CameraInfo has a distortion or a "
        "rotation, unless the topic's name says that the images are rectified.",
        choices=("auto", "on", "off"),
    )
    baseline: float = setting(
        0.0,
        "Distance between the cameras; 0: from CameraInfo or the calibration file.",
        unit="m",
        low=0.0,
        high=100.0,
    )
    check_alignment: bool = setting(
        True,
        "Measure now and then whether the rows of both images match, and warn if not, or if left and right "
        "look exchanged.",
    )


@dataclass(frozen=True)
class SharedSettings(RectificationSettings, CloudSettings, DepthSettings):
    """What is the same for every estimator: how images are rectified, which depths count, how clouds look."""


@dataclass(frozen=True)
class InputSettings(Settings):
    """What files and compressed images may ask for; see `foundation_stereo_ros.limits`."""

    max_megapixels: int = setting(
        DEFAULT_MEGAPIXELS,
        "Largest image that is decoded, in millions of pixels. Chunks, messages, arrays and text files are"
        " limited in proportion. It counts for the whole process.",
        low=1,
        high=10000,
        dynamic=False,
    )


@dataclass(frozen=True)
class PipelineConfig(SharedSettings, InputSettings, NetworkSettings):
    """Settings of the pipeline around a stereo network.

    Each field's metadata holds ``description``, ``unit``, ``min``, ``max`` (inclusive), ``choices``, and
    ``dynamic`` (whether it may change from one pair to the next without loading the network again), and
    ``parameter``, its name in ROS where that is not the field's.

    Raises:
        ConfigError: a value has the wrong type or is out of its range; the message names field, value and
            range.
    """


def settings() -> tuple[Setting, ...]:
    """Return all settings in the order of PipelineConfig's fields."""
    return settings_of(PipelineConfig)
