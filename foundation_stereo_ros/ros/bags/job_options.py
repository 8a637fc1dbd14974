# SPDX-License-Identifier: Apache-2.0
"""What to do with a recording, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from foundation_stereo_ros.ros.messages.topics import Topic


@dataclass(frozen=True)
class JobOptions:
    """What to do with a recording.

    Attributes:
        namespace: put before each output's name; "" or "/rig".
        outputs: which ones to write.
        tolerance_ns: largest difference of the stamps of left and right.
        start_ns, stop_ns: take messages with start <= log time < stop; None: no limit.
        every: process the first of this many pairs, or images of one camera.
        max_frames: stop after so many results; 0: no limit.
        inputs: whether to copy the recorded messages.
    """

    namespace: str
    outputs: tuple[str, ...]
    tolerance_ns: int = 0
    start_ns: int | None = None
    stop_ns: int | None = None
    every: int = 1
    max_frames: int = 0
    inputs: bool = True

    def topic(self, output: str) -> str:
        """Return the full name of an output."""
        return f"{self.namespace}/{output}"


@dataclass
class JobReport:
    """How far a job has come; right at any moment, also after an interruption.

    ``images`` and ``unmatched`` count each camera's images and those without a counterpart, ``rejected`` the
    frames (or single images) that could not be processed, for the last of which ``reason`` is why.
    ``framed`` says whether all left images name their frame.
    ``invalid`` counts the frames without a single valid pixel, for the last of which ``why_invalid`` is why.
    """

    frames: int = 0
    rejected: int = 0
    reason: str = ""
    framed: bool = True
    invalid: int = 0
    why_invalid: str = ""
    images: dict[str, int] = field(default_factory=lambda: {"left": 0, "right": 0})
    unmatched: dict[str, int] = field(default_factory=lambda: {"left": 0, "right": 0})
    seconds: float = 0.0


def colliding(topics: Iterable[Topic], options: JobOptions) -> list[str]:
    """Return the recorded topics that have the name of an output."""
    names = {options.topic(output) for output in options.outputs}
    return sorted(names & {topic.name for topic in topics}) if options.inputs else []
