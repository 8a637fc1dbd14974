# SPDX-License-Identifier: Apache-2.0
"""The pipeline as the worker keeps it: on its device while it runs, its settings changed between pairs."""

from __future__ import annotations

from threading import Lock

from foundation_stereo_ros.estimate.cloud import check_filters
from foundation_stereo_ros.estimate.config import PipelineConfig, SharedSettings
from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline


class PipelineHost:
    """Moves the network and changes the settings; `change` may be called from any thread.

    Args:
        pipeline: with its network on its device.
    """

    def __init__(self, pipeline: StereoPipeline) -> None:
        self.pipeline = pipeline
        self.on_device = True
        self._lock = Lock()
        self._following: PipelineConfig | None = None

    @property
    def config(self) -> SharedSettings:
        """The settings in use."""
        return self.pipeline.config

    def prepare(self, width: int, height: int) -> None:
        """Bring the network to its device and run it once for images of this size.

        Raises:
            DeviceMemoryError: there is no room for it now.
        """
        self.pipeline.estimator.to_device()
        self.on_device = True
        self.pipeline.estimator.warm_up(width, height)

    def rest(self) -> None:
        """Give the device's memory back."""
        self.on_device = False
        self.pipeline.estimator.to_host()

    def change(self, config: PipelineConfig) -> None:
        """Use other settings once `follow` is called.

        Raises:
            ConfigError: a setting differs that cannot change while running, or one that cannot work here.
        """
        self.pipeline.estimator.check_change(config)
        check_filters(config)
        with self._lock:
            self._following = config

    def follow(self) -> None:
        """Use the settings last given to `change`, between two pairs."""
        with self._lock:
            following, self._following = self._following, None
        if following is not None:
            self.pipeline.estimator.reconfigure(following)
