# SPDX-License-Identifier: Apache-2.0
"""Every setting of the live core: default, range, unit and meaning, written once."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.estimate.setting import Setting, Settings, setting, settings_of


@dataclass(frozen=True)
class LiveConfig(Settings):
    """Settings of what lies around the pipeline while messages arrive; fields as in `PipelineConfig`.

    Raises:
        ConfigError: a value has the wrong type or is out of its range; the message names field, value and
            range.
    """

    approximate_sync: bool = setting(
        False, "Pair left and right images whose stamps differ by at most slop; otherwise only equal stamps."
    )
    slop: float = setting(
        0.02,
        "With approximate_sync: largest difference between the stamps of a pair; 0: equal stamps only.",
        unit="s",
        low=0.0,
        high=1.0,
    )
    queue_size: int = setting(
        10, "How many images of one camera may wait for their counterparts.", low=1, high=100
    )
    image_transport: str = setting(
        "raw",
        "Which images to subscribe to: raw (sensor_msgs/Image) or compressed (CompressedImage on the topics "
        "with /compressed added).",
        choices=("raw", "compressed"),
        dynamic=False,
    )
    publish_rate_limit: float = setting(
        0.0,
        "Compute at most this many results per second, on average; 0: as many as possible.",
        unit="Hz",
        low=0.0,
        high=1000.0,
    )
    save_directory: str = setting(
        "", "Folder for saved results, a subfolder for each; empty: ~/.ros/foundation_stereo."
    )
    autostart: bool = setting(
        True, "Configure and activate at the start; otherwise wait for a lifecycle manager.", dynamic=False
    )

    @property
    def tolerance_ns(self) -> int:
        """Largest difference of the stamps of a pair, nanoseconds."""
        return round(self.slop * 1e9) if self.approximate_sync else 0


def live_settings() -> tuple[Setting, ...]:
    """Return all settings in the order of LiveConfig's fields."""
    return settings_of(LiveConfig)
