# SPDX-License-Identifier: Apache-2.0
"""The files of a run that one can go on from, or use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from foundation_stereo_ros.nets.stereo import StereoNetwork
from foundation_stereo_ros.nets.stereo.kinds import kind_of
from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import describe
from foundation_stereo_ros.train.state_file import Progress, RunState, save_state
from foundation_stereo_ros.weights import save_checkpoint

STATE_NAME = "state.safetensors"
WEIGHTS_NAME = "weights.safetensors"
BEST_NAME = "best.safetensors"


class RunFiles:
    """Writes them, each whole or not at all.

    Args:
        folder: of the run.
        config: of the run.
        notes: what its weights are made from.
    """

    def __init__(self, folder: Path, config: TrainingConfig, notes: Mapping[str, str]) -> None:
        self._folder, self._config, self._notes = folder, config, dict(notes)

    def save(self, state: RunState, progress: Progress) -> None:
        """Write the state to go on from, and the averaged weights as a checkpoint for everybody.

        Raises:
            CheckpointError: a file cannot be written.
        """
        about = {
            "config": self._config.to_dict(),
            "kind": kind_of(state.model.config),
            "network": state.model.config.to_dict(),
            "notes": self._notes,
        }
        save_state(self._folder / STATE_NAME, state, progress, about)
        self._export(WEIGHTS_NAME, state.averaged, progress, {})

    def save_best(self, averaged: StereoNetwork, progress: Progress) -> None:
        """Write the weights that were best so far.

        Raises:
            CheckpointError: the file cannot be written.
        """
        self._export(BEST_NAME, averaged, progress, {self._config.keep_best: f"{progress.best:.6g}"})

    def _export(
        self, name: str, averaged: StereoNetwork, progress: Progress, more: Mapping[str, str]
    ) -> None:
        before = [self._notes[name] for name in ("trained_on",) if name in self._notes]
        trained_on = ", then ".join([*before, describe(self._config.data)])
        notes = {**self._notes, **more, "steps": str(progress.step), "trained_on": trained_on}
        save_checkpoint(self._folder / name, averaged, notes)
