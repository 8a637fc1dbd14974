# SPDX-License-Identifier: Apache-2.0
"""What goes into an estimator, and all that messages, recordings, live topics and files ask of one."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, TypeVar

from foundation_stereo_ros.estimate.config import SharedSettings
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.geometry.camera import StereoRig
from foundation_stereo_ros.shapes import RgbImage


class StereoSample(NamedTuple):
    """A rectified pair.

    Attributes:
        left: H x W x 3, from the left camera.
        right: the same size, from the right camera.
        rig: the cameras of these images.
    """

    left: RgbImage
    right: RgbImage
    rig: StereoRig


class Engine(NamedTuple):
    """What computes, in words for people; empty where there is nothing to say.

    Attributes:
        weights: where they come from.
        device: as PyTorch names it, "cpu" or "cuda:0".
        precision: "float32", "bfloat16" ...
        memory: what is in use of the device's, "900 of 8000 MiB (cuda:0)".
    """

    weights: str = ""
    device: str = ""
    precision: str = ""
    memory: str = ""


Sample = TypeVar("Sample", contravariant=True)


class Estimator(Protocol[Sample]):
    """Turns samples into predictions.

    It owns its device, its precision and what it remembers of earlier samples; one thread at a time uses it.
    """

    @property
    def config(self) -> SharedSettings:
        """The settings in use: an object of the estimator's own class."""

    def step(self, sample: Sample) -> Prediction | None:
        """Take the next sample; None where it alone does not give a prediction yet.

        Raises:
            ImageError: an image does not fit.
            DeviceMemoryError: the device has too little memory for images of this size.
        """

    def reset(self) -> None:
        """Forget earlier samples: the next one does not follow them, as after a jump of time."""

    def check_change(self, config: Any) -> None:
        """Refuse settings, of the estimator's own class, that it could not follow.

        Raises:
            ConfigError: a setting differs that needs a new start, or does not go with what is loaded.
        """

    def reconfigure(self, config: Any) -> None:
        """Use other settings from the next sample on.

        Raises:
            ConfigError: as `check_change`; nothing is changed then.
        """

    def warm_up(self, width: int, height: int) -> None:
        """Compute once for images of this size, so that the first real one does not pay for the set-up.

        Raises:
            DeviceMemoryError: as for a real sample.
        """

    def to_host(self) -> None:
        """Give the device's memory back; `to_device` before the next sample."""

    def to_device(self) -> None:
        """Be ready to compute again after `to_host`.

        Raises:
            DeviceMemoryError: the device's memory does not suffice now.
        """

    def engine(self) -> Engine:
        """Tell what computes and what memory is in use now; from any thread."""
