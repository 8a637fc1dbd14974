# SPDX-License-Identifier: Apache-2.0
"""Every setting of the live core: default, range, unit and meaning, written once."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.errors import ConfigError, PoseError
from foundation_stereo_ros.estimate.setting import Settings, setting
from foundation_stereo_ros.geometry.poses import AXES, pose_from_quaternion
from foundation_stereo_ros.shapes import Matrix


@dataclass(frozen=True)
class LiveConfig(Settings):
    """Settings of what lies around any pipeline while messages arrive; fields as in `PipelineConfig`.

    Raises:
        ConfigError: a value has the wrong type or is out of its range; the message names field, value and
            range.
    """

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


@dataclass(frozen=True)
class StereoLiveConfig(LiveConfig):
    """The same with those of a stereo pair."""

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

    @property
    def tolerance_ns(self) -> int:
        """Largest difference of the stamps of a pair, nanoseconds."""
        return round(self.slop * 1e9) if self.approximate_sync else 0


@dataclass(frozen=True)
class VideoLiveConfig(LiveConfig):
    """The same with those of the poses of one camera."""

    pose_topic: str = setting(
        "",
        "What tells the poses: a topic of nav_msgs/Odometry, geometry_msgs/PoseStamped, "
        "PoseWithCovarianceStamped or TransformStamped, or a tf topic with another name; empty: /tf.",
        dynamic=False,
    )
    fixed_frame: str = setting(
        "",
        "With /tf: the frame that does not move; empty: the first of odom, map and world that is connected "
        "to the camera. Depth wants poses that do not jump, and those in odom do not (REP 105).",
        dynamic=False,
    )
    body_frame: str = setting(
        "", "Frame whose poses pose_topic has; empty: as its messages say.", dynamic=False
    )
    camera_in_body: str = setting(
        "",
        "Pose of the camera's optical frame in the body's: x y z qx qy qz qw; empty: as /tf_static says.",
        dynamic=False,
    )
    pose_axes: str = setting(
        "opencv",
        "Axes of the camera in the poses: opencv (x right, y down, z forward: the optical frame), opengl "
        "(y up, z backward) or ros (x forward, z up: the camera's body frame).",
        choices=tuple(AXES),
        dynamic=False,
    )
    pose_scale: float = setting(
        1.0,
        "Length of the unit of the poses' translations: 0.001 for millimetres.",
        unit="m",
        low=1e-6,
        high=1e6,
        dynamic=False,
    )
    pose_gap: float = setting(
        0.2,
        "Poses farther apart than this are not interpolated.",
        unit="s",
        low=0.001,
        high=10.0,
        dynamic=False,
    )
    tf_timeout: float = setting(
        1.0,
        "How long an image waits for its pose, by the stamps of the images after it.",
        unit="s",
        low=0.0,
        high=10.0,
        dynamic=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.mount  # noqa: B018  (judged now, not with the first pose)

    @property
    def mount(self) -> Matrix | None:
        """``camera_in_body``, 4 x 4, takes points from the optical frame to the body's; None: not given."""
        if not self.camera_in_body.strip():
            return None
        try:
            numbers = [float(word) for word in self.camera_in_body.replace(",", " ").split()]
            x, y, z, qx, qy, qz, qw = numbers
            return pose_from_quaternion((x, y, z), (qx, qy, qz, qw))
        except PoseError as error:
            raise ConfigError(f"camera_in_body is {self.camera_in_body!r}: {error}") from None
        except ValueError:
            raise ConfigError(
                f"camera_in_body is {self.camera_in_body!r}; expected seven numbers: x y z qx qy qz qw"
            ) from None
