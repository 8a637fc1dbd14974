# SPDX-License-Identifier: Apache-2.0
"""All that a training run is told; the only place with its defaults. A YAML file lists what differs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.training.augmentation import AugmentationConfig
from foundation_stereo_ros.training.scene_config import SceneConfig


@dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
        preset: network preset to train from nothing.
        network: fields of the preset to change.
        steps: length of the run in steps; the learning rate follows it.
        minutes: length of the run in minutes of training instead (over all resumed parts); 0: by steps.
        batch, height, width: pairs in a step, and their size in pixels (multiples of 32).
        iterations: refinements in training; 0: those of the preset.
        learning_rate: highest one.
        schedule: ``cosine`` (falls to a hundredth) or ``step`` (a tenth from 80 % on, as in the paper).
        warmup: share of the run in which the learning rate rises.
        weight_decay, clip, gamma: of AdamW; bound of the gradient's norm; weight from a refinement to the
            one before.
        ema: decay of the averaged weights, which are what is exported.
        precision: ``fp32``, ``bf16`` or ``fp16`` autocast (on CUDA); ``auto``: bf16 there, fp32 on the CPU.
        channels_last: memory layout of the 2-D part.
        compile: run the network through torch.compile.
        seed: of scenes, weights and augmentation.
        reuse: how often each rendered pair is used on average, another crop each time; above 1 where
            rendering is the slower part.
        workers: processes that plan scenes and, on a CPU with ``reuse``, render them; 0: none.
        log_every, picture_every, validate_every, save_every: in steps; 0: never (saving happens at the end
            anyway).
        validation_pairs: held-back pairs to validate on.
        scenes, augmentation: see there.
    """

    preset: str = "tiny"
    network: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 20_000
    minutes: float = 0.0
    batch: int = 4
    height: int = 256
    width: int = 448
    iterations: int = 0
    learning_rate: float = 4e-4
    schedule: str = "cosine"
    warmup: float = 0.03
    weight_decay: float = 1e-5
    clip: float = 1.0
    gamma: float = 0.9
    ema: float = 0.999
    precision: str = "auto"
    channels_last: bool = False
    compile: bool = False
    seed: int = 0
    reuse: int = 1
    workers: int = 0
    log_every: int = 20
    picture_every: int = 1000
    validate_every: int = 1000
    save_every: int = 500
    validation_pairs: int = 16
    scenes: SceneConfig = field(default_factory=SceneConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        for name, good, expected in self._checks():
            if not good:
                raise ConfigError(f"training {name} is {getattr(self, name)!r}; expected {expected}")

    def _checks(self) -> list[tuple[str, bool, str]]:
        counts = (
            "workers",
            "log_every",
            "picture_every",
            "validate_every",
            "save_every",
            "validation_pairs",
            "iterations",
        )
        return [
            ("steps", self.steps >= 1, "1 or more"),
            ("minutes", self.minutes >= 0, "0 or more"),
            ("batch", self.batch >= 1, "1 or more"),
            ("reuse", self.reuse >= 1, "1 or more"),
            ("height", self.height > 0 and self.height % 32 == 0, "a positive multiple of 32"),
            ("width", self.width > 0 and self.width % 32 == 0, "a positive multiple of 32"),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("schedule", self.schedule in ("cosine", "step"), "'cosine' or 'step'"),
            ("warmup", 0 <= self.warmup < 1, "0 up to below 1"),
            ("clip", self.clip > 0, "a positive number"),
            ("gamma", 0 < self.gamma <= 1, "above 0, up to 1"),
            ("ema", 0 <= self.ema < 1, "0 up to below 1"),
            ("precision", self.precision in ("auto", "fp32", "bf16", "fp16"), "auto, fp32, bf16 or fp16"),
            *((name, getattr(self, name) >= 0, "0 or more") for name in counts),
        ]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Build from plain values, as YAML has them; `scenes` and `augmentation` are mappings.

        Raises:
            ConfigError: unknown name, or a value of a wrong kind or out of its range.
        """
        plain = dict(values)
        parts = {"scenes": SceneConfig, "augmentation": AugmentationConfig}
        nested = {
            name: _build(kind, plain.pop(name), f"{name}.") for name, kind in parts.items() if name in plain
        }
        result: TrainingConfig = _build(cls, {**plain, **nested}, "")
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, those of `scenes` and `augmentation` nested, that `from_dict` takes."""
        return dataclasses.asdict(self)


def _build(kind: Any, values: Any, prefix: str) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(f"training setting {prefix[:-1]!r} is {values!r}; expected a mapping")
    known = {f.name for f in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(
            f"unknown training setting {prefix}{unknown[0]!r}; expected some of {', '.join(sorted(known))}"
        )
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"a training setting has a wrong kind of value: {error}") from None


def learning_rate(config: TrainingConfig, progress: float) -> float:
    """Return AdamW's learning rate after a share of the run, 0 to 1."""
    if progress < config.warmup:
        return config.learning_rate * max(progress / config.warmup, 1e-3)
    if config.schedule == "step":
        return config.learning_rate * (0.1 if progress >= 0.8 else 1.0)
    done = min((progress - config.warmup) / (1.0 - config.warmup), 1.0)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))
