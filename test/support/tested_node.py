# SPDX-License-Identifier: Apache-2.0
"""A node as a process, with all that one may ask it from outside."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters, SetParametersAtomically
from rclpy.parameter import Parameter, parameter_value_to_python
from ros_listener import Inbox, Listener
from ros_processes import RosProcess
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from stereo_msgs.msg import DisparityImage
from waiting import PATIENCE_S

OUTPUTS = {
    "disparity": DisparityImage,
    "depth/image_rect": Image,
    "depth/camera_info": CameraInfo,
    "points2": PointCloud2,
    "confidence": Image,
    "disparity/visual": Image,
}

INPUTS = ("left/image_rect", "right/image_rect", "left/camera_info", "right/camera_info")

SMALL = {"device": "cpu", "iterations": 1}
"""Parameters for tests that do not look at the values."""


class Report(NamedTuple):
    """A status out of /diagnostics; values that it does not have are empty."""

    level: int
    message: str
    values: defaultdict[str, str]

    def count(self, key: str) -> int:
        return int(self.values[key] or 0)


class TestedNode(RosProcess):
    """The node, started by its module.

    Args:
        domain: of ROS.
        folder: working directory.
        listener: asks and hears.
        namespace: of the node.
        parameters: at its start.
        words: more of ``--ros-args``.
        environment: more of its environment.
        counted: as in `RosProcess`.
        system: stereo or video.
    """

    __test__ = False

    def __init__(
        self,
        domain: int,
        folder: Path,
        listener: Listener,
        namespace: str = "/stereo",
        parameters: Mapping[str, Any] = SMALL,
        words: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        counted: bool = False,
        system: str = "stereo",
    ) -> None:
        given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={_yaml(value)}")]
        module = "foundation_stereo_ros.ros.node.main"
        command = [
            sys.executable,
            "-m",
            module,
            system,
            "--ros-args",
            "-r",
            f"__ns:={namespace}",
            *given,
            *words,
        ]
        self.namespace, self.name, self._listener = namespace, f"{namespace}/{system}_node", listener
        self._status = f"{self.name}: {system}"
        self._diagnostics = listener.hear("/diagnostics", DiagnosticArray, 100)
        super().__init__(command, domain, folder, environment, counted)

    def hear(self, output: str, qos: Any = 10) -> Inbox:
        """Subscribe to an output."""
        return self._listener.hear(f"{self.namespace}/{output}", OUTPUTS[output], qos)

    # ---- diagnostics

    def reports(
        self, suits: Callable[[Report], bool] = lambda _: True, timeout: float = PATIENCE_S
    ) -> Report:
        """Wait for a status that is still to come and suits."""
        self._diagnostics.clear()
        try:
            return self._report(self._diagnostics.wait_for(lambda m: suits(self._report(m)), timeout=timeout))
        except AssertionError:
            last = [self._report(m) for m in self._diagnostics.messages][-1:]
            raise AssertionError(f"no such status; the last one is {last}; the log:\n{self.log}") from None

    def diagnostics_stamps(self) -> list[int]:
        """Return the stamps of the diagnostics heard since `reports` was called last."""
        return self._diagnostics.stamps

    def _report(self, message: DiagnosticArray) -> Report:
        for status in message.status:
            if status.name == self._status:
                level = status.level[0] if isinstance(status.level, bytes) else int(status.level)
                values = {pair.key: pair.value for pair in status.values}
                return Report(level, status.message, defaultdict(str, values))
        return Report(-1, "of another node", defaultdict(str))

    # ---- parameters

    def set(self, *, atomically: bool = False, **values: Any) -> list[str]:
        """Set parameters (``__`` stands for a dot); return the reasons of refusals."""
        kind = SetParametersAtomically if atomically else SetParameters
        messages = [Parameter(n.replace("__", "."), value=v).to_parameter_msg() for n, v in values.items()]
        service = f"{self.name}/set_parameters{'_atomically' if atomically else ''}"
        answer = self._listener.call(kind, service, parameters=messages)
        results = [answer.result] if atomically else answer.results
        return [result.reason or "refused without a reason" for result in results if not result.successful]

    def get(self, *names: str) -> list[Any]:
        """Return parameters."""
        answer = self._listener.call(GetParameters, f"{self.name}/get_parameters", names=list(names))
        return [parameter_value_to_python(value) for value in answer.values]

    def describe(self, *names: str) -> list[Any]:
        """Return the descriptors of parameters."""
        service = f"{self.name}/describe_parameters"
        return list(self._listener.call(DescribeParameters, service, names=list(names)).descriptors)

    # ---- lifecycle

    @property
    def state(self) -> str:
        """Label of the lifecycle's state."""
        return str(self._listener.call(GetState, f"{self.name}/get_state").current_state.label)

    def change_state(self, what: str) -> bool:
        """Ask for a transition; return whether it succeeded."""
        ids = {
            "configure": Transition.TRANSITION_CONFIGURE,
            "activate": Transition.TRANSITION_ACTIVATE,
            "deactivate": Transition.TRANSITION_DEACTIVATE,
            "cleanup": Transition.TRANSITION_CLEANUP,
        }
        # Which of the three there are depends on the state.
        shutdowns = {
            "unconfigured": Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
            "inactive": Transition.TRANSITION_INACTIVE_SHUTDOWN,
            "active": Transition.TRANSITION_ACTIVE_SHUTDOWN,
        }
        number = shutdowns[self.state] if what == "shutdown" else ids[what]
        request = Transition(id=number)
        return bool(self._listener.call(ChangeState, f"{self.name}/change_state", transition=request).success)


def reliable(namespace: str = "/stereo") -> tuple[str, ...]:
    """Return words of ``--ros-args`` by which the node asks again for images that got lost."""
    names = [f"qos_overrides.{namespace}/{name}.subscription.reliability" for name in INPUTS]
    return tuple(word for name in names for word in ("-p", f"{name}:=reliable"))


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)
