# SPDX-License-Identifier: Apache-2.0
"""Settings of a training run for posed video; a YAML file says ``system: video`` and those that differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.errors import ConfigError, check_fields
from foundation_stereo_ros.nets.video.config import PRESETS
from foundation_stereo_ros.scenes.moving.worlds import MovingConfig

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class VideoTrainingConfig:
    """Settings of a run on generated clips.

    Attributes:
        system: "video".
        preset: of the network, without recurrence.
        network: fields of its configuration that differ from the preset's.
        steps: length of the run.
        batch: clips in a step.
        views: frames of a clip; each is predicted from its neighbours.
        height, width: of the images, pixels; multiples of 32.
        learning_rate: highest, of AdamW.
        weight_decay: of AdamW.
        schedule: ``flat`` (falls over the last fifth alone) or ``cosine``.
        warmup: share of the run, 0 to 1, in which the rate rises.
        clip: greatest norm of the gradients.
        ema: decay per step of the averaged weights, which are what is exported.
        seed: of scenes and first weights.
        workers: processes that make clips ahead of need.
        log_every, validate_every, save_every: steps.
        validation_clips: held-back clips in a validation.
        scenes: fields of `MovingConfig` that differ from its defaults.

    Raises:
        ConfigError: a value is out of its range.
    """

    system: str = "video"
    preset: str = "narrow"
    network: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 100_000
    batch: int = 2
    views: int = 4
    height: int = 256
    width: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    schedule: str = "flat"
    warmup: float = 0.002
    clip: float = 5.0
    ema: float = 0.999
    seed: int = 1
    workers: int = 0
    log_every: int = 50
    validate_every: int = 1000
    save_every: int = 250
    validation_clips: int = 24
    scenes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = ("steps", "batch", "log_every", "validate_every", "save_every", "validation_clips")
        checks = [
            ("system", self.system == "video", "'video'"),
            ("preset", self.preset in PRESETS, f"one of {', '.join(PRESETS)}"),
            *((name, getattr(self, name) >= 1, "1 or more") for name in counts),
            ("views", self.views >= 2, "2 or more"),
            *((name, side > 0 and side % 32 == 0, "a multiple of 32") for name, side in self._sides()),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("schedule", self.schedule in ("flat", "cosine"), "flat or cosine"),
            ("warmup", 0 <= self.warmup < 1, "0 or more, below 1"),
            ("ema", 0 <= self.ema < 1, "0 or more, below 1"),
            ("workers", self.workers >= 0, "0 or more"),
        ]
        check_fields("training", self, checks)
        known = {f.name for f in dataclasses.fields(MovingConfig)}
        if unknown := sorted(set(self.scenes) - known):
            raise ConfigError(
                f"unknown setting of scenes {unknown[0]!r}; expected some of {', '.join(sorted(known))}"
            )

    def _sides(self) -> list[tuple[str, int]]:
        return [("height", self.height), ("width", self.width)]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values, as a YAML file holds them.

        Raises:
            ConfigError: unknown field, or a value out of its range.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ConfigError(
                f"unknown training setting {unknown[0]!r}; expected some of {', '.join(sorted(known))}"
            )
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(f"training settings: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` takes."""
        return dataclasses.asdict(self)
