# SPDX-License-Identifier: Apache-2.0
"""Runs the pipeline over a recording, one frame at a time, and writes inputs and outputs side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

from foundation_stereo_ros.errors import BagError, CalibrationError, FoundationStereoError, counted
from foundation_stereo_ros.estimate.config import SharedSettings
from foundation_stereo_ros.estimate.prediction import Prediction
from foundation_stereo_ros.estimate.validity import why_all_invalid
from foundation_stereo_ros.ros.bags.job_options import JobOptions, JobReport
from foundation_stereo_ros.ros.bags.qos import KEY, is_latched, offered_profile
from foundation_stereo_ros.ros.bags.reader import Recording
from foundation_stereo_ros.ros.bags.storage import RecordedMessage, decode
from foundation_stereo_ros.ros.bags.writer import BagWriter
from foundation_stereo_ros.ros.messages.camera_info import calibration_numbers
from foundation_stereo_ros.ros.messages.cdr import message_types
from foundation_stereo_ros.ros.messages.stamps import stamp_ns
from foundation_stereo_ros.ros.messages.stereo_topics import StereoTopics
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.ros.sync import SIDES, Side
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet, Synchronizer

_HOPELESS = 50
_QOS = offered_profile(depth=5)


class Pipeline(Protocol):
    """What a job needs of `messages.pipeline.StereoPipeline`."""

    @property
    def config(self) -> SharedSettings:
        """The settings in use."""

    def process(
        self, left_image: Any, right_image: Any, left_info: Any, right_info: Any
    ) -> Prediction | None:
        """Estimate one pair; None where there is no prediction yet."""

    def reset(self) -> None:
        """Forget earlier pairs: the next one does not follow them."""

    def outputs(
        self, prediction: Prediction, header: Any, types: MessageTypes, wanted: Collection[str]
    ) -> dict[str, Any]:
        """Make the wanted messages, by topic."""


class _Logged(NamedTuple):
    """A decoded message with its log time, nanoseconds."""

    message: Any
    log_time: int


class BagJob:
    """One run over a recording.

    Args:
        recording: read as a stream, once.
        topics: the stereo pair in it; without camera_info, the pipeline must know the cameras.
        pipeline: makes results and messages of them.
        writer: gets the messages.
        options: see `JobOptions`.
        shield: makes a context in which the writer is not interrupted.
        on_frame: called after each frame is written, with its number from 0 and the result.
    """

    def __init__(
        self,
        recording: Recording,
        topics: StereoTopics,
        pipeline: Pipeline,
        writer: BagWriter,
        options: JobOptions,
        *,
        shield: Callable[[], AbstractContextManager[None]] = nullcontext,
        on_frame: Callable[[int, Prediction], None] = lambda number, result: None,
    ) -> None:
        self.report = JobReport()
        self._recording, self._writer, self._pipeline = recording, writer, pipeline
        self._topics, self._options = topics, options
        self._shield, self._on_frame = shield, on_frame
        self._synchronizer: Synchronizer[_Logged] = Synchronizer(
            SIDES,
            calibrated=SIDES if topics.left_info else (),
            tolerance_ns=options.tolerance_ns,
            step=options.every,
            numbers=lambda info: calibration_numbers(info.message),
        )
        self.report.unmatched = self._synchronizer.unmatched
        self._images: dict[str, Side] = {topics.left: "left", topics.right: "right"}
        # One topic may serve both cameras, so not a mapping from topics.
        infos: tuple[tuple[Side, str], ...] = (("left", topics.left_info), ("right", topics.right_info))
        self._infos = infos if topics.left_info else ()

    def run(self) -> None:
        """Process the recording to its end, to its damage, or to the limits in the options.

        Raises:
            BagError: no frame could be processed, or the output cannot be written.
        """
        begin = time.perf_counter()
        try:
            self._first_infos()
            self._copy_latched()
            for pair in self._pairs():
                self._process(pair)
                if self._finished():
                    break
        finally:
            self.report.seconds = time.perf_counter() - begin
        if not self.report.frames:
            raise self._why_nothing()

    def _finished(self) -> bool:
        # Nothing but failures from the start on: the rest of a long recording will be no better.
        hopeless = not self.report.frames and self.report.rejected >= _HOPELESS
        return hopeless or 0 < self._options.max_frames <= self.report.frames

    def _pairs(self) -> Iterator[MessageSet[_Logged]]:
        options, topics = self._options, self._topics
        wanted = {topics.left, topics.right, *(topic for _, topic in self._infos)}
        chosen = None if options.inputs else wanted
        for message in self._recording.messages(chosen, options.start_ns, options.stop_ns):
            if self._finished():
                return
            # No message is empty; those are of ROS 1 and could not be turned into ROS 2.
            if options.inputs and message.data:
                self._copy(message)
            if message.topic.name in wanted:
                yield from self._take(message)
        yield from self._synchronizer.finish()

    def _take(self, message: RecordedMessage) -> Iterator[MessageSet[_Logged]]:
        name = message.topic.name
        side = self._images.get(name)
        if side:
            self.report.images[side] += 1
        decoded = self._decoded(message)
        if decoded is None:
            return
        stamp, logged = stamp_ns(decoded.header), _Logged(decoded, message.log_time)
        if side:
            yield from self._synchronizer.push(side, stamp, logged)
        for camera, topic in self._infos:
            if topic == name:
                yield from self._synchronizer.push_calibration(camera, stamp, logged)

    def _decoded(self, message: RecordedMessage) -> Any | None:
        try:
            return decode(message)
        except BagError as error:
            self._reject(error)
            return None

    def _process(self, pair: MessageSet[_Logged]) -> None:
        if pair.reset:
            self._pipeline.reset()
        try:
            if pair.missing:
                raise CalibrationError("no camera_info has come for this frame")
            left, right = (pair.messages[side].message for side in SIDES)
            infos = {side: info.message for side, info in pair.calibrations.items()}
            result = self._pipeline.process(left, right, infos.get("left"), infos.get("right"))
            if result is None:
                return
            messages = self._pipeline.outputs(result, left.header, message_types(), self._options.outputs)
        except FoundationStereoError as error:
            self._reject(error)
            return
        self.report.framed &= bool(left.header.frame_id)
        # That of the last message that the pair needed.
        log_time = max(part.log_time for part in (*pair.messages.values(), *pair.calibrations.values()))
        with self._shield():
            for name, message in messages.items():
                topic = self._options.topic(name)
                self._writer.write(topic, message.__msgtype__, message, log_time, offered=_QOS)
            self._writer.flush()
            self.report.frames += 1
            if not result.valid.any():
                self.report.invalid += 1
                self.report.why_invalid = why_all_invalid(result, self._pipeline.config)
        self._on_frame(self.report.frames - 1, result)

    def _first_infos(self) -> None:
        """Make each camera's first calibration known, for frames that have no better one: it may come late,
        or lie before the part that is processed."""
        for side, topic in self._infos:
            first = next(self._recording.messages([topic]), None)
            info = self._decoded(first) if first else None
            if first is None and self._recording.damage:
                raise BagError(f"{self._recording.damage}; no camera_info on {topic} before that")
            if first is None or info is None:
                raise BagError(
                    f"{topic} has no camera_info that can be read; expected another topic to be named",
                    remedy=({f"{side}_info": "TOPIC"},),
                )
            self._synchronizer.push_calibration(side, stamp_ns(info.header), _Logged(info, first.log_time))

    def _copy_latched(self) -> None:
        """Keep what late subscribers would have got, as /tf_static, from before the chosen part."""
        start = self._options.start_ns
        latched = [topic.name for topic in self._recording.topics if is_latched(topic.metadata.get(KEY, ""))]
        if self._options.inputs and start is not None and latched:
            for message in self._recording.messages(latched, stop_ns=start):
                # With its own time a player would wait from there to the start.
                self._copy(message._replace(log_time=start, publish_time=start))

    def _copy(self, message: RecordedMessage) -> None:
        with self._shield():
            self._writer.copy(message)

    def _reject(self, error: FoundationStereoError) -> None:
        self.report.rejected += 1
        self.report.reason = str(error)

    def _why_nothing(self) -> BagError:
        report, topics, damage = self.report, self._topics, self._recording.damage
        before = f"{damage}; before that, " if damage else ""
        if report.rejected:
            return BagError(
                f"{before}none of {counted(report.rejected, 'frame')} could be processed; "
                f"the last one: {report.reason}"
            )
        for side, topic in (("left", topics.left), ("right", topics.right)):
            if not report.images[side]:
                return BagError(f"{before}no images on {topic} in this part")
        nearest = self._synchronizer.nearest_ns
        hint = f"; the nearest stamps are {nearest / 1e9:.6f} s apart" if nearest else ""
        counts = (
            f"{counted(report.images['left'], 'image')} on {topics.left} and {report.images['right']} on "
            f"{topics.right}"
        )
        remedy = "tolerance" if nearest else ()
        return BagError(f"{before}no pair with the same stamp among {counts}{hint}", remedy=remedy)
