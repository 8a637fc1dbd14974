# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from foundation_stereo_ros.errors import ConfigError
from foundation_stereo_ros.ros.dds.environment import WireSettings, receive_buffer_advice, wire_settings


def of(**environ: str) -> WireSettings:
    return wire_settings(environ=environ)


def elements(settings: WireSettings) -> dict[str, str]:
    """Tags with the text, or the first attribute, of the one fragment."""
    root = ElementTree.fromstring(settings.configuration)
    return {e.tag: e.text or next(iter(e.attrib.values()), "") for e in root.iter()}


def test_as_ros_without_variables() -> None:
    settings = of()
    assert (settings.domain, settings.discovery, settings.distribution) == (0, "SUBNET", "")
    found = elements(settings)
    assert found["MaxAutoParticipantIndex"] == "32"
    assert "AllowMulticast" not in found and "Peers" not in found


@pytest.mark.parametrize(("text", "domain"), [("", 0), ("7", 7), ("0x10", 16), (" 232 ", 232)])
def test_domain(text: str, domain: int) -> None:
    assert of(ROS_DOMAIN_ID=text).domain == domain
    assert wire_settings(5, {"ROS_DOMAIN_ID": text}).domain == 5


@pytest.mark.parametrize("text", ["a", "233", "-1", "1.5"])
def test_no_domain(text: str) -> None:
    with pytest.raises(ConfigError, match=f"ROS_DOMAIN_ID is .*{re.escape(text)}.*0 to 232"):
        of(ROS_DOMAIN_ID=text)


def test_no_domain_on_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"^domain is 300; expected a number from 0 to 232") as error:
        wire_settings(300, {})
    assert error.value.remedies == ({"domain": ""},)


@pytest.mark.parametrize(
    "environ", [{"ROS_LOCALHOST_ONLY": "1"}, {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}]
)
def test_this_computer_only(environ: dict[str, str]) -> None:
    settings = wire_settings(environ=environ)
    found = elements(settings)
    assert settings.discovery == "LOCALHOST"
    assert found["AllowMulticast"] == "false"
    assert found["NetworkInterface"] == "127.0.0.1" and found["Peer"] == "localhost"


def test_peers_are_looked_for_beside_this_computer() -> None:
    settings = of(ROS_AUTOMATIC_DISCOVERY_RANGE="LOCALHOST", ROS_STATIC_PEERS="192.0.2.1;robot")
    root = ElementTree.fromstring(settings.configuration)
    assert [e.attrib["address"] for e in root.iter("Peer")] == ["localhost", "192.0.2.1", "robot"]
    assert len(list(root.iter("NetworkInterface"))) == 2
    deprecated = of(ROS_LOCALHOST_ONLY="1", ROS_STATIC_PEERS="192.0.2.1")
    assert "192.0.2.1" not in deprecated.configuration


def test_peers_on_the_subnet() -> None:
    settings = of(ROS_STATIC_PEERS='a"b')
    (peer,) = ElementTree.fromstring(settings.configuration).iter("Peer")
    assert peer.attrib["address"] == 'a"b'


def test_off_is_a_domain_of_its_own() -> None:
    found = elements(of(ROS_AUTOMATIC_DISCOVERY_RANGE="OFF"))
    assert found["Tag"].startswith("ros_discovery_off_") and found["ParticipantIndex"] == "none"


def test_the_users_configuration_counts_last() -> None:
    own = "file:///etc/cyclone.xml"
    assert of(CYCLONEDDS_URI=own).configuration.endswith(f",{own}")
    alone = of(CYCLONEDDS_URI=own, ROS_AUTOMATIC_DISCOVERY_RANGE="SYSTEM_DEFAULT").configuration
    assert alone.endswith(f",{own}") and "Discovery" not in alone and "General" not in alone


@pytest.mark.parametrize("discovery", ["OFF", "LOCALHOST", "SUBNET", "SYSTEM_DEFAULT"])
def test_what_fast_dds_needs_is_said_everywhere(discovery: str) -> None:
    found = elements(of(ROS_AUTOMATIC_DISCOVERY_RANGE=discovery))
    assert (found["IgnoreTypeInformation"], found["GenerateKeyhash"]) == ("1.15,1.16", "true")


def test_no_range() -> None:
    with pytest.raises(ConfigError, match="'EVERYWHERE'; expected one of OFF, LOCALHOST, SUBNET"):
        of(ROS_AUTOMATIC_DISCOVERY_RANGE="EVERYWHERE")


def test_security_is_refused() -> None:
    with pytest.raises(ConfigError, match="ROS_SECURITY_ENABLE asks for DDS Security"):
        of(ROS_SECURITY_ENABLE="true")
    assert of(ROS_SECURITY_ENABLE="false").domain == 0


@pytest.mark.parametrize(("limit", "told"), [("212992\n", True), ("67108864\n", False), ("?", False)])
def test_small_receive_buffers_are_told(tmp_path: Path, limit: str, told: bool) -> None:
    path = tmp_path / "rmem_max"
    path.write_text(limit)
    advice = receive_buffer_advice(path)
    assert bool(advice) is told
    assert not told or ("212992 bytes" in advice and "sysctl -w net.core.rmem_max" in advice)


def test_systems_without_such_a_limit(tmp_path: Path) -> None:
    assert receive_buffer_advice(tmp_path / "none") == ""
