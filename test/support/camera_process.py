# SPDX-License-Identifier: Apache-2.0
"""A stereo camera as a process of its own, for the tests of the node; its orders come on stdin.

An order is a line of JSON that changes some of `Orders`. Every pair sent is told by a line on stdout: its
stamp in nanoseconds.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

SIDES = ("left", "right")


@dataclass
class Orders:
    """What to send from now on.

    Attributes:
        scene: .npz file with ``left``, ``right``, ``focal``, ``cx``, ``cy``, ``baseline``; empty: none.
        rate: pairs a second; 0: none.
        count: stop after as many more; -1: never.
        first_stamp: nanoseconds; stamps go on from there by 1 / rate. -1: now.
        apart_ms: how much later the right image's stamp is.
        images: sides that send images.
        infos: sides that send a CameraInfo.
        lossy: of every pair one image gets lost: twice the left one, twice the right one.
        encoding: name of the images' encoding; the pixels are rgb8.
        right_rows: rows that the right image lacks.
        framed: whether the messages name their frames.
        d: distortion to tell of (plumb_bob).
        p: numbers of P to send in place of the true ones: side -> index -> number.
    """

    scene: str = ""
    rate: float = 10.0
    count: int = -1
    first_stamp: int = -1
    apart_ms: float = 0.0
    images: tuple[str, ...] = SIDES
    infos: tuple[str, ...] = SIDES
    lossy: bool = False
    encoding: str = "rgb8"
    right_rows: int = 0
    framed: bool = True
    d: tuple[float, ...] = (0.0,) * 5
    p: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)


class Camera(Node):
    """Publishes pairs as it is told.

    Args:
        kind: ``raw``, ``compressed`` (with /compressed behind the topics), or ``misplaced`` (compressed
            images under the names of raw ones).
        qos: ``sensor`` (best effort), ``reliable``, or ``latched`` (sensor, with calibrations that are kept
            for those who come late).
    """

    def __init__(self, kind: str, qos: str) -> None:
        super().__init__("camera")
        self.orders = Orders()
        self._kind = kind
        reliability = ReliabilityPolicy.RELIABLE if qos == "reliable" else ReliabilityPolicy.BEST_EFFORT
        profile = QoSProfile(depth=5, reliability=reliability, durability=DurabilityPolicy.VOLATILE)
        image_type = Image if kind == "raw" else CompressedImage
        suffix = "/compressed" if kind == "compressed" else ""
        self._images = {
            s: self.create_publisher(image_type, f"{s}/image_rect{suffix}", profile) for s in SIDES
        }
        kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        info_profile = kept if qos == "latched" else profile
        self._infos = {s: self.create_publisher(CameraInfo, f"{s}/camera_info", info_profile) for s in SIDES}
        self._scenes: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._sent_at = 0.0
        self._sent = 0

    def obey(self, order: dict[str, Any]) -> None:
        with self._lock:
            self.orders = dataclasses.replace(self.orders, **order)
            if "first_stamp" in order:
                self._sent = 0

    def tick(self) -> None:
        """Send a pair if it is time."""
        with self._lock:
            orders = self.orders
            idle = not orders.scene or orders.rate <= 0 or orders.count == 0
            if idle or time.monotonic() - self._sent_at < 1 / orders.rate:
                return
            self.orders = dataclasses.replace(orders, count=max(-1, orders.count - 1))
            self._sent_at = time.monotonic()
            stamp = self._stamp(orders)
            if orders.lossy:
                orders = dataclasses.replace(orders, images=(SIDES[self._sent // 2 % 2],))
            self._sent += 1
        for side in SIDES:
            self._send(side, stamp + (round(orders.apart_ms * 1e6) if side == "right" else 0), orders)
        print(stamp, flush=True)

    def _stamp(self, orders: Orders) -> int:
        if orders.first_stamp < 0:
            return int(self.get_clock().now().nanoseconds)
        return orders.first_stamp + round(self._sent * 1e9 / orders.rate)

    def _send(self, side: str, stamp: int, orders: Orders) -> None:
        scene = self._scene(orders.scene)
        pixels = scene[side][orders.right_rows if side == "right" else 0 :]
        if side in orders.infos:
            self._infos[side].publish(self._info(side, stamp, scene, orders))
        if side in orders.images:
            make = self._raw if self._kind == "raw" else self._compressed
            self._images[side].publish(make(side, stamp, pixels, orders))

    def _scene(self, path: str) -> dict[str, Any]:
        if path not in self._scenes:
            with np.load(Path(path)) as file:
                self._scenes[path] = {name: file[name] for name in file.files}
        return self._scenes[path]

    def _raw(self, side: str, stamp: int, pixels: np.ndarray, orders: Orders) -> Image:
        height, width, channels = pixels.shape
        message = Image(height=height, width=width, encoding=orders.encoding, step=width * channels)
        message.data.frombytes(np.ascontiguousarray(pixels))
        return _stamped(message, side, stamp, orders)

    def _compressed(self, side: str, stamp: int, pixels: np.ndarray, orders: Orders) -> CompressedImage:
        _, packed = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))
        message = CompressedImage(format="rgb8; png compressed bgr8")
        message.data.frombytes(packed)
        return _stamped(message, side, stamp, orders)

    def _info(self, side: str, stamp: int, scene: dict[str, Any], orders: Orders) -> CameraInfo:
        height, width, _ = scene[side].shape
        f, cx, cy = (float(scene[name]) for name in ("focal", "cx", "cy"))
        tx = -f * float(scene["baseline"]) if side == "right" else 0.0
        p = [f, 0.0, cx, tx, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
        for index, number in orders.p.get(side, {}).items():
            p[int(index)] = number
        message = CameraInfo(height=height, width=width, distortion_model="plumb_bob", p=p)
        message.d = list(orders.d)
        message.k = [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0]
        message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        return _stamped(message, side, stamp, orders)


def _stamped(message: Any, side: str, stamp: int, orders: Orders) -> Any:
    message.header.frame_id = f"{side}_optical" if orders.framed else ""
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 1_000_000_000)
    return message


def main() -> None:
    rclpy.init(args=["camera", "--ros-args", *sys.argv[3:]])
    camera = Camera(sys.argv[1], sys.argv[2])
    ended = threading.Event()

    def listen() -> None:
        for line in sys.stdin:
            camera.obey(json.loads(line))
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    while not ended.wait(0.002):
        camera.tick()
    camera.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
