# SPDX-License-Identifier: Apache-2.0
"""Settings of a training run for posed video; a YAML file says ``system: video`` and those that differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from foundation_stereo_ros.errors import check_fields
from foundation_stereo_ros.nets.video.config import PRESETS
from foundation_stereo_ros.scenes.moving.worlds import MovingConfig
from foundation_stereo_ros.train.config import build

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
        scenes: what the clips are like.

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
    scenes: MovingConfig = field(default_factory=MovingConfig)

    def __post_init__(self) -> None:
        counts = ("steps", "batch", "log_every", "validate_every", "save_every", "validation_clips")
        checks = [
            ("system", self.system == "video", "'video'"),
            ("preset", self.preset in PRESETS, f"one of {', '.join(PRESETS)}"),
            *((name, getattr(self, name) >= 1, "1 or more") for name in counts),
            ("views", self.views >= 2, "2 or more"),
            ("height", self.height > 0 and self.height % 32 == 0, "a multiple of 32"),
            ("width", self.width > 0 and self.width % 32 == 0, "a multiple of 32"),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("schedule", self.schedule in ("flat", "cosine"), "flat or cosine"),
            ("warmup", 0 <= self.warmup < 1, "0 or more, below 1"),
            ("ema", 0 <= self.ema < 1, "0 or more, below 1"),
            ("workers", self.workers >= 0, "0 or more"),
        ]
        check_fields("training", self, checks)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values, as a YAML file holds them.

        Raises:
            ConfigError: unknown field, or a value out of its range.
        """
        plain = dict(values)
        if "scenes" in plain:
            plain["scenes"] = build(MovingConfig, plain["scenes"], "scenes.")
        return build(cls, plain)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, those of the scenes nested, that `from_dict` takes."""
        return dataclasses.asdict(self)
