# SPDX-License-Identifier: Apache-2.0
from foundation_stereo_ros.ros.sync.synchronizer import FrameAssembler, Stamped


def at(stamp: int, name: str = "", log_time: int | None = None) -> Stamped:
    return Stamped(name or stamp, stamp, stamp if log_time is None else log_time)


def assembled(events: str, **options) -> list[tuple[int, int | None]]:
    """Feed "L1 R1 l1 r1" (capitals are images, small letters calibrations); return each frame's stamp and its
    left calibration's."""
    assembler = FrameAssembler(**options)
    frames = []
    for word in events.split():
        side, message = "left" if word[0] in "Ll" else "right", at(int(word[1:]))
        push = assembler.push_image if word[0].isupper() else assembler.push_info
        frames += push(side, message)
    frames += assembler.finish()
    return [(f.left.stamp_ns, f.left_info.stamp_ns if f.left_info else None) for f in frames]


def test_calibration_before_and_after_its_image() -> None:
    assert assembled("l1 r1 L1 R1 l2 r2 L2 R2") == [(1, 1), (2, 2)]
    assert assembled("L1 R1 l1 r1 L2 R2 l2 r2") == [(1, 1), (2, 2)]
    assert assembled("L1 R1 L2 R2 l1 r1 l2 r2") == [(1, 1), (2, 2)]


def test_frame_comes_as_soon_as_its_calibrations_are_there() -> None:
    assembler = FrameAssembler()
    assert list(assembler.push_image("left", at(1))) == []
    assert list(assembler.push_image("right", at(1))) == []
    assert list(assembler.push_info("left", at(1))) == []
    assert len(list(assembler.push_info("right", at(1)))) == 1


def test_one_calibration_for_the_whole_recording() -> None:
    assert assembled("l0 r0 L1 R1 L2 R2 L3 R3") == [(1, 0), (2, 0), (3, 0)]
    assert assembled("L1 R1 L2 R2 l9 r9 L3 R3") == [(1, 9), (2, 9), (3, 9)]


def test_waiting_pairs_are_bounded() -> None:
    assembler = FrameAssembler(patience=2)
    list(assembler.push_info("left", at(0)))
    list(assembler.push_info("right", at(0)))
    delivered = []
    for stamp in range(1, 6):
        list(assembler.push_image("left", at(stamp)))
        delivered += assembler.push_image("right", at(stamp))
        assert stamp - len(delivered) <= 2
    assert [frame.left.stamp_ns for frame in delivered] == [1, 2, 3]


def test_without_any_calibration() -> None:
    assert assembled("L1 R1") == [(1, None)]


def test_every_nth_pair() -> None:
    events = " ".join(f"L{n} R{n} l{n} r{n}" for n in range(1, 8))
    assert [stamp for stamp, _ in assembled(events, every=3)] == [1, 4, 7]


def test_tolerance_and_unmatched() -> None:
    assembler = FrameAssembler(tolerance_ns=2)
    for side, stamp in (("left", 10), ("right", 11), ("left", 20), ("right", 25)):
        list(assembler.push_image(side, at(stamp)))
    frames = list(assembler.finish())
    assert [(f.left.stamp_ns, f.right.stamp_ns) for f in frames] == [(10, 11)]
    assert assembler.pairer.unmatched == {"left": 1, "right": 1}
    assert assembler.nearest_ns == 1


def test_log_time_is_that_of_the_last_message_needed() -> None:
    assembler = FrameAssembler()
    list(assembler.push_info("left", at(1, log_time=50)))
    list(assembler.push_info("right", at(1, log_time=51)))
    list(assembler.push_image("left", at(1, log_time=40)))
    (frame,) = assembler.push_image("right", at(1, log_time=60))
    assert frame.log_time == 60


def test_each_side_takes_the_calibration_of_its_own_stamp() -> None:
    assembler = FrameAssembler(tolerance_ns=5)
    frames = []
    for side, stamp in (("left", 10), ("right", 12)):
        list(assembler.push_info(side, at(stamp)))
        frames += assembler.push_image(side, at(stamp))
    (frame,) = frames
    assert (frame.left_info.stamp_ns, frame.right_info.stamp_ns) == (10, 12)
