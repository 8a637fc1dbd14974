# SPDX-License-Identifier: Apache-2.0
"""The 3-D view of pages: its script runs in Node.js with a sheet of paper that takes pixels and lines."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.io.viewer import viewer_html

CAMERA = Camera(64, 48, 60, 60, 31.5, 23.5)
PAPER = """
const events = {}, lines = [];
let drawn = null;
const paper = {
  createImageData: (w, h) => ({ data: new Uint8ClampedArray(4 * w * h) }),
  putImageData: image => { drawn = image.data; },
  beginPath() { lines.length = 0; }, stroke() {},
  moveTo(x, y) { lines.push([x, y]); }, lineTo(x, y) { lines.push([x, y]); },
};
const canvas = {
  width: 960, height: 600, getContext: () => paper, setPointerCapture() {},
  addEventListener: (name, act) => { events[name] = act; },
};
globalThis.document = { querySelector: () => canvas };
globalThis.requestAnimationFrame = act => act();
const seen = () => {
  const places = {};
  for (let at = 0; at < drawn.length; at += 4) {
    const color = [drawn[at], drawn[at + 1], drawn[at + 2]].join();
    if (color !== "24,24,28") (places[color] ??= []).push([at / 4 % 960, Math.floor(at / 4 / 960)]);
  }
  return { places, lines: lines.map(end => [...end]) };
};
"""


def run(html: str, then: str) -> dict:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js here")
    found = re.search(r"<script>(.*)</script>", html, re.DOTALL)
    assert found
    code = f"{PAPER}{found[1]}{then}; console.log(JSON.stringify(seen()));"
    done = subprocess.run([node, "-e", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_points_are_drawn_nearer_ones_in_front_and_turn() -> None:
    points = np.array(((0, 0, 2), (1, 0, 2), (0, 1, 2), (0, 0, 0.5)), np.float32)
    colors = np.array(((255, 0, 0), (0, 255, 0), (0, 0, 255), (250, 250, 0)), np.uint8)
    html = viewer_html(points, colors, [(CAMERA, np.eye(4))], 0.2)
    straight = "events.pointermove({ buttons: 1, movementX: -0.4 / 0.006, movementY: -0.25 / 0.006 })"
    front = run(html, straight)
    middle = {color: np.mean(places, axis=0) for color, places in front["places"].items()}
    assert "255,0,0" not in middle  # the yellow point hides it
    assert middle["0,255,0"][0] > middle["250,250,0"][0] + 50
    assert middle["0,0,255"][1] > middle["250,250,0"][1] + 50  # y is down
    assert len(front["lines"]) == 16
    turned = run(html, "")
    assert "255,0,0" in turned["places"]
    nearer = run(html, f"{straight}; events.wheel({{ deltaY: -200, preventDefault() {{}} }})")
    apart = [
        np.ptp([np.mean(shown["places"][c], axis=0)[0] for c in ("0,255,0", "250,250,0")])
        for shown in (front, nearer)
    ]
    assert apart[1] > 1.1 * apart[0]


def test_a_page_holds_a_part_of_many_points_and_needs_none() -> None:
    many = np.random.default_rng(0).normal(size=(400_000, 3)).astype(np.float32)
    html = viewer_html(many, np.zeros((400_000, 3), np.uint8), [(CAMERA, np.eye(4))], 0.2)
    assert len(html) < 3_000_000
    none = viewer_html(many[:0], np.zeros((0, 3), np.uint8), [(CAMERA, np.eye(4))], 0.2)
    assert len(run(none, "")["lines"]) == 16
    assert "http" not in html[-4000:]
