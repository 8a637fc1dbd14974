# SPDX-License-Identifier: Apache-2.0
"""``foundation_stereo benchmark``: how long each stage takes, and with what share of the machine's best."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from foundation_stereo_ros.cli.options import count, image_size, output
from foundation_stereo_ros.errors import FoundationStereoError, counted
from foundation_stereo_ros.io.outputs import reserved
from foundation_stereo_ros.terminal import StatusLine

if TYPE_CHECKING:
    from foundation_stereo_ros.bench.machine import BestRates
    from foundation_stereo_ros.bench.measurement import Case, CaseResult

INCOMPLETE = 3
INTERRUPTED = 130
_PRESETS = ("tiny", "lean", "small", "base", "large", "pairnet", "fusionnet")
_STEREO, _VIDEO = "stereo", "video"
_PRECISIONS = ("auto", "fp32", "fp16", "bf16")
_EPILOG = """\
Options given several times are measured in all combinations. docs/performance.md says what is measured.

exit codes:
  0    done
  1    nothing could be done; one line says why
  2    wrong usage
  3    some cases failed, see stderr; the figures are those of the others
  130  interrupted (Ctrl-C); the figures are those of the cases done
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags; loads no torch."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add = parser.add_argument
    add(
        "--system",
        choices=(_STEREO, _VIDEO),
        default=_STEREO,
        help="what is measured: a stereo pair, or a keyframe of a posed video (default: stereo)",
    )
    add("--preset", action="append", choices=_PRESETS, help="a network with random weights; repeatable")
    add(
        "--checkpoint",
        action="append",
        type=Path,
        metavar="FILE",
        help="a weights file; repeatable (default: the weights that ship with the package)",
    )
    add(
        "--size",
        action="append",
        type=image_size,
        metavar="HxW",
        help="rows x columns of the pictures; repeatable (default: 480x640, of video 256x320)",
    )
    add(
        "--iterations",
        action="append",
        type=count,
        metavar="N",
        help="refinements; repeatable (default: as many as the network was made for)",
    )
    add("--precision", action="append", choices=_PRECISIONS, help="repeatable (default: auto)")
    add("--device", action="append", metavar="NAME", help="cpu, cuda, cuda:1 ...; repeatable (default: auto)")
    add("--compile", action="store_true", help="also measure the compiled network")
    add(
        "--plain",
        action="store_true",
        help="measure in turns with it its plain form, too: the network before it is prepared for inference",
    )
    add("--threads", type=count, metavar="N", help="threads of the CPU (default: PyTorch's choice)")
    add(
        "--processor-time",
        action="store_true",
        help="on the CPU, count the time that this process computes, not the time that passes: for a machine "
        "that is also doing other work; use it with --threads 1",
    )
    add("--repeats", type=count, metavar="N", default=10, help="timed frames of each case (default: 10)")
    add("--json", type=output, metavar="FILE", help="write all figures to this file")


def run(args: argparse.Namespace) -> int:
    """Measure; prints tables and writes what was asked for."""
    files = [args.json] if args.json else []
    with reserved(*files):
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    from foundation_stereo_ros.estimate.heap import keep_freed_memory

    keep_freed_memory()  # as the node does, and before torch is loaded

    import torch

    from foundation_stereo_ros.bench.machine import BestRates

    if args.threads:
        torch.set_num_threads(args.threads)
    if args.system == _VIDEO:
        return _run_video(args)
    rates, outcome, line = BestRates(_clock(args)), _Outcome(), StatusLine()
    try:
        for case, name in _cases(args):
            try:
                outcome.results.append(_measure(case, name, args, rates, line))
            except FoundationStereoError as error:
                outcome.failed.append((name, str(error)))
    except KeyboardInterrupt:
        outcome.interrupted = True
    finally:
        line.close()
    return _conclude(args, outcome, rates)


def _run_video(args: argparse.Namespace) -> int:
    from foundation_stereo_ros.bench.machine import machine, versions
    from foundation_stereo_ros.bench.video import VideoCase, measure_video
    from foundation_stereo_ros.errors import ConfigError
    from foundation_stereo_ros.io.files import write_json

    for flag, value in (("--iterations", args.iterations), ("--compile", args.compile)):
        if value:
            raise ConfigError(f"{flag} is of stereo pairs; expected none with --system {_VIDEO}")
    sources = [{"checkpoint": str(path)} for path in args.checkpoint or ()]
    sources += [{"preset": name} for name in args.preset or ()]
    found, line = [], StatusLine()
    try:
        for source, (height, width), precision, device in itertools.product(
            sources or [{}],
            args.size or [(256, 320)],
            args.precision or ["auto"],
            args.device or ["auto"],
        ):
            case = VideoCase(**source, height=height, width=width, precision=precision, device=device)
            found.append(measure_video(case, args.repeats, args.plain, line.show, _clock(args)))
    finally:
        line.close()
    print("\n\n".join(result.table() for result in found))
    if args.json:
        facts = {
            "machine": machine({result.device for result in found}),
            "versions": versions(),
            "repeats": args.repeats,
            "clock": "processor" if args.processor_time else "wall",
            "cases": [result.facts() for result in found],
        }
        write_json(args.json, facts)
    return 0


@dataclass
class _Outcome:
    results: list[CaseResult] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    interrupted: bool = False


def _cases(args: argparse.Namespace) -> Iterator[tuple[Case, str]]:
    """Yield all combinations, and what to call each."""
    from foundation_stereo_ros.bench.inputs import NetworkSource
    from foundation_stereo_ros.bench.measurement import Case
    from foundation_stereo_ros.weights.shipped import find_checkpoint

    sources = [NetworkSource(checkpoint=find_checkpoint(path)) for path in args.checkpoint or ()]
    sources += [NetworkSource(preset=name) for name in args.preset or ()]
    for source, (height, width), iterations, precision, device, compiled in itertools.product(
        sources or [NetworkSource(checkpoint=find_checkpoint(""))],
        args.size or [(480, 640)],
        args.iterations or [0],
        args.precision or ["auto"],
        args.device or ["auto"],
        [False, True] if args.compile else [False],
    ):
        case = Case(source, height, width, iterations, precision, device, compiled)
        words = [source.name, f"{height} x {width}", counted(iterations, "refinement") if iterations else ""]
        words += [word for word in (precision, device) if word != "auto"] + ["compiled"] * compiled
        yield case, ", ".join(word for word in words if word)


def _measure(
    case: Case, name: str, args: argparse.Namespace, rates: BestRates, line: StatusLine
) -> CaseResult:
    from foundation_stereo_ros.bench.measurement import CaseMeasurement
    from foundation_stereo_ros.ros.messages.cdr import message_types

    def tell(what: str) -> None:
        line.show(f"{name}: {what}")

    measurement = CaseMeasurement(case, message_types(), args.plain, tell, _clock(args))
    # Before and after, since a machine that does something else as well is never equally fast.
    tell("the best of the machine")
    rates.measure(measurement.device, measurement.dtype)
    result = measurement(args.repeats)
    tell("the best of the machine")
    rates.measure(measurement.device, measurement.dtype)
    return result


def _clock(args: argparse.Namespace) -> Callable[[], float]:
    return time.process_time if args.processor_time else time.perf_counter


def _conclude(args: argparse.Namespace, outcome: _Outcome, rates: BestRates) -> int:
    from foundation_stereo_ros.bench.machine import machine, versions
    from foundation_stereo_ros.bench.report import case_facts, tables
    from foundation_stereo_ros.io.files import write_json

    if outcome.results:
        facts = {
            "machine": machine({result.device for result in outcome.results}),
            "versions": versions(),
            "repeats": args.repeats,
            "clock": "processor" if args.processor_time else "wall",
            "best_flops_per_second": rates.best,
            "cases": [case_facts(result, rates.best) for result in outcome.results],
            "failed": [{"case": name, "reason": reason} for name, reason in outcome.failed],
            "interrupted": outcome.interrupted,
        }
        print(tables(outcome.results, facts))
        if args.json:
            write_json(args.json, facts)
    for name, reason in outcome.failed:
        print(f"failed: {name}: {reason}", file=sys.stderr)
    if outcome.interrupted:
        kept = "the figures are those of the cases done" if outcome.results else "before the first case"
        print(f"interrupted: {kept}", file=sys.stderr)
        return INTERRUPTED
    if not outcome.results:
        return 1
    return INCOMPLETE if outcome.failed else 0
