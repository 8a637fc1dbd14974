# SPDX-License-Identifier: Apache-2.0
"""The loop over a recording, one frame at a time, that writes inputs and outputs side by side."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

from foundation_stereo_ros.errors import BagError, CalibrationError, FoundationStereoError
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
from foundation_stereo_ros.ros.messages.types import MessageTypes
from foundation_stereo_ros.ros.sync.synchronizer import MessageSet, Synchronizer

_HOPELESS = 50
_QOS = offered_profile(depth=5)


class Topics(Protocol):
    """What a job needs of `messages.stereo_topics.StereoTopics`."""

    @property
    def images(self) -> Mapping[str, str]:
        """Stream -> topic of its images; outputs have the header of the first stream's."""

    @property
    def infos(self) -> Mapping[str, str]:
        """Stream -> topic of its calibrations."""


class Pipeline(Protocol):
    """What any job needs of `messages.pipeline.Pipeline`."""

    @property
    def config(self) -> SharedSettings:
        """The settings in use."""

    def reset(self) -> None:
        """Forget earlier pairs: the next one does not follow them."""

    def outputs(
        self, prediction: Prediction, header: Any, types: MessageTypes, wanted: Collection[str]
    ) -> dict[str, Any]:
        """Make the wanted messages, by topic."""


class Logged(NamedTuple):
    """A decoded message with its log time, nanoseconds."""

    message: Any
    log_time: int


class RecordingJob(ABC):
    """One run over a recording, whatever its cameras.

    Args:
        recording: read as a stream, once.
        topics: the cameras in it; without camera_info, the pipeline must know them.
        pipeline: makes messages of results.
        writer: gets the messages; None: only ``on_frame`` gets the results.
        options: see `JobOptions`.
        shield: makes a context in which the writer is not interrupted.
        on_frame: called after each frame is written, with its number from 0 and the result.
    """

    def __init__(
        self,
        recording: Recording,
        topics: Topics,
        pipeline: Pipeline,
        writer: BagWriter | None,
        options: JobOptions,
        *,
        shield: Callable[[], AbstractContextManager[None]] = nullcontext,
        on_frame: Callable[[int, Prediction], None] = lambda number, result: None,
    ) -> None:
        streams = tuple(topics.images)
        self._recording, self._writer, self._pipeline = recording, writer, pipeline
        self._options = options
        self._shield, self._on_frame = shield, on_frame
        self._synchronizer: Synchronizer[Logged] = Synchronizer(
            streams,
            calibrated=tuple(topics.infos),
            tolerance_ns=options.tolerance_ns,
            step=options.every,
            numbers=lambda info: calibration_numbers(info.message),
        )
        self.report = JobReport(images=dict.fromkeys(streams, 0), unmatched=self._synchronizer.unmatched)
        self._images = {topic: stream for stream, topic in topics.images.items()}
        # One topic may serve both cameras, so not a mapping from topics.
        self._infos = tuple(topics.infos.items())
        self._wanted = {*topics.images.values(), *topics.infos.values()}
        self._copies = options.inputs and writer is not None

    def run(self) -> None:
        """Process the recording to its end, to its damage, or to the limits in the options.

        Raises:
            BagError: no frame could be processed, or the output cannot be written.
        """
        begin = time.perf_counter()
        try:
            self._first_infos()
            self._copy_latched()
            self._begin()
            for frame in self._sets():
                self._process(frame)
                if self._finished():
                    break
            self._end()
        finally:
            self.report.seconds = time.perf_counter() - begin
        if not self.report.frames:
            raise self._why_nothing()

    @abstractmethod
    def _predict(self, frame: MessageSet[Logged]) -> Prediction | None:
        """Estimate one frame; None where it has no prediction."""

    @abstractmethod
    def _why_nothing(self) -> BagError:
        """Say why there is not a single result."""

    def _begin(self) -> None:  # noqa: B027
        """Get ready, before the first message is read."""

    def _end(self) -> None:  # noqa: B027
        """Process what waits, after the last one."""

    def _finished(self) -> bool:
        # Nothing but failures from the start on: the rest of a long recording will be no better.
        hopeless = not self.report.frames and self.report.rejected >= _HOPELESS
        return hopeless or 0 < self._options.max_frames <= self.report.frames

    def _sets(self) -> Iterator[MessageSet[Logged]]:
        options = self._options
        chosen = None if self._copies else self._wanted
        for message in self._recording.messages(chosen, options.start_ns, options.stop_ns):
            if self._finished():
                return
            # No message is empty; those are of ROS 1 and could not be turned into ROS 2.
            if self._copies and message.data:
                self._copy(message)
            if message.topic.name in self._wanted:
                yield from self._take(message)
        yield from self._synchronizer.finish()

    def _take(self, message: RecordedMessage) -> Iterator[MessageSet[Logged]]:
        name = message.topic.name
        stream = self._images.get(name)
        if stream:
            self.report.images[stream] += 1
        decoded = self._decoded(message)
        if decoded is None:
            return
        stamp, logged = stamp_ns(decoded.header), Logged(decoded, message.log_time)
        if stream:
            yield from self._synchronizer.push(stream, stamp, logged)
        for camera, topic in self._infos:
            if topic == name:
                yield from self._synchronizer.push_calibration(camera, stamp, logged)

    def _decoded(self, message: RecordedMessage) -> Any | None:
        try:
            return decode(message)
        except BagError as error:
            self._reject(error)
            return None

    def _process(self, frame: MessageSet[Logged], since: int = 0) -> None:
        """Make and write the results of a frame, with a log time not earlier than ``since``."""
        if frame.reset:
            self._pipeline.reset()
        header = next(iter(frame.messages.values())).message.header
        try:
            if frame.missing:
                raise CalibrationError("no camera_info has come for this frame")
            result = self._predict(frame)
            if result is None:
                return
            wanted = self._options.outputs if self._writer else ()
            messages = self._pipeline.outputs(result, header, message_types(), wanted)
        except FoundationStereoError as error:
            self._reject(error)
            return
        self.report.framed &= bool(header.frame_id)
        # That of the last message that the frame needed.
        log_time = max(part.log_time for part in (*frame.messages.values(), *frame.calibrations.values()))
        with self._shield():
            if self._writer:
                for name, message in messages.items():
                    topic = self._options.topic(name)
                    self._writer.write(
                        topic, message.__msgtype__, message, max(since, log_time), offered=_QOS
                    )
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
            self._synchronizer.push_calibration(side, stamp_ns(info.header), Logged(info, first.log_time))

    def _copy_latched(self) -> None:
        """Keep what late subscribers would have got, as /tf_static, from before the chosen part."""
        start = self._options.start_ns
        latched = [topic.name for topic in self._recording.topics if is_latched(topic.metadata.get(KEY, ""))]
        if self._copies and start is not None and latched:
            for message in self._recording.messages(latched, stop_ns=start):
                # With its own time a player would wait from there to the start.
                self._copy(message._replace(log_time=start, publish_time=start))

    def _copy(self, message: RecordedMessage) -> None:
        if self._writer:
            with self._shield():
                self._writer.copy(message)

    def _reject(self, error: FoundationStereoError) -> None:
        self.report.rejected += 1
        self.report.reason = str(error)
