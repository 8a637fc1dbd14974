# SPDX-License-Identifier: Apache-2.0
"""Settings of a training run for posed video; a YAML file says ``system: video`` and those that differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from foundation_stereo_ros.errors import ConfigError, check_fields
from foundation_stereo_ros.nets.video.kinds import VIDEO_PRESETS
from foundation_stereo_ros.scenes.moving.worlds import MovingConfig
from foundation_stereo_ros.train.config import PRECISIONS, build
from foundation_stereo_ros.train.feed.clip_augmentation import ClipAugmentation
from foundation_stereo_ros.train.video_stages import SCHEDULES, Span, Stage, spans

if TYPE_CHECKING:
    from typing_extensions import Self

FIGURES = ("generated/abs", "generated/abs_rel", "generated/abs_inv")
"""Of a validation: absolute (m), relative and inverse (1/m) errors."""


@dataclass(frozen=True)
class VideoTrainingConfig:
    """Settings of a run on clips.

    Attributes:
        system: "video".
        preset: of the network.
        start_from: weights to begin with; for lean those of a lean stereo network as well, for fusionnet
            those of pairnet (feature extractor, pyramid and encoder). Empty: random ones.
        network: fields of its configuration that differ from the preset's.
        steps: length of the run.
        minutes: length of the run in minutes of training instead, without stages; 0: by steps.
        stages: one after the other; none: all parts of the network are trained by the rates below.
        batch: clips in a step, of each process.
        views: frames of a clip; each but the first is predicted from those before it.
        height, width: of the images, pixels; multiples of 32.
        learning_rate: highest, of AdamW.
        weight_decay: of AdamW.
        schedule: ``flat`` (falls over the last fifth alone), ``cosine``, ``step`` or ``constant``.
        warmup: share of the run, 0 to below 1, in which the rate rises.
        clip: greatest norm of the gradients, 0 or more; 0: any.
        ema: decay per step of the averaged weights, which are what is exported.
        precision: ``fp32``, ``bf16`` or (on CUDA) ``fp16`` autocast; ``auto``: bf16 on CUDA, fp32 on a CPU.
        seed: of scenes, first weights and augmentation.
        workers: processes that make clips ahead of need.
        log_every, validate_every, save_every: steps.
        validation_clips: held-back clips in a validation.
        keep_best: figure of the validation, such as ``generated/abs_rel``: the weights that were lowest in
            it so far are kept beside the newest; empty: none.
        flip: of pairnet: chance, 0 to 1, that a view, as reference, is mirrored after the sweep.
        matching, correlation: weights of the cross entropies of the lean network's scores.
        hidden: weight of pixels that no other view sees, beside 1; of the lean network.
        edges: weight of pixels within 3 of a depth edge, beside 1; of the lean network.
        folders: with posed video and true depth, to draw clips from.
        folder_share: share of the clips that are drawn from the folders, 0 to 1; the others are generated.
        samples: how clips are drawn from folders: ``random``, or ``published``: the samples of DeepVideoMVS.
        augmentation: changes to the clips, generated and recorded.
        scenes: what the generated clips are like; ``step_low`` and ``step_high`` go for folders as well.

    Raises:
        ConfigError: a value is out of its range.
    """

    system: str = "video"
    preset: str = "lean"
    start_from: str = ""
    network: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 100_000
    minutes: float = 0.0
    stages: Sequence[Stage] = ()
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
    precision: str = "auto"
    seed: int = 1
    workers: int = 0
    log_every: int = 50
    validate_every: int = 1000
    save_every: int = 250
    validation_clips: int = 24
    keep_best: str = ""
    flip: float = 0.0
    matching: float = 0.5
    correlation: float = 0.3
    hidden: float = 0.5
    edges: float = 2.0
    folders: Sequence[str] = ()
    folder_share: float = 0.0
    samples: str = "random"
    augmentation: ClipAugmentation = field(default_factory=ClipAugmentation)
    scenes: MovingConfig = field(default_factory=MovingConfig)

    def __post_init__(self) -> None:
        counts = ("steps", "batch", "log_every", "validate_every", "save_every", "validation_clips")
        weights = ("matching", "correlation", "hidden", "edges")
        checks = [
            ("system", self.system == "video", "'video'"),
            ("preset", self.preset in VIDEO_PRESETS, f"one of {', '.join(VIDEO_PRESETS)}"),
            *((name, getattr(self, name) >= 1, "1 or more") for name in counts),
            ("views", self.views >= 2, "2 or more"),
            ("views", self.preset != "pairnet" or self.views == 2, "2 for pairnet"),
            ("height", self.height > 0 and self.height % 32 == 0, "a multiple of 32"),
            ("width", self.width > 0 and self.width % 32 == 0, "a multiple of 32"),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("schedule", self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
            ("minutes", self.minutes >= 0, "0 or more"),
            ("minutes", not (self.minutes and self.stages), "0 beside stages, which count steps"),
            ("clip", self.clip >= 0, "0 or more"),
            ("precision", self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}"),
            ("keep_best", self.keep_best in ("", *FIGURES), f"none, or one of {', '.join(FIGURES)}"),
            ("flip", 0 <= self.flip <= 1, "0 to 1"),
            ("flip", self.preset == "pairnet" or not self.flip, "0 but for pairnet"),
            ("warmup", 0 <= self.warmup < 1, "0 or more, below 1"),
            *((name, getattr(self, name) >= 0, "0 or more") for name in weights),
            ("ema", 0 <= self.ema < 1, "0 or more, below 1"),
            ("folder_share", 0 <= self.folder_share <= 1, "0 to 1"),
            ("folder_share", bool(self.folders) or not self.folder_share, "0 without folders"),
            ("samples", self.samples in ("random", "published"), "random or published"),
            ("workers", self.workers >= 0, "0 or more"),
        ]
        check_fields("training", self, checks)
        self.spans()

    picture_every: ClassVar[int] = 0
    """Clips are not drawn."""

    def spans(self) -> list[Span]:
        """Return where the stages lie."""
        return spans(self.stages, self.steps)

    def data(self) -> str:
        """Say in words what the run is trained on."""
        generated = "generated clips of a moving camera (scenes/moving)"
        return generated + (" and recorded ones" if self.folder_share else "")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from plain values, as a YAML file holds them.

        Raises:
            ConfigError: unknown field, or a value out of its range.
        """
        plain = dict(values)
        if plain.get("validate_on", "") is None:
            del plain["validate_on"]  # compact states of version 0.2 say that there is none
        for name, kind in (("scenes", MovingConfig), ("augmentation", ClipAugmentation)):
            if name in plain:
                plain[name] = build(kind, plain[name], f"{name}.")
        if "stages" in plain:
            if not isinstance(plain["stages"], list | tuple):
                raise ConfigError(f"training stages is {plain['stages']!r}; expected a list of mappings")
            plain["stages"] = tuple(build(Stage, values, "stages.") for values in plain["stages"])
        return build(cls, plain)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, those of the parts nested, that `from_dict` takes."""
        return dataclasses.asdict(self)
