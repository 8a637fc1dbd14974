# SPDX-License-Identifier: Apache-2.0
"""Command line flags made from the fields of configurations."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable
from typing import Any

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.estimate.config import PipelineConfig, settings
from foundation_stereo_ros.estimate.setting import Setting


def add_pipeline_options(parser: argparse.ArgumentParser, *, without: Collection[str] = ()) -> None:
    """Add a flag for each field of PipelineConfig: ``z_near`` becomes ``--z-near``.

    Args:
        parser: of a subcommand.
        without: fields that make no sense there.
    """
    add_setting_options(parser.add_argument_group("pipeline"), settings(), without=without)


def add_setting_options(
    group: argparse._ArgumentGroup, fields: Iterable[Setting], *, without: Collection[str] = ()
) -> None:
    """Add a flag for each setting; those not given are absent from what is parsed."""
    for setting in fields:
        if setting.name in without:
            continue
        flags = ["--" + setting.name.replace("_", "-"), *_SHORTER.get(setting.name, ())]
        text = f"{setting.description} ({_default(setting)})".replace("%", "%%")
        if setting.type is bool:
            action = argparse.BooleanOptionalAction
            group.add_argument(*flags, action=action, default=argparse.SUPPRESS, help=text)
        else:
            group.add_argument(
                *flags,
                type=_reader(setting),
                choices=setting.choices or None,
                metavar=None if setting.choices else _METAVARS[setting.type],
                default=argparse.SUPPRESS,
                help=text,
            )


def pipeline_config(args: argparse.Namespace) -> PipelineConfig:
    """Return the settings that the flags say; the others keep their defaults.

    Raises:
        ConfigError: two settings contradict each other.
    """
    given = vars(args)
    return PipelineConfig.from_mapping({s.name: given[s.name] for s in settings() if s.name in given})


_SHORTER = {"cloud_stride": ("--stride",)}
_METAVARS = {int: "N", float: "X", str: "TEXT"}


def _reader(setting: Setting) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return setting.checked(setting.type(text))
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}; expected {setting.expected}") from None

    return read


def _default(setting: Setting) -> str:
    if setting.type is bool:
        return f"default: {'on' if setting.default else 'off'}"
    shown = (
        "none" if setting.default == "" else f"{setting.default}{' ' + setting.unit if setting.unit else ''}"
    )
    if setting.choices or setting.type is str:
        return f"default: {shown}"
    return f"default: {shown}; {setting.min:g} to {setting.max:g}"
