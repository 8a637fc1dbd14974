# SPDX-License-Identifier: Apache-2.0
"""Run by launch_testing: replay.launch.py plays a recording in a loop, and its end."""

import os
import unittest
from pathlib import Path

import launch_testing
import pytest
from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch_testing.actions import ReadyToTest
from ros_listener import Listener
from sensor_msgs.msg import PointCloud2
from small_recording import STAMPS, make_recording


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    share = Path(get_package_share_directory("foundation_stereo_ros"))
    bag = Path("ride.mcap").resolve()
    make_recording(bag, Path(os.environ["SCENE"]))
    launched = IncludeLaunchDescription(
        str(share / "launch" / "replay.launch.py"),
        launch_arguments={"bag": str(bag), "loop": "true"}.items(),
    )
    return LaunchDescription([launched, ReadyToTest()])


class TestWhileItRuns(unittest.TestCase):
    def test_points_of_more_than_one_round_come(self) -> None:
        listener = Listener(int(os.environ["ROS_DOMAIN_ID"]))
        self.addCleanup(listener.close)
        points = listener.hear("/stereo/points2", PointCloud2)
        points.wait_for(count=3 * len(STAMPS))
        assert set(points.stamps) <= set(STAMPS)


@launch_testing.post_shutdown_test()
class TestAfterItsEnd(unittest.TestCase):
    def test_the_node_ends_well(self, proc_info, proc_output) -> None:
        launch_testing.asserts.assertExitCodes(proc_info, process="stereo_node", strict_proc_matching=False)
        said = "".join(part.text.decode() for part in proc_output)
        assert "Traceback" not in said
