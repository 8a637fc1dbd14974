# SPDX-License-Identifier: Apache-2.0
"""Damages files and messages of every kind, kills writers, and counts what came of it.

``make campaign`` runs all of it in about 20 minutes, ``python benchmarks/campaign.py --files 300`` a part; a
case that failed is run alone with ``--only 'mcap 17'``. docs/robustness.md holds the tables of the last full
run. The seed decides on everything that is done to a file.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # forked before any thread starts

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
from campaign_pieces.bombs import write_bombs
from campaign_pieces.corpus import ROOT, write_corpus
from campaign_pieces.mutations import mutate

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from campaign_pieces.readers import read, read_by_command
from campaign_pieces.sandbox import OUTCOMES, Outcome, observe

cv2.setNumThreads(1)  # a child forked while the threads of OpenCV work may wait for them for ever

GOOD = ("ok", "clear error")
_COMMANDS = ("mcap", "db3", "ros1 bag")  # kinds of which every tenth file is processed by the whole command
_MADE = "made on purpose"


class Case(NamedTuple):
    """One damaged file: its name for ``--only``, kind, how it was made, itself, and the good file it was."""

    name: str
    kind: str
    way: str
    path: Path
    seed: Path | None
    whole_command: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """Run the campaigns; returns 1 if a goal is missed."""
    args = _arguments(argv)
    print(
        f"seed {args.seed}; python benchmarks/campaign.py --seed {args.seed} --files {args.files}", flush=True
    )
    missed = 0
    for name in ("files",) if args.only else args.campaigns:
        campaign = CAMPAIGNS[name]
        print(f"\n{name}", flush=True)
        missed += campaign(args)
    return int(missed > 0)


def files(args: argparse.Namespace) -> int:
    """Damaged and hostile files; returns how many cases missed a goal."""
    counts: dict[str, Counter[str]] = {}
    largest, slowest, missed = (0, ""), (0.0, ""), 0
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        work = Path(folder)
        begin = time.monotonic()
        for case in _cases(args, work):
            if time.monotonic() - begin > args.seconds:
                print(f"stopped after {args.seconds:g} s")
                break
            outcome = _observed(case, work)
            row = _MADE if case.seed is None else case.kind
            counts.setdefault(row, Counter())[outcome.kind] += 1
            largest = max(largest, (outcome.memory, case.name))
            slowest = max(slowest, (outcome.seconds, case.name))
            if outcome.kind not in GOOD or args.only:
                missed += outcome.kind not in GOOD
                print(f"{case.name} ({case.way}): {outcome.kind}: {outcome.said[-1500:]}", flush=True)
            if case.seed is not None:
                shutil.rmtree(work / "case")
    print(_table(counts))
    print(
        f"\nlargest memory {largest[0] >> 20} MiB ({largest[1]}), slowest {slowest[0]:.1f} s ({slowest[1]})"
    )
    return missed


def messages(args: argparse.Namespace) -> int:
    """Damaged messages on the wire; returns how many missed a goal."""
    from campaign_pieces.messages import send_damaged

    counts, log = send_damaged(args.messages, args.seed)
    print(", ".join(f"{name}: {count:,}" for name, count in counts.items()) + f"; {log}")
    return counts["traceback"] + counts["good lost"]


def kills(args: argparse.Namespace) -> int:
    """Killed writers of recordings; returns 1 where they lose more than they may."""
    sys.path.insert(0, str(ROOT / "test" / "support"))
    from kills import MOST_LOST_S, kill_rounds

    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        left = kill_rounds(args.kills, args.seed, Path(folder))
    print(
        f"{left.rounds} kills: {left.files} recordings left, all readable; the oldest message lost was "
        f"{left.lost_s:.2f} s old"
    )
    return int(left.lost_s > MOST_LOST_S)


CAMPAIGNS: dict[str, Callable[[argparse.Namespace], int]] = {
    "files": files,
    "messages": messages,
    "kills": kills,
}
"""Name -> what runs it and returns how many cases missed a goal."""


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=3600, help="damaged files, beside those made on purpose")
    parser.add_argument("--messages", type=int, default=20_000, help="damaged messages (default: 20000)")
    parser.add_argument("--kills", type=int, default=200, help="writers that are killed (default: 200)")
    parser.add_argument("--campaigns", nargs="+", choices=tuple(CAMPAIGNS), default=tuple(CAMPAIGNS))
    parser.add_argument("--seed", type=int, default=1, help="of all damage (default: 1)")
    parser.add_argument("--seconds", type=float, default=1500.0, help="end after so long (default: 1500)")
    parser.add_argument("--only", default="", metavar="NAME", help="one case, by its name")
    parser.add_argument("--folder", type=Path, help="where to put the files (default: the system's)")
    return parser.parse_args(argv)


def _cases(args: argparse.Namespace, work: Path) -> Iterator[Case]:
    good = write_corpus(work / "good")
    made = write_bombs(work / "made", good)
    kinds = list(good)
    total = len(made) + args.files
    # Files made on purpose come in between, so that a part of a run has some of all.
    for number in range(total):
        begin, end = number * len(made) // total, (number + 1) * len(made) // total
        for bomb in range(begin, end):
            kind, path = made[bomb]
            name = f"made {bomb}"
            if args.only in ("", name):
                yield Case(name, kind, path.name, path, None)
        if number < args.files:
            kind = kinds[number % len(kinds)]
            turn = number // len(kinds)
            name = f"{kind} {turn}"
            if args.only in ("", name):
                yield _damaged(name, kind, turn, good[kind], args.seed, work)


def _damaged(name: str, kind: str, turn: int, good: list[Path], seed: int, work: Path) -> Case:
    rng = random.Random(f"{seed} {name}")
    source = good[turn % len(good)]
    place = work / "case"
    shutil.rmtree(place, ignore_errors=True)
    if source.parent.name == kind:
        place.mkdir()
        shutil.copy(source, place)
    else:  # what belongs to the file lies beside it
        shutil.copytree(source.parent, place)
    path = place / source.name
    target = path if rng.random() < 0.8 else rng.choice(sorted(x for x in place.iterdir() if x.is_file()))
    way, data = mutate(target.read_bytes(), rng, target.suffix)
    target.write_bytes(data)
    whole = place if kind == "db3" and rng.random() < 0.5 else path
    return Case(name, kind, f"{way} of {target.name}", whole, source, kind in _COMMANDS and turn % 10 == 0)


def _observed(case: Case, work: Path) -> Outcome:
    result = work / "result.mcap"

    def run() -> str:
        if case.whole_command:
            return read_by_command(case.path, result)
        read(case.kind, case.path, case.seed)
        return ""

    outcome = observe(run, work / "said", case.path)
    for path in (work / "said", result):
        path.unlink(missing_ok=True)
    return outcome


def _table(counts: dict[str, Counter[str]]) -> str:
    head = ("kind", "files", *OUTCOMES)
    rows = [
        (kind, sum(row.values()), *(row[name] for name in OUTCOMES)) for kind, row in sorted(counts.items())
    ]
    total = ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])) if rows else ()
    lines = [head, ["---"] * len(head), *rows, *([total] if total else [])]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
