# SPDX-License-Identifier: Apache-2.0
"""The demonstration's live part: real processes over the wire, and what it says where it cannot be."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from foundation_stereo_ros.cli.main import main
from foundation_stereo_ros.demo.live import received, try_live
from foundation_stereo_ros.demo.processes import DOMAIN, Processes, private_environment
from foundation_stereo_ros.demo.recording import NAMESPACE, stored_frames
from foundation_stereo_ros.errors import WireError
from foundation_stereo_ros.estimate.config import PipelineConfig
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.ros.bags.reader import read_messages
from foundation_stereo_ros.ros.messages.disparity import decode_disparity
from foundation_stereo_ros.ros.messages.stamps import stamp_ns
from foundation_stereo_ros.weights import save_checkpoint

FRAMES = 3
SETTINGS = ("--device", "cpu", "--iterations", "2", "--precision", "fp32")


class Demo(NamedTuple):
    """A demonstration that was run, and what it said."""

    folder: Path
    said: str


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_checkpoint(path, FoundationStereo(NetworkConfig.preset("tiny")), None)
    return str(path)


@pytest.fixture(scope="module")
def demo(weights: str, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")
    folder = tmp_path_factory.mktemp("demo")
    words = ["demo", "-o", str(folder), "--frames", str(FRAMES), "--size", "96x64"]
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("builtins.print", lambda *texts, **_: said.extend(map(str, texts)))
        assert main([*words, *SETTINGS, "--checkpoint", weights]) == 0
    return Demo(folder, "\n".join(said))


def test_live_results_are_those_of_the_recording(demo: Demo) -> None:
    """Player, node and recorder made the same of the same pictures, each of them once."""
    expected = {frame.stamp_ns: frame.disparity for frame in stored_frames(demo.folder / "stereo_depth.mcap")}
    found = {
        stamp_ns(message.header): decode_disparity(message).disparity
        for _, message, _ in read_messages(demo.folder / "live.mcap", [f"{NAMESPACE}/disparity"])
    }
    # On a slow computer it ends sooner, after whole pairs.
    assert found and list(found) == sorted(expected)[: len(found)]
    for stamp, disparity in found.items():
        np.testing.assert_allclose(disparity, expected[stamp], atol=1e-3)
    assert set(received(demo.folder / "live.mcap")) == set(found)


def test_its_figures_belong_together(demo: Demo) -> None:
    """On the page as in the text: the total is no less than its part, the 95th percentile than the median."""
    pairs = len(received(demo.folder / "live.mcap"))
    page = (demo.folder / "index.html").read_text(encoding="utf-8")
    for text in (demo.said, page):
        match = re.search(
            r"(\d+) ms from writing a pair to having all its results"
            r"(?:, of which the network takes (\d+) ms)? \(medians; p95 (\d+) ms; "
            r"(\d+) pairs?, one after the other\)",
            text,
        )
        assert match, text
        total, network, p95, count = (int(number or 0) for number in match.groups())
        assert 0 <= network <= total <= p95
        assert count == pairs
    assert "Live over DDS" in page and "live.mcap" in demo.said


def test_where_cyclone_dds_is_not_installed_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [n for n in sys.modules if n.startswith(("foundation_stereo_ros.ros.dds", "cyclonedds"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cyclonedds", None)
    said: list[str] = []
    assert try_live(tmp_path / "none.mcap", tmp_path / "live.mcap", PipelineConfig(), said.append) is None
    assert len(said) == 1 and "skipped" in said[0] and "pip install" in said[0]


def test_a_command_that_ends_by_itself_is_named_with_what_it_said(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedds", reason="Cyclone DDS has no wheels for this Python or machine")
    with Processes(private_environment("foundation_stereo_test")) as processes:
        processes.start("record", "-o", str(tmp_path / "wrong.bag"))
        with pytest.raises(WireError, match=r"record ended with 1: error: .*wrong\.bag"):
            while True:
                processes.check()


def test_the_environment_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_SECURITY_ENABLE", "true")
    monkeypatch.setenv("ROS_STATIC_PEERS", "192.0.2.1")
    environment = private_environment("me")
    assert "ROS_SECURITY_ENABLE" not in environment and "ROS_STATIC_PEERS" not in environment
    assert environment["ROS_DOMAIN_ID"] == str(DOMAIN)
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert "<Tag>me</Tag>" in environment["CYCLONEDDS_URI"]
