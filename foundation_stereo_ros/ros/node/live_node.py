# SPDX-License-Identifier: Apache-2.0
"""The lifecycle node around a live pipeline, of whatever system."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import SetBool

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.interface import Estimator
from foundation_stereo_ros.ros.live.core import Live
from foundation_stereo_ros.ros.live.inputs import Input
from foundation_stereo_ros.ros.live.parameters import Configs, ParameterSet
from foundation_stereo_ros.ros.live.status import ERROR, OK, WARN, Status
from foundation_stereo_ros.ros.messages.outputs import Output
from foundation_stereo_ros.ros.node.diagnostics import Diagnostics
from foundation_stereo_ros.ros.node.inputs import Inputs
from foundation_stereo_ros.ros.node.logs import bridge_logs, unbridge_logs
from foundation_stereo_ros.ros.node.outputs import Outputs
from foundation_stereo_ros.ros.node.parameters import NodeParameters
from foundation_stereo_ros.ros.node.save_service import SaveService
from foundation_stereo_ros.ros.node.transitions import failure, refuse_impossible_transitions

_log = logging.getLogger(__name__)

STOP_S = 10.0
"""How long a transition waits for images that are in the network."""

SAVE_S = 5.0
"""How long the end waits for a result that is being written."""


class LiveNode(LifecycleNode):
    """Images in; depth and point cloud out.

    Configuring loads the weights, activating subscribes and computes, deactivating gives the device's memory
    back, cleaning up drops the network. A transition that fails leaves the state as it was, with the reason
    in the log and in the diagnostics.

    What is a system's own is in `build` and `inputs`.

    Args:
        name: of the node.
        system: what it does, in a word, for /diagnostics.
        parameters: it has.
        outputs: it has: topic -> its row, see `messages.outputs.OUTPUTS`.

    Raises:
        ConfigError: a parameter given at the start is wrong.
    """

    def __init__(
        self, name: str, system: str, parameters: ParameterSet[Any, Any], outputs: Mapping[str, Output]
    ) -> None:
        super().__init__(name)
        self._offered = outputs
        self._log_bridge = bridge_logs(self.get_logger())
        try:
            self._settings = NodeParameters(self, parameters)
        except ConfigError as error:
            # Here, where the log has the node's full name: whoever makes the node does not get it.
            _log.critical("%s", error)
            raise
        self._settings.on_change(self._reconfigure)
        self._core: Live[Any] | None = None
        self._estimator: Estimator[Any] | None = None
        self._outputs: Outputs | None = None
        self._inputs: Inputs | None = None
        self._label = "unconfigured"
        self._failure = ""
        self._enabled = True
        refuse_impossible_transitions(self)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics = Diagnostics(self, system, lambda: (self.status(), self._device), steady)
        self._save = SaveService(self, lambda: self._running, lambda: self.status().message, steady)
        self.create_service(SetBool, "~/enable", self._enable)

    def build(self, configs: Configs[Any, Any], outputs: Outputs) -> tuple[Live[Any], Estimator[Any]]:
        """Load the weights, and join them with intake and worker.

        Args:
            configs: the settings.
            outputs: where results go.

        Raises:
            FoundationStereoError: it is not possible; the node stays unconfigured.
        """
        raise NotImplementedError

    def inputs(self, configs: Configs[Any, Any], core: Live[Any]) -> Sequence[Input]:
        """Return what to listen to."""
        raise NotImplementedError

    def now_ns(self) -> int:
        """Return the node's time, nanoseconds."""
        return int(self.get_clock().now().nanoseconds)

    def autostart(self) -> None:
        """Configure and activate, where the parameter says so."""
        if self._settings.configs.live.autostart:
            success = TransitionCallbackReturn.SUCCESS
            if self.trigger_configure() == success and self.trigger_activate() != success:
                _log.error("the node stays inactive; activate it when the cause is fixed")

    def close(self, timeout: float) -> None:
        """Stop computing for good.

        Waits ``timeout`` seconds at most for a pair that is in the network, and `SAVE_S` for a result that is
        being written.
        """
        if self._core is not None:
            self._core.worker.stop(timeout)
            _finish_saving(self._core)
        unbridge_logs(self._log_bridge)

    @property
    def _running(self) -> Live[Any] | None:
        return self._core if self._inputs is not None else None

    @property
    def _device(self) -> str:
        return self._estimator.engine().device if self._estimator else ""

    def status(self) -> Status:
        """Tell how it goes."""
        if self._core is not None:
            status = self._core.status(self._inputs.facts() if self._inputs else None)
        else:
            status = Status(WARN, f"{self._label}: nothing is computed in this state")
        if self._failure:
            status = status._replace(level=ERROR, message=self._failure)
        return status._replace(values=(("lifecycle", self._label), *status.values))

    # ---- transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the weights."""
        self._diagnostics.publish(Status(OK, "loading the weights"))
        return self._attempt("configure", self._configure, super().on_configure, state, "inactive")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe, and start the worker."""
        return self._attempt("activate", self._activate, super().on_activate, state, "active")

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe, stop the worker, and give the device's memory back."""
        return self._attempt("deactivate", self._deactivate, super().on_deactivate, state, "inactive")

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Drop the network."""
        return self._attempt("clean up", self._release, super().on_cleanup, state, "unconfigured")

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Do what deactivating and cleaning up do."""
        return self._attempt("shut down", self._release, super().on_shutdown, state, "finalized")

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start again from nothing."""
        return self._attempt("recover", self._release, super().on_error, state, "unconfigured")

    def _attempt(
        self,
        what: str,
        step: Callable[[], None],
        entities: Callable[[LifecycleState], TransitionCallbackReturn],
        state: LifecycleState,
        label: str,
    ) -> TransitionCallbackReturn:
        try:
            step()
        except Exception as error:
            self._failure = failure(what, error)
            return TransitionCallbackReturn.FAILURE
        self._failure, self._label = "", label
        return entities(state)

    def _configure(self) -> None:
        outputs = Outputs(self, self._offered)
        try:
            self._core, self._estimator = self.build(self._settings.configs, outputs)
        except Exception:
            outputs.destroy()
            raise
        self._core.worker.enabled = self._enabled
        self._outputs = outputs

    def _activate(self) -> None:
        if self._core is not None:  # rclpy activates a node only once it is configured
            inputs = Inputs(self, self.inputs(self._settings.configs, self._core), self._core.intake.reject)
            self._core.worker.start()
            self._inputs = inputs

    def _deactivate(self) -> None:
        if self._inputs is not None:
            self._inputs.destroy()
            self._inputs = None
        if self._core is not None and not self._core.worker.stop(STOP_S):
            _log.warning("images are still being computed; the device's memory is freed when it is done")

    def _release(self) -> None:
        self._deactivate()
        if self._outputs is not None:
            self._outputs.destroy()
        if self._core is not None and self._estimator is not None:
            if self._core.worker.stop(0.0):
                self._estimator.to_host()
            _finish_saving(self._core)
        self._core = self._estimator = self._outputs = None

    # ---- callbacks

    def _reconfigure(self, configs: Configs[Any, Any]) -> None:
        if self._core is not None:
            self._core.worker.reconfigure(configs.pipeline, configs.live)

    def _enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enabled = request.data
        if self._core is not None:
            self._core.worker.enabled = request.data
        response.success = True
        response.message = "enabled" if request.data else "disabled"
        return response


def _finish_saving(core: Live[Any]) -> None:
    if not core.worker.finish_saving(SAVE_S):
        _log.warning("a result is still being written; its folder may lack files")
