# SPDX-License-Identifier: Apache-2.0
import yaml
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2.metadata import dump_qos_v9, parse_qos

from foundation_stereo_ros.ros.bags import qos


def test_profile_is_read_by_rosbags() -> None:
    (profile,) = parse_qos(qos.offered_profile(depth=3, reliable=False, latched=True))
    assert profile.depth == 3
    assert profile.reliability is QosReliability.BEST_EFFORT
    assert profile.durability is QosDurability.TRANSIENT_LOCAL


def test_names_become_the_same_profile_in_numbers() -> None:
    profile = qos.offered_profile(depth=2, latched=True)
    named = yaml.safe_dump(dump_qos_v9(parse_qos(profile)))
    assert "transient_local" in named
    assert parse_qos(qos.in_numbers(named)) == parse_qos(profile)


def test_numbers_stay_as_they_are() -> None:
    text = "- {history: 1, depth: 1, reliability: 1, durability: 1}"
    assert qos.in_numbers(text) == text


def test_latched() -> None:
    assert qos.is_latched(qos.offered_profile(latched=True))
    assert qos.is_latched("- durability: transient_local")
    assert not qos.is_latched(qos.offered_profile())
    assert not qos.is_latched("")
    assert not qos.is_latched("{no: list")


def test_unknown_policy_is_not_lost() -> None:
    assert yaml.safe_load(qos.in_numbers("- {history: future, durability: volatile}")) == [
        {"history": 3, "durability": 2}
    ]
