# SPDX-License-Identifier: Apache-2.0
"""How a case is measured: warm, several times, the network and its plain form in turns.

The plain form is the same network before `for_inference` prepares it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import torch

from foundation_stereo_ros.bench.frame import Frame, stereo_messages
from foundation_stereo_ros.bench.inputs import NetworkSource
from foundation_stereo_ros.bench.meters import FlopClock, Switch, clock_for, memory_growth
from foundation_stereo_ros.bench.stages import NETWORK_STAGES, WHOLE_NETWORK, stage_hooks
from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
from foundation_stereo_ros.nets.stereo import StereoNetwork, for_inference
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.shapes import DisparityMap

NETWORK, PLAIN = "network", "plain form"
"""What is measured in turns."""

WARM_UPS = 2
"""Untimed runs of each form before the timed ones, beside those that count operations and memory."""


@dataclass(frozen=True)
class Case:
    """What is measured: a network on pictures of a size, with ``iterations`` refinements (0: its own)."""

    source: NetworkSource
    height: int
    width: int
    iterations: int = 0
    precision: str = "auto"
    device: str = "auto"
    compiled: bool = False

    @property
    def config(self) -> PipelineConfig:
        """The pipeline's settings."""
        return PipelineConfig(
            device=self.device,
            precision=self.precision,
            iterations=self.iterations,
            compile=self.compiled,
        )


@dataclass
class Measured:
    """What was measured of one form of the network.

    Attributes:
        runs: stage -> milliseconds, for each timed frame.
        flops: stage -> floating-point operations of one frame.
        memory: of one frame, see `memory_growth`.
    """

    runs: list[dict[str, float]] = field(default_factory=list)
    flops: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseResult:
    """What came out of a case.

    Attributes:
        case: as it was given.
        iterations: refinements that were made.
        dtype: arithmetic of the convolutions.
        device: where it ran.
        fast: the network.
        plain: the network as it is before `for_inference`, where that was asked for.
        difference: largest and mean difference of the two disparities, pixels.
    """

    case: Case
    iterations: int
    dtype: torch.dtype
    device: torch.device
    fast: Measured
    plain: Measured | None
    difference: tuple[float, float] | None


class CaseMeasurement:
    """A case on its way.

    Args:
        case: which one.
        types: of the messages that are made.
        plain: also measure the network as it is before `for_inference` prepares it.
        tell: is told what is being done.
        now: seconds of some clock, for work on the CPU.

    Raises:
        CheckpointError: the weights cannot be loaded.
        ConfigError: there is no such device.
    """

    def __init__(
        self,
        case: Case,
        types: MessageTypes,
        plain: bool,
        tell: Callable[[str], None],
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._case, self._types, self._tell, self._now = case, types, tell, now
        tell("loading")
        self._model = case.source.load()
        self._messages = stereo_messages(case.height, case.width, types)
        self._switch = Switch()
        # Copied first, since what prepares the network folds its weights.
        self._plain = copy.deepcopy(self._model) if plain else None
        self._frames = {NETWORK: self._frame(for_inference(self._model), NETWORK_STAGES[-1], compiled=False)}
        if self._plain is not None:
            self._frames[PLAIN] = self._frame(self._plain, NETWORK_STAGES[-1], compiled=False)
        self._measured = {name: Measured() for name in self._frames}

    def _frame(self, network: StereoNetwork, last_stage: str, compiled: bool) -> Frame:
        config = self._case.config.replace(compile=compiled)
        self._estimator = StereoEstimator(config, network)
        return Frame(self._estimator, self._switch, last_stage, self._messages, self._types)

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self._estimator.device

    @property
    def dtype(self) -> torch.dtype:
        """Arithmetic of its convolutions."""
        return self._estimator.dtype

    def __call__(self, repeats: int) -> CaseResult:
        """Measure.

        Args:
            repeats: timed frames of each form.

        Raises:
            ConfigError: the network cannot be compiled here.
            DeviceMemoryError: the device has too little memory.
        """
        with ExitStack() as hooks:
            if self._plain is not None:
                hooks.enter_context(stage_hooks(self._plain, self._switch.lap))
            with stage_hooks(self._model, self._switch.lap):
                self._count()
                if not self._case.compiled:
                    return self._result(self._warm_up(), repeats)
            self._frames[NETWORK] = self._frame(self._model, WHOLE_NETWORK, compiled=True)
            try:
                disparities = self._warm_up()
            except RuntimeError as error:  # of which those of the compiler are
                raise ConfigError(
                    f"the network cannot be compiled here: {str(error).strip().splitlines()[0]}"
                ) from None
            return self._result(disparities, repeats)

    def _count(self) -> None:
        for name, frame in self._frames.items():
            self._tell(f"counting operations, {name}")
            _, self._measured[name].flops = frame.run(FlopClock())

    def _warm_up(self) -> list[DisparityMap]:
        disparities = []
        for name, frame in self._frames.items():
            self._tell(f"warming up, {name}")
            for _ in range(WARM_UPS):
                result, _ = frame.run()
            disparities.append(result.disparity)
            self._measured[name].memory = memory_growth(frame.run, self.device)
        return disparities

    def _result(self, disparities: list[DisparityMap], repeats: int) -> CaseResult:
        clock = clock_for(self.device, self._now)
        names = list(self._frames)
        for repeat in range(repeats):
            self._tell(f"run {repeat + 1} of {repeats}")
            # In turns, so that what else the machine does falls upon both alike.
            for name in names if repeat % 2 else reversed(names):
                self._measured[name].runs.append(self._frames[name].run(clock)[1])
        apart = np.abs(disparities[0] - disparities[-1])
        plain = self._measured.get(PLAIN)
        return CaseResult(
            self._case,
            self._model.config.refinements(self._case.iterations),
            self._estimator.dtype,
            self._estimator.device,
            self._measured[NETWORK],
            plain,
            (float(apart.max()), float(apart.mean())) if plain else None,
        )
