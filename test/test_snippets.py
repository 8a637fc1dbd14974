# SPDX-License-Identifier: Apache-2.0
"""Every Python snippet of README.md and docs/*.md runs; those of one document share their names and order.

A snippet that cannot run here has a line ``<!-- not run: why -->`` before it.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from posed_scenes import small_clip, small_network
from seeded_views import seeded_views_network

from foundation_stereo_ros import save_checkpoint

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SNIPPET = re.compile(r"(?:<!-- not run: (?P<why>.+) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)
NOT_RUN = 1
"""Snippets that cannot run here."""

WIDTH, HEIGHT = 96, 64


def snippets(document: Path) -> list[re.Match[str]]:
    return list(SNIPPET.finditer(document.read_text(encoding="utf-8")))


def camera_info(tx: float) -> dict[str, Any]:
    k = [90.0, 0.0, 47.0, 0.0, 90.0, 31.0, 0.0, 0.0, 1.0]
    p = [90.0, 0.0, 47.0, tx, 0.0, 90.0, 31.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    d, r = [-0.05, 0.01, 0.0, 0.0, 0.0], np.eye(3).ravel().tolist()
    return {"width": WIDTH, "height": HEIGHT, "distortion_model": "plumb_bob", "d": d, "k": k, "r": r, "p": p}


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What snippets may take for granted: files in the current folder, two messages, and a posed video."""
    monkeypatch.chdir(tmp_path)
    wide = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH + 6, 3), dtype=np.uint8)
    cv2.imwrite("left.png", wide[:, :WIDTH])
    cv2.imwrite("right.png", wide[:, 6:])
    infos = {"left": camera_info(0.0), "right": camera_info(-90.0 * 0.54)}
    for side, info in infos.items():
        Path(f"{side}.yaml").write_text(yaml.safe_dump(info))
    Path("K.txt").write_text("90 0 47 0 90 31 0 0 1\n0.54\n")
    save_checkpoint("fusionnet.safetensors", small_network(recurrent=True))
    save_checkpoint("MASt3R.safetensors", seeded_views_network())
    strip = np.random.default_rng(0).integers(0, 256, (16, 152, 3), dtype=np.uint8)
    for number in (1, 2, 3):
        cv2.imwrite(f"{number}.jpg", strip[:, 8 * number : 8 * number + 128])
    clip = small_clip()
    video = {"video": list(zip(clip.images, clip.poses, strict=True)), "camera": clip.camera}
    return {**{f"{side}_info": SimpleNamespace(**info) for side, info in infos.items()}, **video}


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if snippets(d)], ids=lambda path: path.name)
def test_snippets_run(document: Path, given: dict[str, Any]) -> None:
    text = document.read_text(encoding="utf-8")
    for snippet in snippets(document):
        if not snippet["why"]:
            line = text.count("\n", 0, snippet.start("code"))
            # Blank lines before it, so that a traceback names the document's line.
            exec(compile("\n" * line + snippet["code"], str(document), "exec"), given)


def test_snippets_that_are_not_run_are_few_and_say_why() -> None:
    marked = [match["why"] for document in DOCUMENTS for match in snippets(document) if match["why"]]
    assert len(marked) == NOT_RUN, marked
    every = sum(document.read_text(encoding="utf-8").count("```python") for document in DOCUMENTS)
    assert every == sum(len(snippets(document)) for document in DOCUMENTS) > NOT_RUN
