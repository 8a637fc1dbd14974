# SPDX-License-Identifier: Apache-2.0
"""A 3-D view of points and cameras for an HTML page, drawn by the page itself with nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from foundation_stereo_ros.geometry.camera import Camera
from foundation_stereo_ros.io.glb import pyramid_lines
from foundation_stereo_ros.shapes import Matrix, Points

_MOST = 150_000  # points: 15 bytes each, and a third more as text


def viewer_html(
    points: Points, colors: npt.NDArray[np.uint8], cameras: Sequence[tuple[Camera, Matrix]], length: float
) -> str:
    """Return elements that show points and cameras; dragging turns them, the wheel comes nearer.

    Args:
        points: N x 3, finite, in the world; y of the first camera is down.
        colors: N x 3, red, green, blue.
        cameras: each with its pose, 4 x 4, camera to world; one or more.
        length: of their pyramids.
    """
    chosen = slice(None, None, max(1, -(-len(points) // _MOST)))
    some, shades = points[chosen].astype(np.float64), np.ascontiguousarray(colors[chosen])
    centres = np.stack([pose[:3, 3] for _, pose in cameras])
    turn = cameras[0][1][:3, :3]
    middle = np.median(some if len(some) else centres, axis=0)
    away = np.linalg.norm(np.concatenate((some, centres)) - middle, axis=1)
    size = max(float(np.percentile(away, 90)), float(away[len(some) :].max()), 1e-9)
    lines = np.concatenate(
        [pyramid_lines(camera, length) @ pose[:3, :3].T + pose[:3, 3] for camera, pose in cameras]
    )
    placed, edges = (((part - middle) @ turn / size).astype("<f4") for part in (some, lines))
    data = (_text(placed), _text(shades), _text(edges))
    return '<canvas class="view" width="960" height="600"></canvas>' + _SCRIPT % data


def _text(values: npt.NDArray[np.generic]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")


_SCRIPT = """<script>
(() => {
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const points = new Float32Array(bytes("%s").buffer), colors = bytes("%s");
  const lines = new Float32Array(bytes("%s").buffer);
  const canvas = document.querySelector("canvas.view"), paper = canvas.getContext("2d");
  const w = canvas.width, h = canvas.height;
  const image = paper.createImageData(w, h), pixels = new Uint32Array(image.data.buffer);
  const nearest = new Float32Array(w * h);
  let yaw = 0.4, pitch = 0.25, zoom = 1, asked = false;
  function place(x, y, z) {
    const cy = Math.cos(yaw), sy = Math.sin(yaw), cp = Math.cos(pitch), sp = Math.sin(pitch);
    const a = cy * x - sy * z, b = sy * x + cy * z;
    const depth = 3 + cp * b + sp * y, f = h * 1.3 * zoom / depth;
    return [w / 2 + f * a, h / 2 + f * (cp * y - sp * b), depth];
  }
  function draw() {
    asked = false;
    pixels.fill(0xff1c1818);
    nearest.fill(Infinity);
    for (let i = 0; i < points.length; i += 3) {
      const [u, v, depth] = place(points[i], points[i + 1], points[i + 2]);
      const x = Math.round(u), y = Math.round(v);
      if (depth < 0.05 || x < 0 || y < 0 || x > w - 2 || y > h - 2) continue;
      const color = 0xff000000 | colors[i + 2] << 16 | colors[i + 1] << 8 | colors[i];
      for (const at of [y * w + x, y * w + x + 1, (y + 1) * w + x, (y + 1) * w + x + 1])
        if (depth < nearest[at]) { nearest[at] = depth; pixels[at] = color; }
    }
    paper.putImageData(image, 0, 0);
    paper.strokeStyle = "#ff8c00";
    paper.beginPath();
    for (let i = 0; i < lines.length; i += 6) {
      const start = place(lines[i], lines[i + 1], lines[i + 2]);
      const end = place(lines[i + 3], lines[i + 4], lines[i + 5]);
      if (Math.min(start[2], end[2]) < 0.05) continue;
      paper.moveTo(start[0], start[1]);
      paper.lineTo(end[0], end[1]);
    }
    paper.stroke();
  }
  function ask() { if (!asked) { asked = true; requestAnimationFrame(draw); } }
  canvas.addEventListener("pointerdown", e => canvas.setPointerCapture(e.pointerId));
  canvas.addEventListener("pointermove", e => {
    if (!e.buttons) return;
    yaw += e.movementX * 0.006;
    pitch = Math.max(-1.5, Math.min(1.5, pitch + e.movementY * 0.006));
    ask();
  });
  canvas.addEventListener("wheel", e => {
    zoom *= Math.exp(-e.deltaY * 0.001);
    e.preventDefault();
    ask();
  }, { passive: false });
  draw();
})();
</script>
"""
