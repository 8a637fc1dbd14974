# SPDX-License-Identifier: Apache-2.0
"""What a network is built from: one frozen dataclass, and the presets with released or shipped weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from foundation_stereo_ros.errors import ConfigError, check_fields
from foundation_stereo_ros.nets.parts.plain_values import PlainValues

BACKBONES = ("edgenext_xx_small", "edgenext_x_small", "edgenext_small", "edgenext_small_rw", "edgenext_base")
"""Names for ``backbone``. timm takes others for addresses of files and of servers, and goes there."""

DisparityAttention = Literal["disparity", "heads"]
MonocularSize = Literal["vits", "vitb", "vitl"]

_RANGES = {
    "max_disp": (32, 4096),
    "iterations": (1, 1000),
    "backbone_widths": (8, 1024),
    "backbone_depths": (1, 48),
    "feature_blocks": (0, 16),
    "context_widths": (1, 1024),
    "context_strides": (1, 4),
    "groups": (1, 128),
    "projection_width": (1, 256),
    "volume_width": (2, 256),
    "stem_blocks": (0, 16),
    "planar_blocks": (0, 16),
    "disparity_kernel": (1, 65),
    "transformer_layers": (0, 32),
    "transformer_heads": (1, 32),
    "classifier_blocks": (0, 1),
    "classifier_kernel": (1, 31),
    "hidden_dim": (8, 512),
    "gru_levels": (1, 3),
    "head_blocks": (0, 16),
    "lookup_levels": (1, 8),
    "lookup_radius": (1, 32),
    "upsampling_width": (1, 256),
}
"""Field -> least and greatest value. The configuration comes from a file, and sizes what is built of it."""

_LENGTHS = {"backbone_widths": 4, "backbone_depths": 4, "context_widths": 3, "context_strides": 3}
_OPTIONAL = ("backbone_widths", "backbone_depths")


@dataclass(frozen=True)
class NetworkConfig(PlainValues):
    """Sizes of a FoundationStereo network. Defaults are those of the released checkpoints.

    Attributes:
        monocular: DINOv2 size of the frozen monocular branch (Depth Anything V2), or None for a network
            without one.
        max_disp: largest disparity of the cost volume in pixels; a multiple of 32. No parameter's shape
            depends on it.
        disparity_attention: what the attention of the disparity transformer runs over. ``"disparity"``: the
            paper and the code first published with the weights; ``"heads"``: the public code since June 2025,
            which swaps the axes. Same parameters, different numbers.
        iterations: refinements that the weights were tuned for; callers' default.
        backbone: timm's name of the EdgeNeXt that makes the CNN features.
        backbone_widths: channels of its four stages, if not its own.
        backbone_depths: blocks of its four stages, if not its own.
        feature_blocks: residual blocks after the fusion of the 1/4 features.
        context_widths: channels of the context encoder at its first three stages.
        context_strides: strides of those stages; their product must be 4.
        groups: group-wise correlations in the cost volume.
        projection_width: channels of each view in the concatenation part of the cost volume.
        volume_width: channels of the filtered cost volume; even, and a multiple of ``transformer_heads``.
        stem_blocks: residual 3-D blocks before the hourglass.
        planar_blocks: axial-planar blocks at each of the hourglass's decoder steps.
        volume_skip: add the volume before the hourglass to the one after it, as the paper does not; a small
            network then keeps fine structure that few channels lose on the way down and up.
        disparity_kernel: extent of the axial convolutions along the disparity axis; odd.
        transformer_layers: encoder layers of the disparity transformer.
        transformer_heads: its attention heads.
        classifier_blocks: residual 3-D blocks in the classifier, 0 or 1.
        classifier_kernel: extent of the convolution that makes the logits; odd.
        hidden_dim: channels of every GRU state; a multiple of 8.
        gru_levels: GRU states, at 1/4, 1/8 and 1/16 of the image.
        head_blocks: inverted bottlenecks in the disparity head.
        lookup_levels: levels of the lookup pyramid.
        lookup_radius: taps to each side of the current disparity, on each level.
        upsampling_width: channels of the features that the upsampling weights are made of.

    Raises:
        ConfigError: a value is out of its range.
    """

    monocular: MonocularSize | None = "vitl"
    max_disp: int = 416
    disparity_attention: DisparityAttention = "disparity"
    iterations: int = 32
    backbone: str = "edgenext_small"
    backbone_widths: tuple[int, ...] | None = None
    backbone_depths: tuple[int, ...] | None = None
    feature_blocks: int = 2
    context_widths: tuple[int, int, int] = (64, 96, 128)
    context_strides: tuple[int, int, int] = (1, 2, 2)
    groups: int = 8
    projection_width: int = 12
    volume_width: int = 28
    stem_blocks: int = 2
    planar_blocks: int = 2
    volume_skip: bool = False
    disparity_kernel: int = 17
    transformer_layers: int = 4
    transformer_heads: int = 4
    classifier_blocks: int = 1
    classifier_kernel: int = 7
    hidden_dim: int = 128
    gru_levels: int = 3
    head_blocks: int = 2
    lookup_levels: int = 2
    lookup_radius: int = 4
    upsampling_width: int = 32

    def __post_init__(self) -> None:
        for name in _LENGTHS:
            if isinstance(getattr(self, name), list):  # as JSON and YAML have them
                object.__setattr__(self, name, tuple(getattr(self, name)))
        absent = [name for name in _OPTIONAL if getattr(self, name) is None]
        self.check_ranges({name: _RANGES[name] for name in _RANGES if name not in absent}, _LENGTHS)
        check_fields("network", self, self._checks())

    def _checks(self) -> list[tuple[str, bool, str]]:
        strides = self.context_strides
        return [
            (
                "monocular",
                self.monocular in (None, *MONOCULAR_WIDTH),
                f"None or one of {', '.join(MONOCULAR_WIDTH)}",
            ),
            ("max_disp", self.max_disp % 32 == 0, "a positive multiple of 32"),
            ("backbone", self.backbone in BACKBONES, f"one of {', '.join(BACKBONES)}"),
            ("volume_skip", isinstance(self.volume_skip, bool), "true or false"),
            (
                "disparity_attention",
                self.disparity_attention in ("disparity", "heads"),
                "'disparity' or 'heads'",
            ),
            ("context_strides", strides[0] * strides[1] * strides[2] == 4, "a product of 4"),
            (
                "volume_width",
                self.volume_width % 2 == 0 and self.volume_width % self.transformer_heads == 0,
                f"an even multiple of the transformer's {self.transformer_heads} heads",
            ),
            ("disparity_kernel", self.disparity_kernel % 2 == 1, "an odd number"),
            ("classifier_kernel", self.classifier_kernel % 2 == 1, "an odd number"),
            ("hidden_dim", self.hidden_dim % 8 == 0, "a positive multiple of 8"),
        ]

    @property
    def monocular_width(self) -> int:
        """Channels of the monocular feature map; 0 without a monocular branch."""
        return MONOCULAR_WIDTH[self.monocular] if self.monocular else 0

    @property
    def bins(self) -> int:
        """Disparities in the cost volume, one for each pixel of the quarter-resolution grid."""
        return self.max_disp // 4

    def refinements(self, wanted: int) -> int:
        """Return how many refinements are made where so many are wanted; 0: as the weights were tuned for."""
        return wanted or self.iterations

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> NetworkConfig:
        """Return a named configuration, some fields changed.

        Args:
            name: ``"large"`` (checkpoint 23-51-11), ``"small"`` (11-33-40), ``"base"`` (no released weights)
                or ``"tiny"`` (the weights this package ships).
            overrides: values for fields of this class.

        Raises:
            ConfigError: unknown preset or field, or a value out of its range.
        """
        if name not in PRESETS:
            raise ConfigError(f"network preset is {name!r}; expected one of {', '.join(PRESETS)}")
        return cls.from_dict({**PRESETS[name], **overrides})


@dataclass(frozen=True)
class MonocularSpec:
    """A size of Depth Anything V2 (arXiv 2406.09414).

    Attributes:
        vit: timm's name of the DINOv2 encoder.
        taps: 0-based blocks whose outputs the DPT head reads.
        features: channels inside the DPT head.
        stage_widths: channels of the four projected taps.
    """

    vit: str
    taps: tuple[int, int, int, int]
    features: int
    stage_widths: tuple[int, int, int, int] = field(default=(256, 512, 1024, 1024))


MONOCULAR = {
    "vits": MonocularSpec("vit_small_patch14_dinov2", (2, 5, 8, 11), 64, (48, 96, 192, 384)),
    "vitb": MonocularSpec("vit_base_patch14_dinov2", (2, 5, 8, 11), 128, (96, 192, 384, 768)),
    "vitl": MonocularSpec("vit_large_patch14_dinov2", (4, 11, 17, 23), 256, (256, 512, 1024, 1024)),
}
MONOCULAR_WIDTH = {size: spec.features // 2 for size, spec in MONOCULAR.items()}

PRESETS: dict[str, dict[str, Any]] = {
    "large": {"monocular": "vitl"},
    "base": {"monocular": "vitb"},
    "small": {"monocular": "vits"},
    "tiny": {
        "monocular": None,
        "max_disp": 128,
        "iterations": 1,
        "backbone": "edgenext_xx_small",
        "backbone_widths": (24, 32, 48, 64),
        "backbone_depths": (2, 2, 2, 2),
        "feature_blocks": 1,
        "context_widths": (16, 24, 32),
        "context_strides": (2, 2, 1),
        "groups": 8,
        "projection_width": 4,
        "volume_width": 8,
        "stem_blocks": 0,
        "planar_blocks": 1,
        "volume_skip": True,
        "disparity_kernel": 9,
        "transformer_layers": 1,
        "transformer_heads": 2,
        "classifier_blocks": 0,
        "classifier_kernel": 1,
        "hidden_dim": 24,
        "gru_levels": 1,
        "head_blocks": 1,
        "upsampling_width": 16,
    },
}
