# SPDX-License-Identifier: Apache-2.0
"""Rows measured one by one, in a process that may die of each."""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from gpu_pieces.device import device_name, dtype_of, has_no_device, one_line
from gpu_pieces.processes import environment_for, grace_of, supervised, take_earlier, words_for
from gpu_pieces.rows import (
    JOURNAL,
    KEYFRAME,
    Row,
    append,
    keys,
    named,
    read_rows,
    table,
    wanted_keyframes,
    wanted_rows,
)

ROWS = "rows"
VIDEO_ROWS = "video-rows"
"""The processes that measure, which ``benchmark`` and ``video`` start, and start again where they die."""

TABLE = "benchmark.md"

_SHIFT = 10  # pixels, of the pictures
_LEAST_RUNS, _ENOUGH_S = 3, 4.0  # timed ones of a row; when they have taken so long, they are enough
_BROKEN = 3  # exit status of ROWS
_BEGUN = "begun: "


def benchmark(args: argparse.Namespace) -> int:
    """Have rows measured until there are no more, or time is up; leaves benchmark.jsonl and benchmark.md."""
    if has_no_device(args.device):
        return 1
    take_earlier(args, (JOURNAL,), args.out)
    end, status = time.monotonic() + args.seconds, None
    begun: list[list[str]] = []
    while (left := end - time.monotonic()) > 1:
        begun.clear()
        words = words_for(args, VIDEO_ROWS if args.piece == "video" else ROWS, left - grace_of(left))
        status = supervised(words, left, environment_for(args), lambda line: _note(line, begun))
        unfinished = [key for key in begun if tuple(key) not in keys(args.out)]
        if not status:
            break
        if unfinished:
            why = (
                f"took more than {args.row_seconds:g} s" if status == -signal.SIGALRM else f"status {status}"
            )
            append(args.out, {**named(unfinished[0]), "error": f"the process ended: {why}"})
        elif status != _BROKEN:
            break
    found = read_rows(args.out)
    (args.out / TABLE).write_text(table(found), encoding="utf-8")
    print(f"{len(found)} rows in {args.out / TABLE}")
    if status is None:
        print("time was up; another call goes on with the rest")
    return int(bool(status) or not found)


def rows(args: argparse.Namespace) -> int:
    """Measure what has no row yet, in this process; a row may end it."""
    end, name, done = time.monotonic() + args.seconds, device_name(args.device), keys(args.out)
    wanted = wanted_keyframes if args.piece == VIDEO_ROWS else wanted_rows
    left = [key for row in wanted(args) if (key := (*row, name)) not in done]
    print(f"{len(left)} rows to measure", flush=True)
    if left:
        importlib.import_module("foundation_stereo_ros.nets.stereo")  # not on the first row's account
    for key in left:
        if time.monotonic() > end:
            break
        print(_BEGUN + json.dumps(key), flush=True)
        signal.alarm(max(1, round(args.row_seconds)))  # ends this process, also in the middle of a compiler
        try:
            row = Row(*key[:-1])
            take = measure_keyframes if row.what == KEYFRAME else measure
            found = take(row, args.device, args.repeats)
        except Exception as error:  # a row must not take the others with it
            found = {"error": f"{type(error).__name__}: {one_line(error)}"}
        signal.alarm(0)
        append(args.out, {**named(key), **found})
        figures = "{ms:.2f} ms, {peak_mib} MiB".format_map(found) if "ms" in found else found["error"]
        print(f"{' '.join(key[:-1])}: {figures}", flush=True)
        if "CUDA error" in found.get("error", ""):
            return _BROKEN  # nothing works in a process after such a one
    return 0


def measure(row: Row, device_text: str, repeats: int) -> dict[str, Any]:
    """Return the median time of a pair, the peak of the memory, and more."""
    import torch

    from foundation_stereo_ros.bench.meters import clock_for, memory_growth

    device = torch.device(device_text)
    network = _network(row.preset, device_text)
    if row.form == "compiled":
        torch._dynamo.reset()
    forward = torch.compile(network) if row.form == "compiled" else network
    work = _work(row, forward, network.config.iterations, device)
    clock, times = clock_for(device), []
    begin = time.perf_counter()
    finite = bool(work().isfinite().all())
    first = time.perf_counter() - begin
    work()
    memory = memory_growth(work, device)
    peak = memory.get("allocated", memory.get("resident_growth"))
    begin = time.perf_counter()
    while len(times) < repeats and (len(times) < _LEAST_RUNS or time.perf_counter() < begin + _ENOUGH_S):
        clock.start()
        work()
        clock.lap("pair")
        times.append(clock.stop()["pair"])
    return {
        "ms": round(statistics.median(times), 3),
        "fastest_ms": round(min(times), 3),
        "runs": len(times),
        "first_s": round(first, 2),
        "peak_mib": None if peak is None else round(peak / 2**20),
        "iterations": network.config.iterations,
        "finite": finite,
        "tf32": bool(torch.backends.cudnn.allow_tf32),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
    }


def measure_keyframes(row: Row, device: str, repeats: int) -> dict[str, Any]:
    """Return what ``foundation_stereo benchmark --system video`` does, and the peak of the memory."""
    import torch

    from foundation_stereo_ros.bench.meters import memory_growth
    from foundation_stereo_ros.bench.video import VideoCase, measure_video
    from foundation_stereo_ros.weights.shipped import SHIPPED_VIDEO

    height, width = map(int, row.size.split("x"))
    source = {"checkpoint": row.preset} if row.preset == SHIPPED_VIDEO else {"preset": row.preset}
    case = VideoCase(**source, height=height, width=width, precision=row.precision, device=device)
    memory = memory_growth(lambda: measure_video(case, 1, False, lambda _: None), torch.device(device))
    peak = memory.get("allocated", memory.get("resident_growth"))
    found = measure_video(case, repeats, False, lambda _: None)
    times = [sum(run.values()) for run in found.runs]
    return {
        "ms": round(statistics.median(times), 3),
        "fastest_ms": round(min(times), 3),
        "runs": len(times),
        "peak_mib": None if peak is None else round(peak / 2**20),
        "stages_ms": {name: stage["p50"] for name, stage in found.facts()["ms"].items()},
        "tf32": bool(torch.backends.cudnn.allow_tf32),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
    }


@functools.lru_cache(maxsize=1)
def _network(preset: str, device: str) -> Any:
    from foundation_stereo_ros.bench.inputs import randomize
    from foundation_stereo_ros.nets.stereo import build_network, for_inference, network_preset

    network = build_network(network_preset(preset))
    randomize(network)
    return for_inference(network).requires_grad_(False).to(device)


def _work(row: Row, forward: Any, iterations: int, device: Any) -> Callable[[], Any]:
    """Return what a row measures: pictures to a disparity on the CPU, or the network alone."""
    import torch

    from foundation_stereo_ros.nets.stereo import pad_to_multiple

    height, width = map(int, row.size.split("x"))
    generator, dtype = torch.Generator().manual_seed(0), dtype_of(row.precision)
    wide = torch.randint(0, 256, (height, width + _SHIFT, 3), dtype=torch.uint8, generator=generator)
    views = [view.contiguous() for view in (wide[:, :width], wide[:, _SHIFT:])]

    def brought(view: Any) -> Any:
        view = view.pin_memory() if device.type == "cuda" else view
        return view.to(device, non_blocking=True).permute(2, 0, 1)[None].float()

    def padded() -> tuple[Any, Any, Any]:
        left, padding = pad_to_multiple(brought(views[0]))
        return left, padding.apply(brought(views[1])), padding

    ready = padded() if row.what == "forward" else None

    def work() -> Any:
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            left, right, padding = ready or padded()
            disparity = forward(left, right, iterations)
            return disparity if ready else padding.crop(disparity)[0, 0].float().cpu()

    return work


def _note(line: str, begun: list[list[str]]) -> None:
    if line.startswith(_BEGUN):
        begun.append(json.loads(line.removeprefix(_BEGUN)))
    else:
        sys.stdout.write(line)
        sys.stdout.flush()
