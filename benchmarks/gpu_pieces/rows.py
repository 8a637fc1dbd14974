# SPDX-License-Identifier: Apache-2.0
"""What the benchmark measures, one row each: which rows are wanted, which are there, and their table."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PRESETS = ("lean", "tiny", "small", "large")
SIZES = ("480x640", "720x1280")
PRECISIONS = ("fp16", "bf16", "fp32")
FORMS = ("eager", "compiled")
VIDEOS = ("lean-video", "fusionnet", "pairnet")
"""Networks for posed video: the weights that ship, and published sizes with random weights."""
VIDEO_SIZE = "256x320"
KEYFRAME = "keyframe"
"""What is measured of a video: an image in main memory to its depth there, beside two earlier ones."""
ALSO_ALONE = "lean"
"""Preset that is measured without its pictures' way to the device and back as well."""

JOURNAL = "benchmark.jsonl"


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


def wanted_keyframes(args: argparse.Namespace) -> Iterator[Row]:
    """Yield what is to be measured of posed video."""
    for name in args.videos:
        for precision in args.precisions:
            yield Row(name, VIDEO_SIZE, KEYFRAME, precision, FORMS[0])


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows there are; a line cut short by the end of its process is none."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


def keys(folder: Path) -> set[tuple[str, ...]]:
    """Return what identifies each row there is: its fields and the device's name."""
    return {tuple(row[name] for name in (*Row._fields, "device")) for row in read_rows(folder)}


def named(key: Sequence[str]) -> dict[str, str]:
    """Return a row's key as the row has it."""
    return dict(zip((*Row._fields, "device"), key, strict=True))


def append(folder: Path, row: dict[str, Any]) -> None:
    """Write a row at the end of the journal."""
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


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
