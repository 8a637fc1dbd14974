# SPDX-License-Identifier: Apache-2.0
"""Words of the command line -> values, with an error that says what was expected."""

from __future__ import annotations

import argparse
import re


def image_size(text: str) -> tuple[int, int]:
    """Read "480x640" as rows and columns."""
    found = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r}; expected rows x columns, as 480x640")
    return int(found[1]), int(found[2])


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}; expected a whole number, 1 or more")
    return int(text)
