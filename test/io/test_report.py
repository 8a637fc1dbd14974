# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np

from foundation_stereo_ros.io.report import Figure, Legend, Picture, Report, report_html, write_report

IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
PAGE = Report(
    title="Rig <1> & more",
    summary="What was done.",
    figures=[Figure("Frames", "30", "all of them"), Figure("Error", "0.42 px")],
    pictures=[
        Picture("Left", IMAGE, "As the camera saw it."),
        Picture("Depth", IMAGE, legend=Legend("0.8 m", "6.1 m", reverse=True)),
    ],
    details=["out/demo.mcap", "a < b"],
)


class Page(HTMLParser):
    """Collects what a browser would: open elements, sources, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.links: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        named = dict(attrs)
        self.sources += [named["src"] or ""] if "src" in named else []
        self.links += [named["href"] or ""] if "href" in named else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data if "style" not in self.open else ""


def test_the_page_is_well_formed_and_says_everything() -> None:
    page = Page(report_html(PAGE))
    assert page.open == []
    for text in (
        "Rig <1> & more",
        "What was done.",
        "30",
        "0.42 px",
        "all of them",
        "0.8 m",
        "6.1 m",
        "a < b",
    ):
        assert text in page.words


def test_the_page_needs_nothing_beside_itself() -> None:
    html = report_html(PAGE)
    page = Page(html)
    assert page.links == [] and "@import" not in html and "url(" not in html and "<script" not in html
    assert len(page.sources) == 2
    for source in page.sources:
        head, data = source.split(",")
        assert head == "data:image/png;base64"
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(picture[..., ::-1], IMAGE)


def test_a_reversed_legend_starts_with_red() -> None:
    first = re.search(r"linear-gradient\(90deg, #(..)..(..)", report_html(PAGE))
    assert first and int(first[1], 16) > int(first[2], 16)


def test_empty_parts_leave_no_headings() -> None:
    html = report_html(Report("Title", "Summary"))
    assert "<h2>" not in html and "<table>" not in html and Page(html).open == []


def test_the_file_is_utf8(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", Report("Größe", "±1 m"))
    assert "Größe" in (tmp_path / "report.html").read_text(encoding="utf-8")
