# SPDX-License-Identifier: Apache-2.0
"""Run by launch_testing: stereo.launch.py beside a camera, and its end."""

import os
import unittest
from pathlib import Path

import launch_testing
import pytest
from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch_testing.actions import ReadyToTest
from ros_listener import Listener, stamp_of
from ros_processes import CameraProcess
from sensor_msgs.msg import PointCloud2

PARAMETERS = "/**:\n  ros__parameters:\n    device: cpu\n    iterations: 1\n"


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    share = Path(get_package_share_directory("foundation_stereo_ros"))
    Path("small.yaml").write_text(PARAMETERS)
    arguments = {"params_file": str(Path("small.yaml").resolve()), "namespace": "rig"}
    launched = IncludeLaunchDescription(
        str(share / "launch" / "stereo.launch.py"), launch_arguments=arguments.items()
    )
    return LaunchDescription([launched, ReadyToTest()])


class TestWhileItRuns(unittest.TestCase):
    def test_points_come_with_the_cameras_stamps(self) -> None:
        domain = int(os.environ["ROS_DOMAIN_ID"])
        listener = Listener(domain)
        self.addCleanup(listener.close)
        points = listener.hear("/rig/points2", PointCloud2)
        camera = CameraProcess(domain, Path.cwd(), "raw", "sensor", ("-r", "__ns:=/rig"))
        self.addCleanup(camera.stop)
        camera.send(scene=os.environ["SCENE"])
        message = points.wait_for(count=3)
        assert message.header.frame_id == "left_optical"
        assert camera.has_sent([stamp_of(message)])


@launch_testing.post_shutdown_test()
class TestAfterItsEnd(unittest.TestCase):
    def test_it_ends_well(self, proc_info, proc_output) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        said = "".join(part.text.decode() for part in proc_output)
        assert "Traceback" not in said
