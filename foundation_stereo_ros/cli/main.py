# SPDX-License-Identifier: Apache-2.0
"""Entry point of the ``foundation_stereo`` command."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

from foundation_stereo_ros import __version__
from foundation_stereo_ros.errors import FoundationStereoError, printable
from foundation_stereo_ros.limits import SETTING, allow
from foundation_stereo_ros.terminal import INTERRUPTED

COMMANDS = {
    "bag": "process a recording: adds disparity, depth and point clouds to it",
    "pair": "process two image files",
    "video": "process images with camera poses, of a folder or a recording",
    "match": "find the pixels of two pictures that show the same spots, and depth of both",
    "scene": "find cameras, depth and points of pictures without poses, with masks if wanted",
    "live": "process live ROS 2 topics, without a ROS installation",
    "play": "publish a recording on ROS 2 topics, without a ROS installation",
    "record": "record ROS 2 topics, without a ROS installation",
    "weights": "show what a weights file contains, or convert it",
    "demo": "render a small recording, process it, and show every stage on one page",
    "train": "train a network on generated scenes or datasets, or fine-tune one",
    "curate": "find out which generated scenes are worth training on",
    "evaluate": "measure errors and speed on a dataset with ground truth",
    "benchmark": "measure how long each stage takes",
    "export": "write a network as an ONNX file",
}
"""Subcommand, which is also the module's name in this package -> its line in the help."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0: done; 1: one line on stderr says what is wrong; 2: wrong usage; 130: Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parser(words).parse_args(words)
    except SystemExit as end:
        return int(end.code or 0)
    logging.basicConfig(level=logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Printable("%(levelname)s: %(message)s"))
    if hasattr(args, SETTING):
        allow(getattr(args, SETTING))
    try:
        from foundation_stereo_ros.cli.options import inputs_of
        from foundation_stereo_ros.io.outputs import keeping

        with keeping(inputs_of(args)):
            return int(importlib.import_module(f"{__package__}.{args.command}").run(args))
    except FoundationStereoError as error:
        from foundation_stereo_ros.cli.options import in_flags

        print(f"error: {in_flags(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; Python would complain once more while it closes
        # stdout.
        sys.stderr.close()
        return 1


class _Parser(argparse.ArgumentParser):
    """One whose errors are two short lines; the usage of some commands fills a screen."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}\n{self.prog} --help lists the options\n")


class _Printable(logging.Formatter):
    """Records that a terminal only shows, whatever names from files are in them."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="foundation_stereo",
        description="Depth and point clouds from stereo images and from posed video.",
        epilog="foundation_stereo COMMAND --help lists the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.")
        if name in words:
            importlib.import_module(f"{__package__}.{name}").add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
