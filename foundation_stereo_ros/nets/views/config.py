# SPDX-License-Identifier: Apache-2.0
"""What a MASt3R network is built from."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.errors import check_fields
from foundation_stereo_ros.nets.parts.plain_values import PlainValues

PATCH = 16
"""Pixels on the side of a token's patch; both sides of an image are multiples of this."""

MAST3R = "mast3r"
"""The kind of network, as weights files name it."""

_RANGES = {
    "encoder_width": (4, 8192),
    "encoder_depth": (1, 128),
    "encoder_heads": (1, 256),
    "decoder_width": (4, 8192),
    "decoder_depth": (4, 128),
    "decoder_heads": (1, 256),
    "stage_widths": (1, 8192),
    "features": (2, 4096),
    "descriptor_width": (1, 1024),
}
_LENGTHS = {"stage_widths": 4}


@dataclass(frozen=True)
class ViewsConfig(PlainValues):
    """Sizes of a `Mast3r` network. The defaults are those of the published one.

    Attributes:
        encoder_width: channels of the encoder's tokens; a multiple of 4 times its heads.
        encoder_depth: its blocks.
        encoder_heads: heads of its attention.
        decoder_width: channels of the tokens of both decoders; a multiple of 4 times their heads.
        decoder_depth: blocks of each decoder.
        decoder_heads: heads of their attention.
        stage_widths: channels of the four maps that the head for points makes of tokens.
        features: channels of the maps that it fuses; even.
        descriptor_width: numbers of a pixel's descriptor.

    Raises:
        ConfigError: a value is out of its range.
    """

    encoder_width: int = 1024
    encoder_depth: int = 24
    encoder_heads: int = 16
    decoder_width: int = 768
    decoder_depth: int = 12
    decoder_heads: int = 12
    stage_widths: tuple[int, int, int, int] = (96, 192, 384, 768)
    features: int = 256
    descriptor_width: int = 24

    def __post_init__(self) -> None:
        if isinstance(self.stage_widths, list):  # as JSON and YAML have them
            object.__setattr__(self, "stage_widths", tuple(self.stage_widths))
        self.check_ranges(_RANGES, _LENGTHS)
        checks = [("features", self.features % 2 == 0, "an even number")]
        for part in ("encoder", "decoder"):
            heads = getattr(self, f"{part}_heads")
            fits = getattr(self, f"{part}_width") % (4 * heads) == 0
            checks.append((f"{part}_width", fits, f"a multiple of 4 times its {heads} heads"))
        check_fields("network", self, checks)

    @property
    def taps(self) -> tuple[int, int, int]:
        """Decoder blocks, counted from 1, whose tokens the head for points reads beside the encoder's."""
        return self.decoder_depth // 2, self.decoder_depth * 3 // 4, self.decoder_depth
