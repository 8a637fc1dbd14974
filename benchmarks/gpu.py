# SPDX-License-Identifier: Apache-2.0
"""Everything that a machine with a CUDA device is wanted for, in pieces that each end within a time limit.

``python benchmarks/gpu.py check``, ``tests``, ``benchmark`` or ``train``, or ``all`` of them in this order.
Any Python with torch will do: the package need not be installed, and nothing is. docs/gpu.md tells what each
piece needs, what it leaves behind, and what to do with it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import functools
import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import IO, Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
CUDA_BATCH = 16
"""Pairs in a training step on a CUDA device, which two would leave idle."""

PIECES = ("check", "tests", "benchmark", "train")
ROWS = "rows"
"""The process that measures, which the piece ``benchmark`` starts, and starts again where it dies."""

NETWORK = "everything: no network can be built without it"
NO_PIECE = "recordings alone, which no piece of this reads"
NEEDS = {
    "jaxtyping": NETWORK,
    "timm": "every network but lean",
    "safetensors": NETWORK,
    "yaml": NETWORK,
    "cv2": "the pipeline, painted scenes and all training, and the tests of these",
    "tqdm": "training",
    "mcap": NO_PIECE,
    "rosbags": NO_PIECE,
    "zstandard": NO_PIECE,
    "pytest": "the piece tests",
    "beartype": "tests of array shapes, none of which wants a CUDA device",
    "hypothesis": "tests of properties, none of which wants a CUDA device",
    "flash_attn": "nothing: torch's own attention stands in",
    "triton": "compiled networks on a CUDA device; and fused rendering, for which plain rendering stands in",
    "onnxruntime": "ONNX models alone, which no piece of this runs",
    "tensorrt": "ONNX models on TensorRT alone, which no piece of this runs",
}
"""Package -> what needs it."""

PARTS = ("nets.stereo", "estimate.estimator", "train.trainer")
_DISTRIBUTIONS = {"cv2": ("opencv-python-headless", "opencv-python"), "yaml": ("pyyaml",)}

PRESETS = ("lean", "tiny", "small", "large")
SIZES = ("480x640", "720x1280")
PRECISIONS = ("fp16", "bf16", "fp32")
FORMS = ("eager", "compiled")
ALSO_ALONE = "lean"
"""Preset that is measured without its pictures' way to the device and back as well."""

JOURNAL, TABLE = "benchmark.jsonl", "benchmark.md"
STATE = "state.safetensors"
RUN_FILES = (STATE, "weights.safetensors", "log.jsonl")
LARGEST_FILE = 16 * 2**20

_SHIFT = 10  # pixels, of the pictures
_LEAST_RUNS, _ENOUGH_S = 3, 4.0  # timed ones of a row; when they have taken so long, they are enough
_ROW_S = 180  # compiling may take forever
_BROKEN = 3  # exit status of ROWS
_BEGUN = "begun: "
_AHEAD = 6  # batches that each worker may hold in shared memory


def main(argv: Sequence[str] | None = None) -> int:
    """Run a piece; returns 0 if it did what it is for, otherwise 1."""
    args = arguments(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    signal.signal(signal.SIGTERM, _interrupt)
    run = {"check": check, "tests": tests, "benchmark": benchmark, "train": train, "all": every, ROWS: rows}
    return run[args.piece](args)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add, env = parser.add_argument, os.environ.get
    add("piece", choices=(*PIECES, "all", ROWS), metavar="|".join((*PIECES, "all")))
    add("--out", type=_absolute, default=env("OUT") or "gpu_output", help="folder for the results (OUT)")
    add("--device", default=env("DEVICE") or "cuda", help="cuda, cuda:1 or, to try it, cpu (DEVICE)")
    add("--seconds", type=float, default=540.0, help="time limit of each piece (540)")
    add("--state", type=_absolute, default=ROOT / "runs/long", help="folder of the training run (runs/long)")
    add(
        "--earlier",
        type=_absolute,
        default=env("EARLIER"),
        help="folder with what an earlier call left in --out (EARLIER)",
    )
    settings = ROOT / "config" / "train_long.yaml"
    add(
        "--config",
        type=_absolute,
        default=settings,
        help="settings of the training run (config/train_long.yaml)",
    )
    add("--select", metavar="EXPRESSION", help="only tests whose names match, as with pytest -k")
    add("--presets", nargs="+", default=PRESETS, help="networks to measure")
    add("--sizes", nargs="+", type=_size, default=SIZES, metavar="HxW", help="pictures to measure with")
    add("--precisions", nargs="+", default=PRECISIONS, help="arithmetics to measure in")
    add("--forms", nargs="+", default=FORMS, choices=FORMS, help="compiled networks, or not, or both")
    add("--repeats", type=int, default=20, help="timed runs of each row (20)")
    add("--row-seconds", type=float, help="time limit of each row (180, or 0.4 of --seconds)")
    args = parser.parse_args(argv)
    args.row_seconds = args.row_seconds or min(_ROW_S, 0.4 * args.seconds)
    return args


def every(args: argparse.Namespace) -> int:
    """Run all pieces, each in a process of its own, whatever becomes of the others."""
    status = {}
    for piece in PIECES:
        print(f"== {piece}", flush=True)
        words = _words(args, piece)
        process = subprocess.Popen(words, cwd=ROOT, env=_environment(args), start_new_session=True)
        try:
            status[piece] = process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
    for piece, found in status.items():
        print(f"{piece}: {'done' if found == 0 else f'failed, status {found}'}")
    print(f"results: {args.out}")
    return int(any(status.values()))


# ---------------------------------------------------------------------------------------------------- check


def check(args: argparse.Namespace) -> int:
    """Print what there is here and what is missing, and write it to check.json."""
    faulthandler.dump_traceback_later(args.seconds, exit=True)
    versions = {name: version_of(name) for name in NEEDS}
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": _cores(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "shared_memory_mib": _shared_memory() // 2**20,
        "compiler": bool(shutil.which("cc") or shutil.which("gcc")),
        "wanted": args.device,
        **_torch_facts(args.device),
        "packages": {name: version for name, version in versions.items() if version},
        "missing": {name: NEEDS[name] for name, version in versions.items() if not version},
    }
    facts["parts"] = {part: _import(f"foundation_stereo_ros.{part}") for part in PARTS}
    (args.out / "check.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    _print_facts(facts)
    faulthandler.cancel_dump_traceback_later()
    return int(not facts["useful"])


def _print_facts(facts: dict[str, Any]) -> None:
    nested = ("packages", "missing", "parts", "devices", "arithmetic")
    for name in (name for name in facts if name not in nested):
        print(f"{name}: {facts[name]}")
    for device in facts["devices"]:
        print(f"device: {', '.join(f'{name} {value}' for name, value in device.items())}")
    for name, found in facts["arithmetic"].items():
        print(f"{name} on {facts['wanted']}: {found}")
    print("present:", ", ".join(f"{name} {version}" for name, version in facts["packages"].items()))
    for name, what in facts["missing"].items():
        print(f"missing: {name}; needed by {what}")
    for part, error in facts["parts"].items():
        print(f"foundation_stereo_ros.{part}: {error or 'loads'}")


def version_of(package: str) -> str | None:
    """Return a package's version; "present" where it does not say, None where it is missing."""
    if importlib.util.find_spec(package) is None:
        return None
    for name in _DISTRIBUTIONS.get(package, (package, package.replace("_", "-"))):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "present"


def _torch_facts(wanted: str) -> dict[str, Any]:
    """Return versions, devices, and whether each arithmetic works on the wanted one."""
    nothing = {"useful": False, "devices": [], "arithmetic": {}}
    error = _import("torch")
    if error:
        return {"torch": error, **nothing}
    import torch

    facts = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    devices = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        kind = ".".join(map(str, torch.cuda.get_device_capability(index)))
        memory = f"{total // 2**20} MiB, of them free {free // 2**20} MiB"
        devices.append({"name": torch.cuda.get_device_name(index), "memory": memory, "capability": kind})
    if _is_cuda(wanted) and not torch.cuda.is_available():
        return {**facts, **nothing, "devices": devices}
    arithmetic = {name: _try_arithmetic(name, wanted) for name in PRECISIONS}
    if _is_cuda(wanted):
        arithmetic["compiled"] = _try_compiling(wanted)
    return {**facts, "useful": True, "devices": devices, "arithmetic": arithmetic}


def _try_arithmetic(precision: str, device: str) -> str:
    import torch

    try:
        volume = torch.full((1, 8, 8, 16, 16), 1 / 16, device=device, dtype=_dtype(precision))
        found = torch.nn.functional.conv3d(volume, torch.ones(8, 8, 3, 3, 3).to(volume), padding=1)
        largest = float((found.flatten(3) @ found.flatten(3).transpose(2, 3)).max())
    except RuntimeError as error:
        return _one_line(error)
    return "works" if largest > 0 else f"wrong: {largest}"


def _try_compiling(device: str) -> str:
    import torch

    try:
        found = torch.compile(lambda x: (x.sin() * 2).sum())(torch.ones(4096, device=device))
    except Exception as error:  # whatever a missing compiler throws
        return _one_line(error)
    return "works" if bool(found.isfinite()) else f"wrong: {found}"


def _import(module: str) -> str:
    """Load a module; returns why it does not load, nothing if it does."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a package built for another one throws whatever it likes
        return _one_line(error)
    return ""


# ---------------------------------------------------------------------------------------------------- tests


def tests(args: argparse.Namespace) -> int:
    """Run the tests marked ``cuda``; leaves tests.txt and tests.xml."""
    if _has_no_device(args.device):
        return 1
    every_file = sorted((ROOT / "test").rglob("test_*.py"))
    marked = [str(f.relative_to(ROOT)) for f in every_file if "mark.cuda" in f.read_text(encoding="utf-8")]
    words = [sys.executable, "-m", "pytest", "-m", "cuda", "-v", "--durations=10", "-p", "no:cacheprovider"]
    words += ["--continue-on-collection-errors", f"--junitxml={args.out / 'tests.xml'}", *marked]
    words += ["-k", args.select] if args.select else []
    with (args.out / "tests.txt").open("w", encoding="utf-8") as log:
        status = supervised(words, args.seconds, _environment(args), lambda line: _both(line, log))
        if status is None:
            _both(f"stopped: the time limit of {args.seconds:g} s was reached\n", log)
    return int(status != 0)


def _both(line: str, log: IO[str]) -> None:
    for file in (sys.stdout, log):
        file.write(line)
        file.flush()


# ------------------------------------------------------------------------------------------------ benchmark


class Row(NamedTuple):
    """One thing to measure."""

    preset: str
    size: str
    what: str
    precision: str
    form: str


def wanted_rows(args: argparse.Namespace) -> Iterator[Row]:
    """Yield what is to be measured, the quick and the most wanted ones first."""
    for form in (form for form in FORMS if form in args.forms):
        for preset in args.presets:
            for what in ("pair", "forward") if preset == ALSO_ALONE else ("pair",):
                for size in args.sizes:
                    for precision in args.precisions:
                        yield Row(preset, size, what, precision, form)


def benchmark(args: argparse.Namespace) -> int:
    """Have rows measured until there are no more, or time is up; leaves benchmark.jsonl and benchmark.md."""
    if _has_no_device(args.device):
        return 1
    _take(args, (JOURNAL,), args.out)
    end, status = time.monotonic() + args.seconds, None
    begun: list[list[str]] = []
    while (left := end - time.monotonic()) > 1:
        begun.clear()
        words = _words(args, ROWS, left - _grace(left))
        status = supervised(words, left, _environment(args), lambda line: _note(line, begun))
        unfinished = [key for key in begun if tuple(key) not in _keys(args.out)]
        if not status:
            break
        if unfinished:
            why = (
                f"took more than {args.row_seconds:g} s" if status == -signal.SIGALRM else f"status {status}"
            )
            _append(args.out, {**_named(unfinished[0]), "error": f"the process ended: {why}"})
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
    end, name, done = time.monotonic() + args.seconds, device_name(args.device), _keys(args.out)
    left = [key for row in wanted_rows(args) if (key := (*row, name)) not in done]
    print(f"{len(left)} rows to measure", flush=True)
    if left:
        importlib.import_module("foundation_stereo_ros.nets.stereo")  # not on the first row's account
    for key in left:
        if time.monotonic() > end:
            break
        print(_BEGUN + json.dumps(key), flush=True)
        signal.alarm(max(1, round(args.row_seconds)))  # ends this process, also in the middle of a compiler
        try:
            found = measure(Row(*key[:-1]), args.device, args.repeats)
        except Exception as error:  # a row must not take the others with it
            found = {"error": f"{type(error).__name__}: {_one_line(error)}"}
        signal.alarm(0)
        _append(args.out, {**_named(key), **found})
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
    generator, dtype = torch.Generator().manual_seed(0), _dtype(row.precision)
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


def table(found: Sequence[dict[str, Any]]) -> str:
    """Return the rows as Markdown, compiled beside eager, and what failed below."""
    lines = ["# Milliseconds a pair, and the peak of the memory", ""]
    for device in dict.fromkeys(row["device"] for row in found):
        of_device = [row for row in found if row["device"] == device]
        versions = {f"torch {row['torch']}, CUDA {row['cuda']}" for row in of_device if "torch" in row}
        head = "network | size | measured | arithmetic | eager, ms | MiB | compiled, ms | MiB | compiling, s"
        lines += [f"## {device}", "", *sorted(versions), "", f"| {head} |", "|---" * 9 + "|"]
        cases = dict.fromkeys(_case(row) for row in of_device)
        by_form = {(_case(row), row["form"]): row for row in of_device}
        for case in cases:
            eager, compiled = (by_form.get((case, form), {}) for form in FORMS)
            cells = [*case, *_cells(eager), *_cells(compiled), _text(compiled.get("first_s"))]
            lines.append(f"| {' | '.join(cells)} |")
        errors = [
            f"* {' '.join((*_case(row), row['form']))}: {row['error']}" for row in of_device if "error" in row
        ]
        lines += ["", *errors, ""]
    return "\n".join(lines)


def _case(row: dict[str, Any]) -> tuple[str, ...]:
    return row["preset"], row["size"], row["what"], row["precision"]


def _cells(row: dict[str, Any]) -> tuple[str, str]:
    if "error" in row:
        return "failed", ""
    not_finite = "" if row.get("finite", True) else " (not finite)"
    return _text(row.get("ms")) + not_finite, _text(row.get("peak_mib"))


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows there are; a line cut short by the end of its process is none."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


def _keys(folder: Path) -> set[tuple[str, ...]]:
    return {tuple(row[name] for name in (*Row._fields, "device")) for row in read_rows(folder)}


def _named(key: Sequence[str]) -> dict[str, str]:
    return dict(zip((*Row._fields, "device"), key, strict=True))


def _append(folder: Path, row: dict[str, Any]) -> None:
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _note(line: str, begun: list[list[str]]) -> None:
    if line.startswith(_BEGUN):
        begun.append(json.loads(line.removeprefix(_BEGUN)))
    else:
        sys.stdout.write(line)
        sys.stdout.flush()


# ---------------------------------------------------------------------------------------------------- train


def train(args: argparse.Namespace) -> int:
    """Begin the long training run, or go on with it; leaves its state, weights and journal."""
    if _has_no_device(args.device):
        return 1
    args.state.mkdir(parents=True, exist_ok=True)
    _take(args, RUN_FILES, args.state)
    began = time.time()
    status = supervised(training_words(args), args.seconds, _environment(args), _print, signal.SIGTERM)
    state = args.state / STATE
    saved = state.is_file() and state.stat().st_mtime >= began
    print(f"training ended with status {status}; its state was {'saved' if saved else 'NOT saved'}")
    fit = [_hand_over(args.state / name, args.out) for name in RUN_FILES]
    with contextlib.suppress(OSError, IndexError):
        print((args.state / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    return int(not (saved and all(fit)))


def training_words(args: argparse.Namespace) -> list[str]:
    """Return the command, which ends before this piece's time limit."""
    margin = min(60.0, 0.4 * args.seconds)  # to load, to finish a validation, to save
    on_cuda = _is_cuda(args.device)
    words = [sys.executable, "-m", "foundation_stereo_ros.cli.main", "train", "--quiet"]
    words += ["--config", str(args.config), "-o", str(args.state), "--device", args.device]
    words += ["--workers", str(workers(on_cuda, args.config)), "--precision", "bf16" if on_cuda else "fp32"]
    words += ["--batch", str(CUDA_BATCH)] if on_cuda else []
    words += ["--max-minutes", f"{(args.seconds - margin) / 60:.3f}"]
    return [*words, "--resume"] if (args.state / STATE).is_file() else words


def workers(on_cuda: bool, config: Path) -> int:
    """Return how many processes make pairs: one for each core, fewer where shared memory is scarce."""
    if not on_cuda:
        return int(_cores() > 1)
    values: dict[str, Any] = {}
    with contextlib.suppress(ImportError, OSError):
        import yaml

        values = yaml.safe_load(config.read_text(encoding="utf-8")) or {}
    pixels = CUDA_BATCH * values.get("height", 256) * values.get("width", 448)
    possible = _shared_memory() // (_AHEAD * 10 * pixels)  # bytes of a pixel: two colours and a float
    if possible < _cores():
        print(f"shared memory is enough for {possible} workers; expected one for each of {_cores()} cores")
    return min(_cores(), possible)


def _hand_over(file: Path, out: Path) -> bool:
    """Copy a file of the run; returns whether that went well."""
    if not file.is_file():
        print(f"there is no {file.name} to hand over")
        return False
    size = file.stat().st_size
    if size >= LARGEST_FILE:
        print(f"NOT handed over: {file} has {size / 2**20:.1f} MiB; expected less than {LARGEST_FILE >> 20}")
        return False
    _copy(file, out / file.name)
    return True


# --------------------------------------------------------------------------------------------- all of these


def supervised(
    words: Sequence[str],
    seconds: float,
    environment: dict[str, str],
    take: Callable[[str], None],
    ask: signal.Signals = signal.SIGINT,
) -> int | None:
    """Run a command, ask it to end shortly before its time is up, and then end it with all that it started.

    Args:
        words: of the command.
        seconds: until it has ended in any case.
        environment: of the command.
        take: gets each line that it writes.
        ask: the signal by which it is asked.

    Returns:
        Its exit status; None where it had to be asked.
    """
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    reader = threading.Thread(target=lambda: [take(line) for line in process.stdout or ()], daemon=True)
    reader.start()
    grace, in_time = _grace(seconds), True
    try:
        process.wait(seconds - grace)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as why:
        in_time = False
        process.send_signal(ask)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
        if isinstance(why, KeyboardInterrupt):
            raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join(5)
    return process.returncode if in_time else None


def _grace(seconds: float) -> float:
    """Return how many of the seconds that a command has are for its end."""
    return min(30.0, 0.2 * seconds)


def device_name(device: str) -> str:
    """Return the name of the GPU; "cpu" for the processor."""
    if not _is_cuda(device):
        return device
    import torch

    return torch.cuda.get_device_name(device)


def _has_no_device(device: str) -> bool:
    """Tell whether there is no such device here, and say so."""
    if not _is_cuda(device):
        return False
    question = "import sys, torch; sys.exit(0 if torch.cuda.is_available() else 4)"
    status = subprocess.run([sys.executable, "-c", question], check=False).returncode
    if status:
        print(f"no CUDA device here, or no torch (status {status}); expected both, or --device cpu to try it")
    return status != 0


def _words(args: argparse.Namespace, piece: str, seconds: float | None = None) -> list[str]:
    """Return the command of a piece, with the same options."""
    words = [sys.executable, str(Path(__file__).resolve()), piece]
    for name in ("out", "device", "state", "earlier", "config", "select", "repeats", "row_seconds"):
        if getattr(args, name) is not None:
            words += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    for name in ("presets", "sizes", "precisions", "forms"):
        words += [f"--{name}", *getattr(args, name)]
    return [*words, "--seconds", str(seconds or args.seconds)]


def _environment(args: argparse.Namespace) -> dict[str, str]:
    paths = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    changes = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "DEVICE": args.device}
    return {**os.environ, **changes}


def _take(args: argparse.Namespace, names: Sequence[str], folder: Path) -> None:
    """Copy what an earlier call left, unless the folder has its own."""
    if args.earlier is None or (folder / names[0]).exists():
        return
    for name in names:
        if (args.earlier / name).is_file():
            _copy(args.earlier / name, folder / name)
            print(f"taken from {args.earlier}: {name}")


def _copy(source: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    shutil.copyfile(source, partial)
    partial.replace(target)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shared_memory() -> int:
    """Return the free bytes of the memory through which workers hand over what they made."""
    with contextlib.suppress(OSError):
        return shutil.disk_usage("/dev/shm").free
    return 1 << 40  # a system without that folder


def _dtype(precision: str) -> Any:
    import torch

    return {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]


def _is_cuda(device: str) -> bool:
    return device.startswith("cuda")


def _size(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*x[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; expected rows x columns, as 480x640")
    return text


def _absolute(text: str) -> Path:
    return Path(text).resolve()


def _one_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def _print(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
