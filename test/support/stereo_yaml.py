# SPDX-License-Identifier: Apache-2.0
"""How a setting is written in config/stereo.yaml."""

from __future__ import annotations

import json
import textwrap

from foundation_stereo_ros.estimate.setting import Setting

_INDENT = 4
_WIDTH = 110


def entry(setting: Setting) -> list[str]:
    """Return the lines of one parameter: what it means, what it may be, and its default."""
    limits = setting.expected[0].upper() + setting.expected[1:] + "."
    notes = [] if setting.type is bool or limits == "A text." else [limits]
    notes += [] if setting.dynamic else ["At the start only."]
    comment = [
        *textwrap.wrap(setting.description, _WIDTH - _INDENT - 2),
        *([" ".join(notes)] if notes else []),
    ]
    *folders, name = setting.parameter.split(".")
    # JSON's literals mean the same in YAML, where a bare text may be taken for something else.
    keys = [*(f"{folder}:" for folder in folders), f"{name}: {json.dumps(setting.default)}"]
    lines = [*(f"# {line}" for line in comment), *("  " * depth + key for depth, key in enumerate(keys))]
    return [" " * _INDENT + line for line in lines]
