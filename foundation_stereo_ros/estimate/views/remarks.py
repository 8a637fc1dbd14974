# SPDX-License-Identifier: Apache-2.0
"""What is said about a scene beside its cameras: who was left out, and what makes it doubtful."""

from __future__ import annotations

from dataclasses import dataclass

from foundation_stereo_ros.errors import counted
from foundation_stereo_ros.estimate.remarks import Remark


@dataclass(frozen=True)
class ViewLeftOut(Remark):
    """A view shows too little that can be used.

    Attributes:
        view: its name.
        pixels: usable ones.
        needed: the least.
    """

    view: str
    pixels: int
    needed: int

    def __str__(self) -> str:
        return (
            f"{self.view} is left out: its mask has {counted(self.pixels, 'usable pixel')}; expected "
            f"{self.needed} or more"
        )


@dataclass(frozen=True)
class SamePicture(Remark):
    """A view shows the same picture as another one.

    Attributes:
        view: its name.
        other: name of the one that stays.
    """

    view: str
    other: str

    def __str__(self) -> str:
        return f"{self.view} is left out: it is the same picture as {self.other}"


@dataclass(frozen=True)
class ViewNotConnected(Remark):
    """A view shares too little with the scene.

    Attributes:
        view: its name.
        matches: the most that it shares with one view of the scene.
        needed: the least.
    """

    view: str
    matches: int
    needed: int

    def __str__(self) -> str:
        return (
            f"{self.view} is left out: it shares at most {self.matches} matches with a view of the scene; "
            f"expected {self.needed} or more"
        )


@dataclass(frozen=True)
class WeakPair(Remark):
    """Two views share too little.

    Attributes:
        first, second: their names.
        matches: that they share.
        dropped: the pair plays no part; otherwise the network's guess stands for its matches.
    """

    first: str
    second: str
    matches: int
    dropped: bool

    def __str__(self) -> str:
        end = "the pair is not used" if self.dropped else "the network's guess of their poses is used"
        return f"{self.first} and {self.second} share {self.matches} matches only: {end}"


@dataclass(frozen=True)
class MaskLooksInverted(Remark):
    """A mask marks nearly all of its image.

    Attributes:
        view: its name.
        share: of the pixels, 0 to 1.
    """

    view: str
    share: float

    def __str__(self) -> str:
        return f"the mask of {self.view} covers {100 * self.share:.0f} % of it: is it inverted?"


@dataclass(frozen=True)
class FineRefused(Remark):
    """The second stage went away from the first.

    Attributes:
        first, second: the views that it turned most against each other.
        degrees: by how much.
        limit: the most that is allowed, degrees.
    """

    first: str
    second: str
    degrees: float
    limit: float

    def __str__(self) -> str:
        return (
            f"the fine stage turned {self.first} against {self.second} by {self.degrees:.1f} degrees, more "
            f"than {self.limit:g}: the coarse result is kept"
        )


@dataclass(frozen=True)
class FocalDiffers(Remark):
    """A known focal length is far from what the network sees.

    Attributes:
        view: its name.
        known: pixels.
        estimated: pixels.
    """

    view: str
    known: float
    estimated: float

    def __str__(self) -> str:
        return (
            f"the focal length of {self.view} is {self.known:.0f} px by its calibration and "
            f"{self.estimated:.0f} px by what it shows: check the calibration, and that the mask has no "
            "background"
        )


@dataclass(frozen=True)
class IllConditioned(Remark):
    """The foreground is too small to correct poses by it.

    Attributes:
        share: of the image that is foreground in the view with least, 0 to 1.
        matches: of the pair in the middle.
    """

    share: float
    matches: int

    def __str__(self) -> str:
        return (
            f"the foreground is {100 * self.share:.0f} % of the smallest view with {self.matches} matches a "
            "pair: poses are rough (there is no fine stage); closer pictures would help"
        )


@dataclass(frozen=True)
class PoorAgreement(Remark):
    """The views do not agree on one scene.

    Attributes:
        pixels: median distance of a match from where the scene has it.
        share: of the longer side of the images, 0 to 1.
    """

    pixels: float
    share: float

    def __str__(self) -> str:
        return (
            f"matches are {self.pixels:.1f} px ({100 * self.share:.1f} % of the image) from where the scene "
            "has them: something moved, looks alike from several sides or has no texture; masks, or views at "
            "most 20 degrees apart, would help"
        )


@dataclass(frozen=True)
class StoppedEarly(Remark):
    """A stage did not come to its end.

    Attributes:
        stage: "coarse" or "fine".
        steps: that were made.
        planned: steps of the stage.
    """

    stage: str
    steps: int
    planned: int

    def __str__(self) -> str:
        return f"the {self.stage} stage ended after {self.steps} of {self.planned} steps"
