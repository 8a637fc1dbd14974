# SPDX-License-Identifier: Apache-2.0
"""How much a file may ask for: what headers and compressed streams claim is checked before memory is taken.

One number, the largest image, sets all limits. It belongs to the process, as Python's recursion limit does:
the readers are far apart, and none of them knows the settings of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_MEGAPIXELS = 64
SETTING = "max_megapixels"
"""Name of the setting that raises the limits, for errors."""


@dataclass(frozen=True)
class Limits:
    """What files may ask for.

    Attributes:
        megapixels: largest image, in millions of pixels of up to 4 bytes.
    """

    megapixels: int = DEFAULT_MEGAPIXELS

    @property
    def pixels(self) -> int:
        """Pixels of an image."""
        return self.megapixels * 1_000_000

    @property
    def decoded_bytes(self) -> int:
        """Bytes of a decoded image: four for each pixel."""
        return 4 * self.pixels

    @property
    def block_bytes(self) -> int:
        """Bytes of an array, a message, a decompressed chunk of a recording, or an image file."""
        return 8 * self.pixels

    @property
    def text_bytes(self) -> int:
        """Bytes of a text file, as YAML or a message definition."""
        return self.pixels // 4


_limits = Limits()


def limits() -> Limits:
    """Return the limits of this process."""
    return _limits


def allow(megapixels: int) -> None:
    """Let files ask for more, or less, from now on and in the whole process.

    Args:
        megapixels: of the largest image; all other limits follow.
    """
    global _limits
    _limits = Limits(megapixels)
