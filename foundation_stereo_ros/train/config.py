# SPDX-License-Identifier: Apache-2.0
"""All that a training run is told; the only place with its defaults. A YAML file lists what differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from foundation_stereo_ros.errors import ConfigError, FileFormatError, check_fields
from foundation_stereo_ros.scenes.layered.config import LayeredConfig
from foundation_stereo_ros.scenes.raycast.config import SceneConfig
from foundation_stereo_ros.train.data_config import CropConfig, DatasetChoice, TrainingSource
from foundation_stereo_ros.train.feed.augmentation import AugmentationConfig

T = TypeVar("T")

FROM_NOTHING = "tiny"
"""Network preset of a run that starts from nothing and names none."""
FINE_TUNING: Mapping[str, Any] = {"learning_rate": 1e-4, "norms": "frozen", "ema": 0.998}
"""Defaults that differ where a run starts from a checkpoint: small steps away from good weights."""
NORMS = ("batch", "frozen", "synced")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
SCHEDULES = ("cosine", "step", "flat")


def build(kind: type[T], values: Any, prefix: str = "") -> T:
    """Return a dataclass made from names and values.

    Args:
        kind: a dataclass.
        values: a mapping; what is missing keeps its default.
        prefix: what stands before the names in error messages, such as ``scenes.``.

    Raises:
        ConfigError: unknown name, or a value of a wrong kind or out of its range.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"training setting {prefix[:-1]!r} is {values!r}; expected a mapping")
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(map(str, values)) - known)
    if unknown:
        raise ConfigError(
            f"unknown training setting {prefix}{unknown[0]!r}; expected some of {', '.join(sorted(known))}"
        )
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"a training setting has a wrong kind of value: {error}") from None


@dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
        preset: network preset to train from nothing; empty: `FROM_NOTHING`, or what ``start_from`` holds.
        network: fields of the preset to change; beside ``start_from`` those that no weight's shape depends
            on.
        start_from: weights file to begin with, of this package or NVIDIA's; empty: from nothing.
        steps: length of the run in steps; the learning rate follows it.
        minutes: length of the run in minutes of training instead (over all resumed parts); 0: by steps.
        batch, height, width: pairs in a step, and their size in pixels (multiples of 32).
        iterations: refinements in training; 0: those of the network, but no more than 22.
        learning_rate: highest one.
        schedule: ``cosine`` (falls to a hundredth), ``step`` (a tenth from 80 % on, as in the paper) or
            ``flat`` (falls to a hundredth over the last fifth alone: before that the run's length can still
            change).
        warmup: share of the run in which the learning rate rises.
        weight_decay, clip, gamma: of AdamW; bound of the gradient's norm; weight from a refinement to the
            one before.
        matching, correlation: weights in the loss of the cross entropy of the classifier's scores, and of
            that of the bare correlations; 0, as in the paper: none.
        hidden, edges: of a lean network's loss: weights of pixels that the right camera does not see, and of
            those within 3 pixels of a depth edge, beside other pixels.
        ema: decay of the averaged weights, which are what is exported.
        norms: what batch norms normalise with: the statistics of the ``batch``, those of all processes'
            batches (``synced``, CUDA alone), or those that the network came with (``frozen``).
        precision: ``fp32``, ``bf16`` or (on CUDA) ``fp16`` autocast; ``auto``: bf16 on CUDA, fp32 on a CPU.
        channels_last: lay the 2-D weights out channels last; a sixth less time on a CPU.
        compile: run the network through torch.compile.
        seed: of scenes, weights and augmentation.
        keep: path of a keep-list of ``foundation_stereo curate``: only scenes that it keeps are generated;
            empty: fresh ones without end.
        reuse: how often each rendered pair is used on average, another crop each time; above 1 where
            rendering is the slower part.
        workers: processes that plan scenes and, on a CPU with ``reuse``, render them; 0: none.
        log_every, picture_every, validate_every, save_every: in steps; 0: never (saving happens at the end
            anyway).
        validation_pairs: held-back pairs to validate on.
        data: what to train on; nothing: ray-cast scenes alone.
        crops: how pairs of datasets are cropped.
        validate_on: a dataset to validate on as well.
        keep_best: figure of the validation, such as ``real/epe``: the weights that were lowest in it so far
            are kept beside the newest; empty: none.
        layered, scenes, augmentation: see there.
    """

    preset: str = ""
    network: Mapping[str, Any] = field(default_factory=dict)
    start_from: str = ""
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
    matching: float = 0.0
    correlation: float = 0.0
    hidden: float = 0.3
    edges: float = 1.0
    ema: float = 0.999
    norms: str = "batch"
    precision: str = "auto"
    channels_last: bool = False
    compile: bool = False
    seed: int = 0
    keep: str = ""
    reuse: int = 1
    workers: int = 0
    log_every: int = 20
    picture_every: int = 1000
    validate_every: int = 1000
    save_every: int = 500
    validation_pairs: int = 16
    data: tuple[TrainingSource, ...] = ()
    crops: CropConfig = field(default_factory=CropConfig)
    validate_on: DatasetChoice | None = None
    keep_best: str = ""
    layered: LayeredConfig = field(default_factory=LayeredConfig)
    scenes: SceneConfig = field(default_factory=SceneConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def __post_init__(self) -> None:
        check_fields("training", self, self._checks())

    def _checks(self) -> list[tuple[str, bool, str]]:
        counts = (
            "matching",
            "hidden",
            "edges",
            "correlation",
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
            ("keep", isinstance(self.keep, str), "the path of a keep-list"),
            ("reuse", self.reuse >= 1, "1 or more"),
            ("height", self.height > 0 and self.height % 32 == 0, "a positive multiple of 32"),
            ("width", self.width > 0 and self.width % 32 == 0, "a positive multiple of 32"),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("schedule", self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            ("warmup", 0 <= self.warmup < 1, "0 up to below 1"),
            ("clip", self.clip > 0, "a positive number"),
            ("gamma", 0 < self.gamma <= 1, "above 0, up to 1"),
            ("ema", 0 <= self.ema < 1, "0 up to below 1"),
            (
                "keep_best",
                self._measures_best(),
                "none, or held_back/ or painted/ (with validation_pairs) or real/ (with validate_on) and a "
                "figure's name",
            ),
            ("norms", self.norms in NORMS, f"one of {', '.join(NORMS)}"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
            *((name, getattr(self, name) >= 0, "0 or more") for name in counts),
        ]

    def _measures_best(self) -> bool:
        generated = self.validation_pairs > 0
        kinds = {"": True, "held_back": generated, "painted": generated, "real": self.validate_on is not None}
        return kinds.get(self.keep_best.partition("/")[0], False)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Build from plain values, as YAML has them: mappings for the parts, a list of them for ``data``.

        What is missing has its default, or, with ``start_from``, that of `FINE_TUNING`.

        Raises:
            ConfigError: unknown name, or a value of a wrong kind or out of its range.
        """
        plain = {**FINE_TUNING, **values} if values.get("start_from") else dict(values)
        for name, kind in _PARTS.items():
            if plain.get(name) is not None:
                plain[name] = build(kind, plain[name], f"{name}.")
        if "data" in plain:
            plain["data"] = _sources(plain["data"])
        return build(cls, plain)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, those of the parts nested, that `from_dict` takes."""
        return dataclasses.asdict(self)


_PARTS: dict[str, type] = {
    "layered": LayeredConfig,
    "scenes": SceneConfig,
    "augmentation": AugmentationConfig,
    "crops": CropConfig,
    "validate_on": DatasetChoice,
}


def _sources(values: Any) -> tuple[TrainingSource, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ConfigError(f"training setting 'data' is {values!r}; expected a list of mappings")
    return tuple(build(TrainingSource, value, "data.") for value in values)


def read_settings(path: Path) -> dict[str, Any]:
    """Return the names and values in a file.

    Raises:
        ConfigError: it cannot be read, or holds something else.
    """
    from foundation_stereo_ros.io.documents import read_yaml

    try:
        values = read_yaml(path)
    except FileFormatError as error:
        raise ConfigError(str(error)) from None
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path} holds {type(values).__name__}; expected names and values of training settings"
        )
    return values
