# SPDX-License-Identifier: Apache-2.0
"""A training run on stereo pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from foundation_stereo_ros.evaluate.metrics import error_metrics
from foundation_stereo_ros.nets.stereo import StereoNetwork, lay_channels_last
from foundation_stereo_ros.nets.stereo.kinds import kind_of
from foundation_stereo_ros.scenes.raycast.generator import SceneGenerator, StereoBatch
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import describe
from foundation_stereo_ros.train.descent import Descent, Stepped
from foundation_stereo_ros.train.distributed import Group, sync_norms
from foundation_stereo_ros.train.feed.mixed import MixedFeed
from foundation_stereo_ros.train.loop import Loop, Parts
from foundation_stereo_ros.train.optimisation import Precision
from foundation_stereo_ros.train.pictures import Shown
from foundation_stereo_ros.train.run_files import STATE_NAME, RunFiles, read_about
from foundation_stereo_ros.train.start import start
from foundation_stereo_ros.train.validation import Show, Validation


class StereoSubject:
    """What is told of a run on pairs, and measured; see `Subject`.

    Args:
        validation: measures weights.
    """

    def __init__(self, validation: Validation) -> None:
        self._validation, self.wanted = validation, validation.wanted

    def figures(self, batch: StereoBatch, done: Stepped) -> Mapping[str, float]:
        """Return the errors of a step's own batch, pixels and per cent."""
        error = error_metrics(done.output.refined[-1].detach(), batch.disparity, batch.valid)
        return {name: float(error[name]) for name in ("epe", "bp2")}

    def headline(self, figures: Mapping[str, float]) -> str:
        """Return what stands beside the bar."""
        return f"epe {figures['epe']:.3f} px"

    def shown(self, batch: StereoBatch, done: Stepped) -> Shown:
        """Return the first pair of a step."""
        parts = (done.left, done.right, batch.disparity, batch.valid, done.output.refined[-1])
        return Shown(*(part[0] for part in parts))

    def validate(self, averaged: StereoNetwork, show: Show | None = None) -> dict[str, float]:
        """Return the weights' errors by name, as `Validation` has them."""
        return self._validation(averaged, show)


class Trainer(Loop[StereoBatch, Stepped]):
    """Trains a network from nothing or from a checkpoint, or goes on with a run.

    Args:
        config: the run.
        folder: for its state, weights and logs.
        device: where to render and train.
        resume: go on from the state in the folder.
        group: the processes that train together; the first one writes the files.

    Attributes:
        notes: what the weights are made from, as the exported file says it.
        generator: renders the scenes.

    Raises:
        ConfigError: the network cannot be built or trained so.
        CheckpointError: the checkpoint or the state cannot be read, or does not fit.
        FileFormatError: a dataset to validate on cannot be read.
    """

    model: StereoNetwork
    averaged: StereoNetwork

    def __init__(
        self,
        config: TrainingConfig,
        folder: Path,
        device: torch.device | str,
        resume: bool = False,
        group: Group | None = None,
    ) -> None:
        self.config, device, group = config, torch.device(device), group or Group()
        precision = Precision(config.precision, device)
        precision.check_height(config.height)
        torch.manual_seed(config.seed)
        began = start(config, read_about(folder / STATE_NAME) if resume else None)
        model, self.notes = began.model.to(device), dict(began.notes)
        if config.norms == "synced":
            sync_norms(model, device)
        if config.channels_last:
            lay_channels_last(model)
        # shapes never change here
        torch.backends.cudnn.benchmark = device.type == "cuda" or torch.backends.cudnn.benchmark
        self.generator = SceneGenerator(config.scenes, device, float(model.config.max_disp))
        parts = Parts(
            model,
            Descent(config, model, precision, group),
            lambda first: MixedFeed(config, self.generator, first, group.place),
            StereoSubject(Validation(config, self.generator, precision)),
            RunFiles(folder, config, kind_of(model.config), self.notes, describe(config.data)),
        )
        super().__init__(config, folder, device, precision, group, resume, parts)
