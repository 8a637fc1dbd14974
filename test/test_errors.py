# SPDX-License-Identifier: Apache-2.0
"""An error's remedies, in the words of whoever shows it."""

from __future__ import annotations

import pickle

from foundation_stereo_ros.cli.options import in_flags
from foundation_stereo_ros.errors import BagError, ConfigError


def as_arguments(error: BagError) -> str:
    return error.told(lambda name, value: f"{name}:={value}")


def test_an_error_without_a_remedy_is_its_sentence() -> None:
    error = BagError("x.mcap is damaged")
    assert str(error) == error.told(str.format) == in_flags(error) == "x.mcap is damaged"


def test_one_setting() -> None:
    error = BagError("nearest stamps are 2 ms apart", remedy="max_gap")
    assert str(error) == "nearest stamps are 2 ms apart"
    assert in_flags(error) == "nearest stamps are 2 ms apart (--max-gap)"


def test_a_remedy_after_a_list_has_a_line_of_its_own() -> None:
    error = BagError("no pair out of\n  /a\n  /b", remedy=[{"left": "TOPIC", "right": "TOPIC"}])
    assert in_flags(error) == "no pair out of\n  /a\n  /b\n(--left TOPIC --right TOPIC)"


def test_several_ways_out_are_listed() -> None:
    error = BagError("choose one:", remedy=[{"left": "/a", "right": "/b"}, {"left": "/c", "left_info": "/d"}])
    assert in_flags(error) == "choose one:\n  --left /a --right /b\n  --left /c --left-info /d"
    assert as_arguments(error) == "choose one:\n  left:=/a right:=/b\n  left:=/c left_info:=/d"


def test_an_error_comes_whole_out_of_another_process() -> None:
    error = pickle.loads(pickle.dumps(ConfigError("scale is 7", remedy="scale")))  # noqa: S301
    assert isinstance(error, ConfigError)
    assert in_flags(error) == "scale is 7 (--scale)"


def test_control_characters_are_shown_and_not_obeyed() -> None:
    name = "\x1b]0;title\x07\x1b[2J\u202etxt\u200b\x9b31m\udcff"
    error = BagError(f"no pair on {name}\n  /left\u00e4", remedy=[{"left": name}])
    assert str(error) == "no pair on \\x1b]0;title\\x07\\x1b[2J\\u202etxt\\u200b\\x9b31m\\udcff\n  /leftä"
    assert in_flags(error).replace("\n", "").isprintable()


def test_a_message_is_no_longer_than_a_screen() -> None:
    assert len(str(BagError("x" * 10**6))) < 5000
