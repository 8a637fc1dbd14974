# SPDX-License-Identifier: Apache-2.0
"""Runs posed video over a recording: images wait for their poses, and then go to the estimator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from foundation_stereo_ros.errors import BagError, FoundationStereoError, PoseError, counted
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.video.running_check import PoseSpread
from foundation_stereo_ros.geometry.poses import NO_POSE, in_optical_axes
from foundation_stereo_ros.ros.bags.job_options import JobOptions
from foundation_stereo_ros.ros.bags.pose_choice import ChosenPoses
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.recording_job import Logged, RecordingJob
from foundation_stereo_ros.ros.bags.storage import RecordedMessage, decode
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.video_pipeline import VideoPipeline
from foundation_stereo_ros.ros.messages.video_topics import VideoTopics
from foundation_stereo_ros.ros.sync.camera_poses import HeldBack, Posed, two_clocks
from foundation_stereo_ros.ros.sync.pose_track import NoPose, Reason, in_seconds
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet
from foundation_stereo_ros.shapes import Matrix

_MARGIN_NS = 2_000_000_000  # how far outside of the chosen part poses are looked for
_ENOUGH = 50  # images without any pose, after which the clocks are compared
_FAR_NS = 60_000_000_000  # stamps so far apart will not come together any more
_MOST_SAID = 1000


@dataclass
class VideoCounts:
    """What became of images and poses, beside the job's `JobReport`, whose frames are depth maps.

    Attributes:
        posed: images that had a pose.
        without_pose: why not -> images.
        refused_poses: that were none.
        resets: how often everything was forgotten.
    """

    posed: int = 0
    without_pose: Counter[Reason] = field(default_factory=Counter)
    refused_poses: int = 0
    resets: int = 0


class VideoBagJob(RecordingJob):
    """One run over a recording of a camera that moves.

    Args:
        recording: read as a stream, once.
        topics: of the camera; without camera_info, the pipeline must know it.
        pipeline: makes results and messages of them.
        chosen: where the poses come from.
        writer: gets the messages; None: only ``on_result`` gets the results.
        options: see `JobOptions`.
        axes: of the camera in the poses, see `geometry.poses.AXES`.
        metres: length of the unit of the poses' translations.
        shield: see `RecordingJob`.
        on_result: called after each depth map is written, with the image's stamp in nanoseconds, the camera's
            pose, and the result.
        on_event: is told in a sentence what there is to say.
        on_image: called after each image, with a depth map or without.

    Attributes:
        counts: grow while it runs.
    """

    def __init__(
        self,
        recording: Recording,
        topics: VideoTopics,
        pipeline: VideoPipeline,
        chosen: ChosenPoses,
        writer: BagWriter | None,
        options: JobOptions,
        *,
        axes: str = "opencv",
        metres: float = 1.0,
        shield: Callable[[], AbstractContextManager[None]] = nullcontext,
        on_result: Callable[[int, Matrix, Prediction], None] = lambda stamp, pose, result: None,
        on_event: Callable[[str], None] = lambda sentence: None,
        on_image: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            recording,
            topics,
            pipeline,
            writer,
            options,
            shield=shield,
            on_frame=lambda number, result: on_result(self._stamp_ns, self._pose, result),
        )
        self.counts = VideoCounts()
        self._video, self._topics, self._chosen = pipeline, topics, chosen
        self._axes, self._metres, self._on_event = axes, metres, on_event
        self._on_image = on_image
        self._held: HeldBack[MessageSet[Logged]] = HeldBack(chosen.poses)
        self._wanted |= set(chosen.topics)
        self._said: set[str] = set()
        self._spread = PoseSpread()
        self._span: tuple[int, int] | None = None  # of the images
        self._read_ns = 0  # log time of the last message
        self._stamp_ns, self._pose, self._why = 0, NO_POSE, ""

    def _begin(self) -> None:
        start = self._options.start_ns
        if start is not None:
            for _ in self._poses_between(start - _MARGIN_NS, start):
                pass

    def _end(self) -> None:
        stop = self._options.stop_ns
        if stop is not None and len(self._held) and not self._finished():
            for _ in self._poses_between(stop, stop + _MARGIN_NS):
                self._go_on(self._held.release())
                if not len(self._held):
                    break
        self._go_on(self._held.finish())
        self._video.judge_poses()
        self._doubt()

    def _doubt(self) -> None:
        if self._video.doubt:
            self._say(f"warning: {self._video.doubt}")

    def _poses_between(self, start_ns: int, stop_ns: int) -> Iterator[None]:
        moving = [name for name in self._chosen.topics if name not in self._chosen.static]
        for message in self._recording.messages(moving, start_ns, stop_ns):
            self._push_poses(message)
            yield

    def _take(self, message: RecordedMessage) -> Iterator[MessageSet[Logged]]:
        self._read_ns = message.log_time
        if message.topic.name in self._chosen.topics:
            self._push_poses(message)
            self._go_on(self._held.release())
        else:
            yield from super()._take(message)

    def _push_poses(self, message: RecordedMessage) -> None:
        try:
            self._chosen.push(message.topic.name, decode(message), self._refuse)
        except BagError as error:
            self._refuse(error)

    def _refuse(self, error: PoseError | BagError) -> None:
        if not self.counts.refused_poses:
            self._say(f"a pose is left out: {error}")
        self.counts.refused_poses += 1

    def _process(self, frame: MessageSet[Logged], since: int = 0) -> None:
        first, last = self._span or (frame.stamp_ns, frame.stamp_ns)
        self._span = min(first, frame.stamp_ns), max(last, frame.stamp_ns)
        if frame.reset == "time went back":
            self._go_on(self._held.finish())
            self._chosen.poses.go_back(frame.stamp_ns)
        frame_id = str(frame.messages["image"].message.header.frame_id)
        self._go_on(self._held.push(frame.stamp_ns, frame_id, frame))

    def _go_on(self, posed: Iterable[Posed[MessageSet[Logged]]]) -> None:
        for one in posed:
            if self._finished():
                return
            self._stamp_ns, self._pose = one.stamp_ns, NO_POSE
            if isinstance(one.pose, NoPose):
                self.counts.without_pose[one.pose.reason] += 1
                self._why = one.pose.why
                self._say(f"{in_seconds(one.stamp_ns)}: no pose: {one.pose.why}", one.pose.why)
            else:
                self._pose = in_optical_axes(one.pose, self._axes, self._metres)
                self.counts.posed += 1
                self._spread.add(self._pose)
            if one.item.reset:
                self.counts.resets += 1
                self._say(f"{in_seconds(one.stamp_ns)}: {one.item.reset}: earlier frames are forgotten")
            super()._process(one.item, self._read_ns)
            self._on_image()

    def _predict(self, frame: MessageSet[Logged]) -> Prediction | None:
        info = frame.calibrations.get("image")
        image = frame.messages["image"].message
        result = self._video.process(image, info.message if info else None, self._pose)
        event = self._video.event
        self.counts.resets += bool(event)
        self._doubt()
        for sentence in (event, result.note if result else ""):
            if sentence:
                self._say(f"{in_seconds(self._stamp_ns)}: {sentence}")
        return result

    def _reject(self, error: FoundationStereoError) -> None:
        super()._reject(error)
        self._say(f"{in_seconds(self._stamp_ns)}: {error}; left out", str(error))

    def _say(self, sentence: str, about: str = "") -> None:
        """Tell what happened, but of one thing only once."""
        about = about or sentence
        if about not in self._said and len(self._said) < _MOST_SAID:
            self._said.add(about)
            self._on_event(sentence)

    def _finished(self) -> bool:
        return super()._finished() or self._clocks_apart()

    def _clocks_apart(self) -> bool:
        poses, images = self._chosen.poses.span, self._span
        if self.counts.posed or self.counts.without_pose.total() < _ENOUGH or not (poses and images):
            return False
        return max(images[0] - poses[1], poses[0] - images[1]) > _FAR_NS

    def _why_nothing(self) -> BagError:
        counts, damage = self.counts, self._recording.damage
        before = f"{damage}; before that, " if damage else ""
        if not self.report.images["image"]:
            return BagError(f"{before}no images on {self._topics.image} in this part")
        apart = "" if counts.posed else two_clocks(self._span, self._chosen.poses.span)
        if apart:
            return BagError(f"{before}{apart}")
        if not counts.posed and counts.without_pose:
            reason, _ = counts.without_pose.most_common(1)[0]
            return BagError(
                f"{before}none of {counted(counts.without_pose.total(), 'image')} has a pose; the last one: "
                f"{self._why}",
                remedy="pose_gap" if reason == "gap" else (),
            )
        if self.report.rejected:
            return BagError(
                f"{before}none of {counted(self.report.images['image'], 'image')} gave a depth; "
                f"{self.report.rejected} could not be processed, the last one: {self.report.reason}"
            )
        return BagError(f"{before}{self._spread.advice()}")
