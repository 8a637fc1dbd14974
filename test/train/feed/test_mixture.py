# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from foundation_stereo_ros.train.config import TrainingConfig
from foundation_stereo_ros.train.data_config import TrainingSource
from foundation_stereo_ros.train.distributed import Place
from foundation_stereo_ros.train.feed.mixture import Mixture, Origin, origin

SHARES = st.lists(st.floats(0.01, 100.0), min_size=1, max_size=5)


@given(shares=SHARES)
def test_each_source_gives_its_pairs_one_after_the_other_and_as_many_as_its_share(
    shares: list[float],
) -> None:
    found = [origin(number, shares) for number in range(400)]
    for source, share in enumerate(shares):
        numbers = [place.number for place in found if place.source == source]
        assert numbers == list(range(len(numbers)))
        assert abs(len(numbers) - 400 * share / sum(shares)) <= len(shares)


def test_two_equal_sources_take_turns() -> None:
    assert [origin(number, [1.0, 1.0]).source for number in range(6)] == [1, 0, 1, 0, 1, 0]


@given(shares=SHARES, world=st.integers(1, 3), batch=st.integers(1, 4))
def test_processes_share_the_pairs_of_a_step(shares: list[float], world: int, batch: int) -> None:
    data = tuple(TrainingSource("folder", root="x", share=share) for share in shares)
    config = TrainingConfig(data=data, batch=batch)
    together = Mixture(TrainingConfig(data=data, batch=batch * world), Place())
    for step in (0, 7):
        apart = [Mixture(config, Place(rank, world)).stored(step) for rank in range(world)]
        assert list(chain(*apart)) == together.stored(step)


def test_scenes_fill_the_places_that_datasets_leave() -> None:
    data = (TrainingSource("scenes", share=3.0), TrainingSource("folder", root="x"))
    mixture = Mixture(TrainingConfig(data=data, batch=4), Place())
    assert mixture.scenes_share == 0.75
    for step in range(3):
        assert len(mixture.scenes(step)) == 3
        assert mixture.stored(step) == [Origin(1, step)]
    alone = Mixture(TrainingConfig(batch=2), Place())
    assert (alone.scenes_share, alone.scenes(5), alone.stored(5)) == (1.0, [10, 11], [])
