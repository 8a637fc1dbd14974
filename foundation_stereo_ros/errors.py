# SPDX-License-Identifier: Apache-2.0
"""Every error this package raises on purpose: one sentence that names the value and what was expected.

The sentence names no flag, parameter or launch argument: what would help is data beside it, and the layer
that shows the error puts it in its own words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

_LONGEST = 4000  # characters of a message: names and values in it may come from a hostile file


def printable(text: str) -> str:
    """Return a text that a terminal only shows: what controls it, or is invisible, becomes an escape.

    Line ends stay.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text
    )


class FoundationStereoError(Exception):
    """Base of all errors that a user can cause and correct.

    Args:
        message: what is wrong; shown as `printable`, and no longer than a screen.
        remedy: the name of a setting that would help; or several ways out, each as setting -> value.
    """

    def __init__(self, message: str = "", *, remedy: str | Sequence[Mapping[str, str]] = ()) -> None:
        if len(message) > _LONGEST:
            message = f"{message[:_LONGEST]} ..."
        super().__init__(printable(message))
        self.remedies: Sequence[Mapping[str, str]] = ({remedy: ""},) if isinstance(remedy, str) else remedy

    def told(self, word: Callable[[str, str], str]) -> str:
        """Return the message, and what would help.

        Args:
            word: a setting and its value, as ("left", "/rig/left/image_rect") or ("force", ""), to what the
                user has to write.
        """
        ways = [printable(" ".join(word(*item) for item in way.items())) for way in self.remedies]
        if len(ways) > 1:
            return "\n  ".join((str(self), *ways))
        if not ways:
            return str(self)
        # After a list, on a line of its own.
        space = "\n" if "\n" in str(self) else " "
        return f"{self}{space}({ways[0]})"


class ConfigError(FoundationStereoError, ValueError):
    """A parameter is out of its range or contradicts another one."""


class CheckpointError(FoundationStereoError):
    """A weights file is missing, damaged, foreign, or does not fit the network."""


class CalibrationError(FoundationStereoError, ValueError):
    """A camera calibration cannot be used for stereo."""


class ImageError(FoundationStereoError, ValueError):
    """An image has an unknown encoding, or a size that does not fit."""


class DeviceMemoryError(FoundationStereoError):
    """The network's device has too little memory for a pair."""


class BagError(FoundationStereoError):
    """A recording or a message cannot be read or written, or the stereo topics are not clear."""


class FileFormatError(FoundationStereoError, ValueError):
    """A file on disk is not in the format it should have."""


class WireError(FoundationStereoError):
    """Something cannot be sent or received over DDS."""


class PoseError(FoundationStereoError):
    """A camera's pose cannot be used."""


class SceneError(FoundationStereoError, ValueError):
    """Views cannot be joined to one scene."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 frame", "2 frames"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def check_fields(what: str, settings: object, checks: Iterable[tuple[str, bool, str]]) -> None:
    """Refuse the first of some settings whose value is not good.

    Args:
        what: whose settings these are, as "network"; begins the sentence.
        settings: has them as attributes.
        checks: name, whether its value is good, and what was expected otherwise.

    Raises:
        ConfigError: names the setting, its value and what was expected.
    """
    for name, good, expected in checks:
        if not good:
            raise ConfigError(f"{what} {name} is {getattr(settings, name)!r}; expected {expected}")
