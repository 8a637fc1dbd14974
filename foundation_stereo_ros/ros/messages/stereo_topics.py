# SPDX-License-Identifier: Apache-2.0
"""Finds the stereo pair among topics by the names that camera drivers use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foundation_stereo_ros.errors import BagError
from foundation_stereo_ros.ros.messages.cdr import CAMERA_INFO, COMPRESSED_IMAGE, IMAGE
from foundation_stereo_ros.ros.messages.topics import Topic, describe

_PARTNER = {"left": "right", "infra1": "infra2"}
_LEFT = re.compile(r"(?<![a-z0-9])(left|infra1)(?![a-z0-9])", re.IGNORECASE)
# Images of a left camera that are no photographs.
_NO_PHOTO = {
    "depth",
    "disparity",
    "confidence",
    "mask",
    "aligned",
    "compresseddepth",
    "theora",
    "segmentation",
}
COMPRESSED = "/compressed"


@dataclass(frozen=True)
class StereoTopics:
    """The four topics that the pipeline needs, by name; camera_info is empty where files stand for it."""

    left: str
    right: str
    left_info: str
    right_info: str

    @property
    def images(self) -> dict[str, str]:
        """Stream -> topic of its images."""
        return {"left": self.left, "right": self.right}

    @property
    def infos(self) -> dict[str, str]:
        """Stream -> topic of its calibrations; empty where files stand for them."""
        return {"left": self.left_info, "right": self.right_info} if self.left_info else {}

    @property
    def namespace(self) -> str:
        """Where the outputs belong by default: beside the left camera; /stereo where its name tells nothing.

        /rig/left/image_rect gives "/rig", /left/image_raw gives "".
        """
        return _rig(self.left) if _LEFT.search(self.left) else "/stereo"


def find_stereo(
    topics: Sequence[Topic],
    *,
    left: str = "",
    right: str = "",
    left_info: str = "",
    right_info: str = "",
    calibrated: bool = True,
) -> StereoTopics:
    """Choose the stereo pair: as named, the rest by the names of the topics.

    Left and right images differ in the word left/right or infra1/infra2 alone. The camera_info is the sibling
    of the image (image_transport's rule), or one below it. Of one rig's pairs image_rect comes before
    image_rect_color before other rectified ones before raw ones, and uncompressed before compressed. Topics
    without messages do not count. Where ``calibrated`` is false, no camera_info is looked for, and none is
    named in what is returned.

    Raises:
        BagError: a named topic is missing or of another type; no pair, or several rigs. The message lists
            what there is, and the remedies are arguments of this function.
    """
    given = [named(topics, name, *kinds) for name, kinds in _kinds(left, right, left_info, right_info)]
    if given[0] or given[1]:
        image, other = given[0] or _counterpart(topics, given[1], to_left=True), given[1]
        pairs = [(image, other or _counterpart(topics, image))]
    else:
        pairs = _preferred(_with_info(topics, image_pairs(topics), given[2], given[3]))
    if len(pairs) > 1:
        choices = [{"left": one, "right": other} for one, other in pairs]
        raise BagError("several stereo pairs; choose one:", remedy=choices)
    image, other = pairs[0]
    if not calibrated:
        return StereoTopics(image, other, "", "")
    infos = [given[2] or info_of(topics, image), given[3] or info_of(topics, other)]
    for name, info, option in ((image, infos[0], "left_info"), (other, infos[1], "right_info")):
        if not info:
            raise BagError(
                f"no camera_info beside {name}; {listed(topics, CAMERA_INFO)}", remedy=_named_by(option)
            )
    return StereoTopics(image, other, *infos)


def image_pairs(topics: Iterable[Topic]) -> list[tuple[str, str]]:
    """Return all left and right image topics that differ in that word alone, in the order of their names."""
    images = {topic.name: topic for topic in topics if is_photo(topic)}
    pairs = [(name, _partner(name)) for name in sorted(images) if _LEFT.search(name)]
    return [
        (name, other)
        for name, other in pairs
        if other in images and images[other].msgtype == images[name].msgtype
    ]


def info_of(topics: Iterable[Topic], image: str) -> str:
    """Return the camera_info topic that belongs to an image topic; empty if there is none."""
    infos = {topic.name for topic in topics if topic.msgtype == CAMERA_INFO and topic.count != 0}
    base = _uncompressed(image)
    folder = base.rsplit("/", 1)[0]
    rectified = [f"{folder}/camera_info_rect"] if _is_rectified(base) else []
    candidates = [*rectified, f"{folder}/camera_info", f"{base}/camera_info"]
    return next((name for name in candidates if name in infos), "")


def _kinds(left: str, right: str, left_info: str, right_info: str) -> list[tuple[str, tuple[str, ...]]]:
    images, infos = (IMAGE, COMPRESSED_IMAGE), (CAMERA_INFO,)
    return [(left, images), (right, images), (left_info, infos), (right_info, infos)]


def named(topics: Sequence[Topic], name: str, *kinds: str) -> str:
    """Return the full name of a topic that the user named; empty where none was.

    Raises:
        BagError: there is no such topic, or it is of no such type.
    """
    if not name:
        return ""
    name = "/" + name.lstrip("/")
    found = [topic for topic in topics if topic.name == name]
    if not found:
        raise BagError(f"no topic {name}; expected one of\n{describe(topics)}")
    if found[0].msgtype not in kinds:
        raise BagError(f"{name} is a {found[0].msgtype}; expected {' or '.join(kinds)}")
    return name


def _counterpart(topics: Sequence[Topic], image: str, *, to_left: bool = False) -> str:
    for left, right in image_pairs(topics):
        if image == (right if to_left else left):
            return left if to_left else right
    option = "left" if to_left else "right"
    raise BagError(
        f"no topic is named like the counterpart of {image}; {listed(topics, IMAGE)}",
        remedy=_named_by(option),
    )


def _with_info(
    topics: Sequence[Topic], pairs: list[tuple[str, str]], left_info: str, right_info: str
) -> list[tuple[str, str]]:
    """Keep the pairs with both calibrations; all of them where there is none, for the error's sake."""
    if not pairs:
        raise BagError(
            "no stereo pair found by name (left/right or infra1/infra2 images); expected both to be named, "
            f"out of\n{describe(topics) or '  (no topics)'}",
            remedy=_named_by("left", "right"),
        )
    complete = [
        (left, right)
        for left, right in pairs
        if (left_info or info_of(topics, left)) and (right_info or info_of(topics, right))
    ]
    return complete or pairs


def _preferred(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return each rig's best pairs: one each unless names are equally good."""
    rigs: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        rigs.setdefault(_rig(pair[0]), []).append(pair)
    best = []
    for rivals in rigs.values():
        best_rank = min(rank(left) for left, _ in rivals)
        best += [pair for pair in rivals if rank(pair[0]) == best_rank]
    return best


def rank(image: str) -> tuple[int, int]:
    """Return how good an image topic is by its name: rectified and uncompressed first; less is better."""
    base = _uncompressed(image)
    last = base.rsplit("/", 1)[1]
    if last in ("image_rect", "image_rect_color"):
        kind = 0 if last == "image_rect" else 1
    else:
        # Of raw images, image_raw and image_color are the driver's own; grey copies come last.
        kind = 2 if _is_rectified(base) else 3 if last == "image_raw" else 4
        kind += 4 if {"gray", "grey", "mono"} & _words(base) else 0
    return kind, int(image != base)


def is_photo(topic: Topic) -> bool:
    """Tell whether a topic has images of a camera, and any at all, by its type and name."""
    if topic.msgtype not in (IMAGE, COMPRESSED_IMAGE) or topic.count == 0 or topic.encoding != "cdr":
        return False
    return not _NO_PHOTO & _words(topic.name)


def _is_rectified(name: str) -> bool:
    return bool({"rect", "rectified"} & _words(name))


def _words(name: str) -> set[str]:
    return set(re.split(r"[/_]", name.lower()))


def _rig(left: str) -> str:
    """Return what comes before the path segment that says left."""
    match = _LEFT.search(left)
    return left[: left.rindex("/", 0, match.start() + 1)] if match else ""


def _partner(left: str) -> str:
    def other(match: re.Match[str]) -> str:
        word = match.group()
        partner = _PARTNER[word.lower()]
        return partner.capitalize() if word.istitle() else partner.upper() if word.isupper() else partner

    return _LEFT.sub(other, left)


def _uncompressed(image: str) -> str:
    return image.removesuffix(COMPRESSED)


def listed(topics: Sequence[Topic], kind: str) -> str:
    """Say which topics of a type there are to choose from."""
    names = [topic.name for topic in topics if topic.msgtype == kind]
    return f"expected one of {', '.join(names)}" if names else f"there is no {kind}"


def _named_by(*options: str) -> list[dict[str, str]]:
    return [dict.fromkeys(options, "TOPIC")]
