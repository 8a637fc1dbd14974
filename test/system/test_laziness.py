# SPDX-License-Identifier: Apache-2.0
"""Nothing is computed that nobody wants, and the newest frame first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.ros


def test_without_a_subscriber_nothing_is_computed(stage) -> None:
    node = stage.node()
    camera = stage.camera(rate=20.0)
    report = node.reports(lambda r: r.count("skipped, no subscriber") > 20)
    assert (report.count("results"), report.values["subscribers"]) == (0, "none")
    assert report.level == 0 and "nobody subscribes" in report.message
    assert len(node.log.wait_for(1, "no subscriber on any output")) == 1

    points = node.hear("points2")
    points.wait_for(count=3)
    report = node.reports(lambda r: r.count("results") > 3)
    assert report.values["subscribers"] == "points2"
    node.log.wait_for(1, "a subscriber has come")

    stage.listener.stop_hearing(points)
    before = node.reports(lambda r: r.values["subscribers"] == "none").count("results")
    camera.wait_for_more(20)
    # The pair that was in the network when the subscriber went.
    assert node.reports().count("results") <= before + 1
    assert len(node.log.wait_for(2, "no subscriber on any output")) == 2


def test_confidence_that_is_not_computed_is_told_once(stage) -> None:
    node = stage.node()
    confidence, points = node.hear("confidence"), node.hear("points2")
    stage.camera()
    points.wait_for(count=5)
    assert confidence.messages == []
    (warning,) = node.log.wait_for(1, "output confidence has a subscriber")
    assert "set the parameter confidence to true" in warning
    assert node.set(confidence=True) == []
    confidence.wait_for()


def test_enable(stage) -> None:
    from std_srvs.srv import SetBool

    node = stage.node()
    points = node.hear("points2")
    camera = stage.camera()
    points.wait_for()
    answer = stage.listener.call(SetBool, f"{node.name}/enable", data=False)
    assert answer.success and answer.message == "disabled"
    before = node.reports(lambda r: "disabled" in r.message).count("results")
    camera.wait_for_more(10)
    report = node.reports(lambda r: r.count("skipped, disabled") > 0)
    assert report.count("results") <= before + 1
    assert stage.listener.call(SetBool, f"{node.name}/enable", data=True).success
    points.next(count=2)


def test_save(stage, tmp_path) -> None:
    """A result that nobody subscribes to, on disk."""
    from std_srvs.srv import Trigger

    node = stage.node(parameters={"device": "cpu", "iterations": 1, "save_directory": str(tmp_path / "kept")})
    stage.camera()
    node.reports(lambda r: r.count("skipped, no subscriber") > 0)
    answer = stage.listener.call(Trigger, f"{node.name}/save")
    assert answer.success, answer.message
    folder = Path(answer.message)
    assert folder.parent == tmp_path / "kept"
    suffixes = {path.suffix for path in folder.iterdir()}
    assert {".png", ".ply", ".npz"} <= suffixes, suffixes
    assert all(path.stat().st_size for path in folder.iterdir())
    report = node.reports(lambda r: r.count("saved") == 1)
    assert report.count("results") == 1


def test_save_without_images_says_why(stage) -> None:
    """While it waits, everything else goes on."""
    from std_srvs.srv import Trigger

    node = stage.node()
    node.reports(lambda r: r.values["lifecycle"] == "active" and r.values["state"] != "warming up")
    client = stage.listener.node.create_client(Trigger, f"{node.name}/save")
    assert client.wait_for_service(PATIENCE_S)
    answers: list[Trigger.Response] = []
    future = client.call_async(Trigger.Request())
    future.add_done_callback(lambda done: answers.append(done.result()))
    assert node.get("z_far") == [100.0]
    node.reports()
    assert answers == []
    wait_until("the answer", lambda: answers)
    assert not answers[0].success
    assert "no result within 10 s" in answers[0].message


def test_save_where_nothing_can_be_written(stage) -> None:
    from std_srvs.srv import Trigger

    node = stage.node(parameters={"device": "cpu", "iterations": 1, "save_directory": "/proc/nowhere"})
    points = node.hear("points2")
    stage.camera()
    points.wait_for()
    answer = stage.listener.call(Trigger, f"{node.name}/save")
    assert not answer.success
    assert "cannot write /proc/nowhere" in answer.message
    points.next()


def test_a_slow_network_gets_the_newest_frame(stage, exact) -> None:
    from sensor_msgs.msg import Image
    from tested_node import reliable

    node = stage.node(parameters={"device": "cpu", "iterations": 16}, words=reliable())
    arrived = stage.listener.hear("/stereo/left/image_rect", Image, 100)
    newest: list[int] = []
    points = node.hear("points2")
    points.on_message = lambda: newest.append(max(arrived.stamps, default=0))
    stage.camera(scene=exact.path, rate=30.0, qos="reliable")
    points.wait_for(count=6)
    stamps = np.array(points.stamps[1:6])
    period = 1e9 / 30
    # The pair that is taken when a result goes out is not much older than the last that had come by then; one
    # from a queue would be older by the time that results take.
    behind, apart = (np.array(newest[:5]) - stamps) / period, np.diff(stamps) / period
    assert np.median(behind) <= max(5, np.median(apart) / 2), (behind, apart)
    assert apart.min() > 2, apart
    assert node.reports().count("dropped") > 5


def test_two_rigs_side_by_side(stage, small_scene, other_scene) -> None:

    nodes = [stage.node(namespace=name) for name in ("/front", "/rear")]
    inboxes = [node.hear("disparity") for node in nodes]
    for node, scene in zip(nodes, (small_scene, other_scene), strict=True):
        stage.camera(namespace=node.namespace, scene=scene)
    assert [inbox.wait_for(count=3).image.width for inbox in inboxes] == [64, 96]
    assert [{message.image.width for message in inbox.messages} for inbox in inboxes] == [{64}, {96}]
    assert [node.reports(lambda r: r.level == 0).values["lifecycle"] for node in nodes] == ["active"] * 2
