# SPDX-License-Identifier: Apache-2.0
"""docs/parameters.md lists every setting of pipeline and node, with the values that the code has."""

from pathlib import Path

from foundation_stereo_ros.estimate.config import InputSettings, SharedSettings, settings
from foundation_stereo_ros.estimate.setting import settings_of
from foundation_stereo_ros.estimate.video.config import VideoSettings
from foundation_stereo_ros.estimate.views.config import SceneSettings
from foundation_stereo_ros.ros.live.config import LiveConfig, StereoLiveConfig, VideoLiveConfig

DOCUMENT = Path(__file__).parents[2] / "docs" / "parameters.md"


def row(setting):
    unit = f" {setting.unit}" if setting.unit else ""
    if setting.type is bool:
        default = "on" if setting.default else "off"
    else:
        default = f"{setting.default}{unit}" or "none"
    if setting.choices:
        span = ", ".join(setting.choices)
    elif setting.type is bool:
        span = "on, off"
    elif setting.min is not None:
        span = f"{setting.min:g} to {setting.max:g}{unit}"
    else:
        span = "text"
    when = "any time" if setting.dynamic else "at the start"
    return f"| `{setting.name}` | {default} | {span} | {when} | {setting.description} |"


def test_every_setting_stands_in_the_table_as_the_code_has_it():
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `")]
    shared = (*settings_of(SharedSettings), *settings_of(InputSettings))
    own = [setting for setting in settings_of(VideoSettings) if setting not in shared]
    live = settings_of(LiveConfig)
    poses = [setting for setting in settings_of(VideoLiveConfig) if setting not in live]
    expected = [
        row(setting)
        for setting in (
            *settings(),
            *settings_of(StereoLiveConfig),
            *own,
            *poses,
            *settings_of(SceneSettings),
        )
    ]
    assert rows == expected, "docs/parameters.md should have these rows:\n" + "\n".join(expected)
