# SPDX-License-Identifier: Apache-2.0
"""What the live node costs around the network, by rclpy and by DDS alone: time and processor time a pair.

``python benchmarks/node_cost.py``, with ROS sourced. A camera process publishes pairs, the node computes
them, and this process subscribes to disparity, depth with its camera_info, and cloud. In place of the network
stands a fixed disparity after a pause of 20 ms, so that some milliseconds can be seen. In the same run are
measured the same pipeline without ROS, and a relay: a bare rclpy node that receives the same images and
publishes messages of the same size made beforehand, which is what rclpy and the middleware cost alone; and
``foundation_stereo live``, where the extra ``dds`` is installed.
Latency counts from before the camera publishes until after the results are published.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

NETWORK_S = 0.02
NAMESPACE = "/node_cost"
SIZES = ("640x480", "1280x720")
WARM_UP, COUNTED = 30, 100


def without_network() -> None:
    """Replace what the network computes."""
    from foundation_stereo_ros.estimate.stereo.torch_backend import TorchBackend

    known: dict[tuple[int, ...], Any] = {}

    def infer(self: Any, left: Any, right: Any, config: Any) -> Any:
        time.sleep(NETWORK_S)
        shape = left.shape[:2]
        if shape not in known:
            known[shape] = np.random.default_rng(0).uniform(5, 40, shape).astype(np.float32)
        return known[shape]

    TorchBackend.__call__ = infer  # type: ignore[method-assign]


def run_node() -> int:
    """Be the node."""
    from foundation_stereo_ros.ros.node.main import main

    without_network()
    arguments = ["--ros-args", "-r", f"__ns:={NAMESPACE}", "-p", "device:=cpu"]
    # Nothing may be lost on the way, or the figures would be of other frames.
    for side in ("left", "right"):
        topic = f"qos_overrides.{NAMESPACE}/{side}/image_rect.subscription.reliability"
        arguments += ["-p", f"{topic}:=reliable"]
    return main("stereo", arguments)


def run_live() -> int:
    """Be the node without ROS."""
    from foundation_stereo_ros.cli.main import main

    without_network()
    topics = [word for side in ("left", "right") for word in (f"--{side}", f"{NAMESPACE}/{side}/image_rect")]
    return main(["live", *topics, "--namespace", NAMESPACE, "--device", "cpu", "--reliable"])


def run_relay(size: str) -> int:
    """Be a node that answers each pair with results made beforehand."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

    from foundation_stereo_ros.estimate.heap import keep_freed_memory

    keep_freed_memory()
    without_network()
    rclpy.init()
    node = rclpy.create_node("relay", namespace=NAMESPACE)
    pipeline, inputs, types = stereo_pipeline(size)
    results = pipeline.outputs(pipeline.process(*inputs), inputs[0].header, types)
    publishers = {topic: node.create_publisher(type(made), topic, 2) for topic, made in results.items()}
    diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
    latencies: list[float] = []

    def answer(message: Any) -> None:
        for topic, made in results.items():
            made.header = message.header
            publishers[topic].publish(made)
        now, stamp = node.get_clock().now().nanoseconds, message.header.stamp
        latencies.append((now - stamp.sec * 10**9 - stamp.nanosec) / 1e6)

    def report() -> None:
        median = float(np.median(latencies[-COUNTED:])) if latencies else 0.0
        values = {"results": str(len(latencies)), "latency p50": f"{median} ms"}
        status = DiagnosticStatus(
            name=f"{NAMESPACE}/relay",
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        diagnostics.publish(DiagnosticArray(status=[status]))

    for topic, message in messages(size).items():
        # The right image comes last, so that both have been received by then.
        callback = answer if topic == "right/image_rect" else lambda message: None
        node.create_subscription(type(message), topic, callback, 5)
    node.create_timer(1.0, report)
    with contextlib.suppress(rclpy.executors.ExternalShutdownException):
        rclpy.spin(node)
    return 0


def messages(size: str) -> dict[str, Any]:
    """Return one pair of rgb8 images with its calibrations, by topic."""
    from std_msgs.msg import Header

    from foundation_stereo_ros.geometry.camera import Camera
    from foundation_stereo_ros.ros.messages.camera_info import encode_camera_info
    from foundation_stereo_ros.ros.messages.images import encode_image
    from foundation_stereo_ros.ros.node.message_types import ros_types

    width, height = (int(side) for side in size.split("x"))
    camera, types = Camera(width, height, width, width, width / 2, height / 2), ros_types()
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    made = {}
    for side, tx in (("left", 0.0), ("right", -0.1 * width)):
        made[f"{side}/camera_info"] = encode_camera_info(types, Header(), camera, tx)
        made[f"{side}/image_rect"] = encode_image(types, Header(), noise, "rgb8")
    return made


def run_camera(size: str, rate: float) -> int:
    """Be the camera, until interrupted."""
    import rclpy
    from rclpy.impl.implementation_singleton import rclpy_implementation

    rclpy.init()
    node = rclpy.create_node("camera", namespace=NAMESPACE)
    pair = messages(size)
    publishers = {topic: node.create_publisher(type(message), topic, 2) for topic, message in pair.items()}
    while rclpy.ok():
        stamp = node.get_clock().now().to_msg()
        for topic, message in pair.items():
            message.header.stamp, message.header.frame_id = stamp, "left_optical"
            with contextlib.suppress(rclpy_implementation.RCLError):  # at the end
                publishers[topic].publish(message)
        time.sleep(1 / rate)


def stereo_pipeline(size: str) -> tuple[Any, list[Any], Any]:
    """Return the pipeline, its four input messages, and the classes of its output messages."""
    from foundation_stereo_ros.estimate.config import PipelineConfig
    from foundation_stereo_ros.estimate.stereo.estimator import StereoEstimator
    from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
    from foundation_stereo_ros.ros.messages.pipeline import StereoPipeline
    from foundation_stereo_ros.ros.node.message_types import ros_types

    network = FoundationStereo(NetworkConfig.preset("tiny"))
    pipeline = StereoPipeline(StereoEstimator(PipelineConfig(device="cpu"), network))
    pair = messages(size)
    inputs = [pair[f"{side}/{kind}"] for kind in ("image_rect", "camera_info") for side in ("left", "right")]
    return pipeline, inputs, ros_types()


def pipeline_alone(size: str) -> dict[str, float]:
    """Return milliseconds a pair of the pipeline without ROS, and the processor's."""
    pipeline, inputs, types = stereo_pipeline(size)
    wall, processor = [], []
    for _ in range(WARM_UP + COUNTED):
        begin, used = time.perf_counter(), time.process_time()
        result = pipeline.process(*inputs)
        pipeline.outputs(result, inputs[0].header, types)
        wall.append(time.perf_counter() - begin - NETWORK_S)
        processor.append(time.process_time() - used)
    return {
        "time": 1000 * float(np.median(wall[WARM_UP:])),
        "processor": 1000 * float(np.mean(processor[WARM_UP:])),
    }


def over_ros(role: str, size: str, rate: float) -> dict[str, float]:
    """Return milliseconds a pair of a node or the relay: latency, its parts, and the processor's."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2
    from stereo_msgs.msg import DisparityImage

    me = [sys.executable, __file__]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    node_process = subprocess.Popen([*me, "--role", role, "--sizes", size], **quiet)
    camera = subprocess.Popen([*me, "--role", "camera", "--sizes", size, "--rate", str(rate)])
    listener = rclpy.create_node("listener", namespace=NAMESPACE)
    counts: dict[str, int] = {}
    latest: dict[str, str] = {}

    def count(topic: str) -> Any:
        return lambda message: counts.__setitem__(topic, counts.get(topic, 0) + 1)

    def diagnose(array: Any) -> None:
        for status in array.status:
            if status.name.startswith(NAMESPACE):
                latest.update({pair.key: pair.value for pair in status.values})

    for kind, topic in (
        (DisparityImage, "disparity"),
        (Image, "depth/image_rect"),
        (CameraInfo, "depth/camera_info"),
        (PointCloud2, "points2"),
    ):
        listener.create_subscription(kind, topic, count(topic), 2)
    listener.create_subscription(DiagnosticArray, "/diagnostics", diagnose, 10)

    def wait_for(results: int) -> None:
        while int(latest.get("results", 0)) < results:
            rclpy.spin_once(listener, timeout_sec=1.0)

    try:
        wait_for(WARM_UP)
        first, used = int(latest["results"]), processor_seconds(node_process.pid)
        wait_for(first + COUNTED)
        last, used = int(latest["results"]), processor_seconds(node_process.pid) - used
    finally:
        for process in (camera, node_process):
            process.terminate()
            process.wait()
        listener.destroy_node()
    figures = {name: float(text.split()[0]) for name, text in latest.items() if text.endswith(" ms")}
    if role != "relay":
        figures["latency p50"] -= 1000 * NETWORK_S
    figures["processor"] = 1000 * used / (last - first)
    figures["clouds received"] = counts["points2"]
    figures["results"] = last
    return figures


def processor_seconds(pid: int) -> float:
    """Return what a process has used so far, by all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def print_row(name: str, *values: str | float) -> None:
    """Print one line of the table."""
    cells = (value if isinstance(value, str) else f"{value:.1f}" for value in values)
    print(f"  {name:<32}", *(f"{cell:>10}" for cell in cells))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxH")
    parser.add_argument("--rate", type=float, default=8.0, help="pairs a second (default: 8)")
    parser.add_argument("--role", choices=("node", "live", "relay", "camera"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.role == "node":
        return run_node()
    if args.role == "live":
        return run_live()
    if args.role == "relay":
        return run_relay(args.sizes[0])
    if args.role == "camera":
        return run_camera(args.sizes[0], args.rate)

    import rclpy

    from foundation_stereo_ros.estimate.heap import keep_freed_memory

    keep_freed_memory()
    without_network()
    rclpy.init()
    for size in args.sizes:
        alone = pipeline_alone(size)
        relay, node = (over_ros(role, size, args.rate) for role in ("relay", "node"))
        live = over_ros("live", size, args.rate) if importlib.util.find_spec("cyclonedds") else None
        print(f"{size}, milliseconds a pair, network not counted")
        print_row("", "time", "processor")
        print_row("pipeline alone", alone["time"], alone["processor"])
        print_row("relay, from stamp to published", relay["latency p50"], relay["processor"])
        print_row("node, from stamp to published", node["latency p50"], node["processor"])
        if live:
            print_row("live, from stamp to published", live["latency p50"], live["processor"])
        print(f"  {json.dumps({'node': node, 'live': live})}", flush=True)
    rclpy.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
