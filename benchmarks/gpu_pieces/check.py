# SPDX-License-Identifier: Apache-2.0
"""What there is on this machine, and whether the tests pass on its device."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import importlib.util
import json
import os
import platform
import shutil
import sys
from importlib import metadata
from typing import IO, Any

from gpu_pieces.device import cores, dtype_of, has_no_device, is_cuda, one_line, shared_memory
from gpu_pieces.processes import ROOT, environment_for, supervised
from gpu_pieces.rows import PRECISIONS

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
PARTS = (
    "nets.stereo",
    "estimate.stereo.estimator",
    "train.trainer",
    "estimate.video.estimator",
    "train.video_trainer",
)
_DISTRIBUTIONS = {"cv2": ("opencv-python-headless", "opencv-python"), "yaml": ("pyyaml",)}


def check(args: argparse.Namespace) -> int:
    """Print what there is here and what is missing, and write it to check.json."""
    faulthandler.dump_traceback_later(args.seconds, exit=True)
    versions = {name: version_of(name) for name in NEEDS}
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": cores(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "shared_memory_mib": shared_memory() // 2**20,
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
    if is_cuda(wanted) and not torch.cuda.is_available():
        return {**facts, **nothing, "devices": devices}
    arithmetic = {name: _try_arithmetic(name, wanted) for name in PRECISIONS}
    if is_cuda(wanted):
        arithmetic["compiled"] = _try_compiling(wanted)
    return {**facts, "useful": True, "devices": devices, "arithmetic": arithmetic}


def _try_arithmetic(precision: str, device: str) -> str:
    import torch

    try:
        volume = torch.full((1, 8, 8, 16, 16), 1 / 16, device=device, dtype=dtype_of(precision))
        found = torch.nn.functional.conv3d(volume, torch.ones(8, 8, 3, 3, 3).to(volume), padding=1)
        largest = float((found.flatten(3) @ found.flatten(3).transpose(2, 3)).max())
    except RuntimeError as error:
        return one_line(error)
    return "works" if largest > 0 else f"wrong: {largest}"


def _try_compiling(device: str) -> str:
    import torch

    try:
        found = torch.compile(lambda x: (x.sin() * 2).sum())(torch.ones(4096, device=device))
    except Exception as error:  # whatever a missing compiler throws
        return one_line(error)
    return "works" if bool(found.isfinite()) else f"wrong: {found}"


def _import(module: str) -> str:
    """Load a module; returns why it does not load, nothing if it does."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a package built for another one throws whatever it likes
        return one_line(error)
    return ""


def tests(args: argparse.Namespace) -> int:
    """Run the tests marked ``cuda``; leaves tests.txt and tests.xml."""
    if has_no_device(args.device):
        return 1
    every_file = sorted((ROOT / "test").rglob("test_*.py"))
    marked = [str(f.relative_to(ROOT)) for f in every_file if "mark.cuda" in f.read_text(encoding="utf-8")]
    words = [sys.executable, "-m", "pytest", "-m", "cuda", "-v", "--durations=10", "-p", "no:cacheprovider"]
    words += ["--continue-on-collection-errors", f"--junitxml={args.out / 'tests.xml'}", *marked]
    words += ["-k", args.select] if args.select else []
    with (args.out / "tests.txt").open("w", encoding="utf-8") as log:
        status = supervised(words, args.seconds, environment_for(args), lambda line: _both(line, log))
        if status is None:
            _both(f"stopped: the time limit of {args.seconds:g} s was reached\n", log)
    return int(status != 0)


def _both(line: str, log: IO[str]) -> None:
    for file in (sys.stdout, log):
        file.write(line)
        file.flush()
