# SPDX-License-Identifier: Apache-2.0
"""What makes a result wrong though it can be computed: found in the images, carried by the prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Remark:
    """Something about a pair that the user should know. `str` gives one sentence.

    Attributes:
        remedies: what would help, one of these; each as setting -> value, "" where there is none to name.
    """

    remedies: tuple[Mapping[str, str], ...] = field(default=(), kw_only=True)

    def differs(self, said: Remark) -> bool:
        """Tell whether this is worth another line after one of the same class was said."""
        return False

    def turned(self, turns: int) -> Remark:
        """Return the remark for the pair turned back by so many quarter turns counter-clockwise, 1 or -1."""
        return self

    def told(self, word: Callable[[str, str], str]) -> str:
        """Return the sentence, and what would help.

        Args:
            word: a setting and its value, as ("scale", "0.5"), to what the user has to write.
        """
        ways = [" ".join(word(*item) for item in way.items()) for way in self.remedies]
        return f"{self} ({' or '.join(ways)})" if ways else str(self)


@dataclass(frozen=True)
class TooNear(Remark):
    """Something is nearer than the network can tell; its pixels are invalid.

    Attributes:
        pixels: how many, of the prediction's grid.
        share: of all pixels, 0 to 1.
        reach: largest disparity of the network, pixels of the input images.
        needed: disparity that nearly all of it is below, pixels of the input images.
    """

    pixels: int
    share: float
    reach: float
    needed: float

    def __str__(self) -> str:
        return (
            f"something is too near for the network, {100 * self.share:.1f} % of the pixels ({self.pixels}) "
            f"are invalid: it tells disparities up to {self.reach:.0f} px, about {self.needed:.0f} are needed"
        )


@dataclass(frozen=True)
class _OfAlignment(Remark):
    """How two images do not go together.

    Attributes:
        stacked: the cameras are one above the other, so that columns stand for rows, and lower for right.
    """

    stacked: bool = field(default=False, kw_only=True)

    def turned(self, turns: int) -> Remark:
        return replace(self, stacked=True)


@dataclass(frozen=True)
class RowsOff(_OfAlignment):
    """The right image's content does not lie in the left one's rows.

    Attributes:
        low, rows, high: by how many rows it lies lower: the least, the median and the most within the image.
            They differ where a rotation or a distortion is left. If ``stacked``: by how many columns the
            content of the second image lies farther right than that of the first.
    """

    low: float
    rows: float
    high: float

    def turned(self, turns: int) -> Remark:
        """Return it with its rows as columns."""
        # The rows of an image turned clockwise are its columns from left to right.
        low, rows, high = sorted(turns * value for value in (self.low, self.rows, self.high))
        return replace(self, low=low, rows=rows, high=high, stacked=True)

    @property
    def uniform(self) -> bool:
        """Whether it is one shift."""
        return self.high - self.low < max(2.0, 0.4 * abs(self.rows))

    def differs(self, said: Remark) -> bool:
        """Tell whether the rows have moved by more than one, and a quarter."""
        if not isinstance(said, RowsOff):
            return True
        now, before = (max(-x.low, x.high) for x in (self, said))
        moved = max(abs(self.rows - said.rows), abs(now - before))
        return moved > max(1.0, 0.25 * before) or self.uniform != said.uniform

    def __str__(self) -> str:
        line, after, before, image, other = (
            ("columns", "farther right", "farther left", "second", "first")
            if self.stacked
            else ("rows", "lower", "higher", "right", "left")
        )
        if self.uniform:
            side = after if self.rows > 0 else before
            return (
                f"the {image} image is about {_number(abs(self.rows))} {line} {side} than the {other} one; "
                f"depths are wrong until the {line} match: check the calibration and the rectification"
            )
        return (
            f"the {line} of the two images do not match: the {image} one is from {_number(self.low)} to "
            f"{_number(self.high)} {line} {after}, which differs within the image; the images are not "
            "rectified, or with another calibration"
        )


@dataclass(frozen=True)
class SidesExchanged(_OfAlignment):
    """What the right camera sees lies to the right of where the left one sees it."""

    def __str__(self) -> str:
        if self.stacked:
            return "upper and lower image look exchanged: what both show lies lower in the lower one"
        return "left and right image look exchanged: what both show lies farther right in the right one"


@dataclass(frozen=True)
class BehindInfinity(_OfAlignment):
    """A part of what both cameras see has a negative disparity.

    Attributes:
        share: of the corners that were compared, 0 to 1.
    """

    share: float

    def __str__(self) -> str:
        return (
            f"{100 * self.share:.0f} % of what both images show has a disparity below 0, which is behind "
            f"infinity: check the principal points ({'cy' if self.stacked else 'cx'}) and the rectification"
        )


class NewRemarks:
    """Decides which remarks of a stream are worth a line: each kind once, and again when it differs."""

    def __init__(self) -> None:
        self._said: dict[type[Remark], Remark] = {}

    def __call__(self, remarks: Iterable[Remark]) -> list[Remark]:
        """Return those that have not been said, and take them for said."""
        new = [r for r in remarks if type(r) not in self._said or r.differs(self._said[type(r)])]
        self._said.update((type(r), r) for r in new)
        return new


def _number(rows: float) -> str:
    return f"{rows:.0f}" if abs(rows) >= 5 else f"{rows:.1f}"
