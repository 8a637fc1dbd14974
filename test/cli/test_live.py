# SPDX-License-Identifier: Apache-2.0
"""Flags, parameter files and environments of ``foundation_stereo live`` that it can judge by itself."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wire_domains import domains

from foundation_stereo_ros.cli.live import add_arguments, live_values
from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.ros.live.parameters import STEREO

cyclonedds = pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")
NODE = "/rig/stereo_node"


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the command does to its process must not happen to that of the tests."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr("foundation_stereo_ros.estimate.heap.keep_freed_memory", lambda: True)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    logging.getLogger("foundation_stereo_ros").setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    monkeypatch.setenv("ROS_DOMAIN_ID", str(next(domains())))
    for name in ("CYCLONEDDS_URI", "ROS_LOCALHOST_ONLY", "ROS_SECURITY_ENABLE"):
        monkeypatch.delenv(name, raising=False)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_every_setting_has_a_flag() -> None:
    for setting in STEREO.settings.values():
        if setting.name == "autostart":
            continue
        flag = "--" + setting.name.replace("_", "-")
        text = setting.choices[-1] if setting.choices else str(setting.default)
        given = [flag] if setting.type is bool else [flag, text]
        if setting.type is not str or setting.choices:
            assert setting.parameter in live_values(parsed(*given), NODE)


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("/**:\n  ros__parameters:\n    z_far: 30\n    z_near: 0.5\n    rectification: off\n")
    values = live_values(parsed("--params", str(path), "--z-far", "20", "--use-sim-time"), NODE)
    assert values == {"z_far": 20.0, "z_near": 0.5, "rectification": "off", "use_sim_time": True}


def test_the_file_that_ships(root: Path) -> None:
    values = live_values(parsed("--params", str(root / "config" / "stereo.yaml")), NODE)
    assert values == {name: setting.default for name, setting in STEREO.settings.items()}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--domain", "300"], "domain is 300; expected a number from 0 to 232 (--domain)"),
        (["--left", "a b"], "'a b' is not a topic name"),
        (["--namespace", "1st"], "'/1st' is not a topic name"),
        (["--name", "a-b"], "'a-b' is not a topic name"),
        (["--namespace", "/rig", "--z-near", "9", "--z-far", "1"], "z_near"),
        (["--params", "none.yaml", "--namespace", "/rig"], "cannot read none.yaml"),
        (["--left", "/l", "--right", "/r", "--checkpoint", "none.pth"], "none.pth"),
        (["--left", "/l", "--right", "/r", "--device", "cuda:77"], "cuda:77"),
    ],
)
def test_one_line_says_what_is_wrong(words: list[str], expected: str, capsys: Any) -> None:
    assert main(["live", *words]) == 1
    err = capsys.readouterr().err
    assert expected in err and "Traceback" not in err


def test_security_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("ROS_SECURITY_ENABLE", "true")
    assert main(["live"]) == 1
    assert "ROS_SECURITY_ENABLE asks for DDS Security" in capsys.readouterr().err


def test_without_cyclone(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for name in [n for n in sys.modules if n.startswith("foundation_stereo_ros.ros.dds")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cyclonedds", None)
    monkeypatch.setitem(sys.modules, "cyclonedds.core", None)
    assert main(["live"]) == 1
    assert "pip install 'foundation-stereo-ros[dds]'" in capsys.readouterr().err


def test_no_such_flag_value() -> None:
    with pytest.raises(SystemExit):
        parsed("--slop", "7")
