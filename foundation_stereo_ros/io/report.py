# SPDX-License-Identifier: Apache-2.0
"""One HTML page with pictures and figures that needs nothing beside itself."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from foundation_stereo_ros.io.files import atomic_write
from foundation_stereo_ros.io.pictures import png_bytes
from foundation_stereo_ros.io.visualize import turbo_stops
from foundation_stereo_ros.shapes import RgbImage


@dataclass(frozen=True)
class Legend:
    """What both ends of the colour map stand for, as "0.8 m" and "6.1 m"; ``reverse``: red at the low end."""

    low: str
    high: str
    reverse: bool = False


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of the page."""

    title: str
    image: RgbImage
    caption: str = ""
    legend: Legend | None = None


@dataclass(frozen=True)
class Figure:
    """One line of the table: a name, its value with unit, and what it means."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Report:
    """A page.

    Attributes:
        title: of the page.
        summary: one or two sentences below it.
        figures: the table; the first four are also shown large on top.
        pictures: in the order of the pipeline.
        details: further facts as plain text, shown small at the end: files, settings, command.
        view: elements of `viewer_html`, shown below the summary.
    """

    title: str
    summary: str
    figures: Sequence[Figure] = ()
    pictures: Sequence[Picture] = ()
    details: Sequence[str] = field(default=())
    view: str = ""


def write_report(path: Path, report: Report) -> None:
    """Write a page.

    Raises:
        FileFormatError: the file cannot be written.
    """
    content = report_html(report).encode("utf-8")
    with atomic_write(path) as stream:
        stream.write(content)


def report_html(report: Report) -> str:
    """Return a page as text. All texts are escaped; pictures are embedded."""
    highlights = "".join(
        f'<div class="tile"><b>{escape(f.value)}</b><span>{escape(f.name)}</span></div>'
        for f in report.figures[:4]
    )
    rows = "".join(
        f"<tr><th scope=row>{escape(f.name)}</th><td>{escape(f.value)}</td><td>{escape(f.note)}</td></tr>"
        for f in report.figures
    )
    details = "".join(f"<li>{escape(line)}</li>" for line in report.details)
    parts = [
        f"<h1>{escape(report.title)}</h1><p class=summary>{escape(report.summary)}</p>",
        f'<div class="tiles">{highlights}</div>' if highlights else "",
        report.view,
        f'<div class="pictures">{"".join(map(_picture, report.pictures))}</div>' if report.pictures else "",
        f"<h2>Figures</h2><div class=wide><table>{rows}</table></div>" if rows else "",
        f"<h2>Details</h2><ul>{details}</ul>" if details else "",
    ]
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _picture(picture: Picture) -> str:
    height, width = picture.image.shape[:2]
    data = base64.b64encode(png_bytes(picture.image)).decode("ascii")
    legend = ""
    if picture.legend is not None:
        stops = turbo_stops()
        colors = ", ".join(reversed(stops) if picture.legend.reverse else stops)
        legend = (
            f'<div class="legend"><span>{escape(picture.legend.low)}</span>'
            f'<i style="background:linear-gradient(90deg, {colors})"></i>'
            f"<span>{escape(picture.legend.high)}</span></div>"
        )
    return (
        f'<figure><img src="data:image/png;base64,{data}" width="{width}" height="{height}" '
        f'alt="{escape(picture.title)}"><figcaption><strong>{escape(picture.title)}</strong>'
        f"{legend}<span>{escape(picture.caption)}</span></figcaption></figure>"
    )


_STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --text: #1b1f24; --soft: #5b6570; --line:
#dfe3e8; } @media (prefers-color-scheme: dark) {
  :root { --page: #14171b; --card: #1d2126; --text: #e8ebee; --soft: #9aa4af; --line: #30363d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 8px; }
h2 { font-size: 1.15rem; margin: 36px 0 10px; }
.summary { color: var(--soft); margin: 0 0 20px; max-width: 70ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin-bottom:
20px; } .tile, figure { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 12px 14px; }
.tile b { display: block; font-size: 1.35rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
.view { width: 100%; border-radius: 10px; margin-bottom: 20px; touch-action: none; cursor: grab; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 16px;
} figure { margin: 0; overflow: hidden; }
img { display: block; width: 100%; height: auto; }
figcaption { padding: 10px 14px 12px; font-size: .9rem; }
figcaption > span { color: var(--soft); }
figcaption strong { display: block; font-size: 1rem; }
.legend { display: flex; align-items: center; gap: 8px; margin: 4px 0; font-size: .8rem; color: var(--soft);
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.legend i { flex: 1; height: 8px; border-radius: 4px; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; padding: 8px 14px; border-top: 1px solid var(--line); vertical-align: top; }
tr:first-child > * { border-top: 0; }
th { font-weight: 500; }
td:nth-child(2) { white-space: nowrap; font-weight: 600; font-variant-numeric: tabular-nums; }
td:nth-child(3) { color: var(--soft); }
ul { margin: 0; padding-left: 20px; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
"""
