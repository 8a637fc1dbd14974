# SPDX-License-Identifier: Apache-2.0
"""What the environment variables of ROS 2 and the computer say, and what that means for Cyclone DDS.

The configuration is that of rmw_cyclonedds, so that both find each other and nobody else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from foundation_stereo_ros.errors import ConfigError

_LAST_DOMAIN = 232
_RANGES = ("OFF", "LOCALHOST", "SUBNET", "SYSTEM_DEFAULT")
_NO_MULTICAST = "<General><AllowMulticast>false</AllowMulticast>"
_BY_NAME = "<Compatibility><IgnoreTypeInformation>1.15,1.16</IgnoreTypeInformation></Compatibility>"
"""In ROS a type is its name. Fast DDS 3 (vendor 1.15; since Kilted) also tells what types are made of, with
sequences that Cyclone DDS (1.16) holds for malformed, and neither would get a message from the other."""
_KEYS = "<GenerateKeyhash>true</GenerateKeyhash>"
"""Without them Fast DDS takes no notice of who leaves, for ten seconds; only discovery has keys in ROS."""
_RECEIVE_BUFFER = "32MB"
"""As much as the system allows up to this: images come as hundreds of packets at once."""
_PARTICIPANTS = 32
"""How many participants of a host are looked for where there is no multicast; ROS's number."""
_LIMIT = Path("/proc/sys/net/core/rmem_max")
_ENOUGH = 2**22


@dataclass(frozen=True)
class WireSettings:
    """How to take part.

    Attributes:
        domain: ROS_DOMAIN_ID.
        discovery: ROS_AUTOMATIC_DISCOVERY_RANGE.
        configuration: for Cyclone DDS: XML fragments and URIs, separated by commas.
        distribution: ROS_DISTRO; empty: not known.
    """

    domain: int
    discovery: str
    configuration: str
    distribution: str = ""


def wire_settings(domain: int | None = None, environ: Mapping[str, str] | None = None) -> WireSettings:
    """Read the environment as ROS 2 does.

    Args:
        domain: instead of ROS_DOMAIN_ID.
        environ: instead of the process's.

    Raises:
        ConfigError: an unknown value, or DDS Security is asked for.
    """
    environ = os.environ if environ is None else environ
    _refuse_security(environ)
    discovery = _discovery(environ)
    alone = _flag(environ, "ROS_LOCALHOST_ONLY")
    peers = [] if alone else [peer for peer in environ.get("ROS_STATIC_PEERS", "").split(";") if peer]
    fragments = [_fragment(discovery, peers), environ.get("CYCLONEDDS_URI", "")]
    return WireSettings(
        _domain(environ) if domain is None else _checked(domain, "domain"),
        discovery,
        ",".join(fragment for fragment in fragments if fragment),
        environ.get("ROS_DISTRO", ""),
    )


def _refuse_security(environ: Mapping[str, str]) -> None:
    if _flag(environ, "ROS_SECURITY_ENABLE"):
        raise ConfigError(
            "ROS_SECURITY_ENABLE asks for DDS Security, which Cyclone DDS's Python package does not have; "
            "use stereo_node in a ROS installation, or unset it to take part without security"
        )


def _domain(environ: Mapping[str, str]) -> int:
    text = environ.get("ROS_DOMAIN_ID", "").strip()
    try:
        return _checked(int(text or "0", 0), "ROS_DOMAIN_ID")
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"ROS_DOMAIN_ID is {text!r}; expected a number from 0 to {_LAST_DOMAIN}") from None


def _checked(domain: int, name: str) -> int:
    if not 0 <= domain <= _LAST_DOMAIN:
        raise ConfigError(f"{name} is {domain}; expected a number from 0 to {_LAST_DOMAIN}", remedy="domain")
    return domain


def _discovery(environ: Mapping[str, str]) -> str:
    # Deprecated since Iron, but still the stronger one.
    if _flag(environ, "ROS_LOCALHOST_ONLY"):
        return "LOCALHOST"
    name = "ROS_AUTOMATIC_DISCOVERY_RANGE"
    value = environ.get(name, "") or "SUBNET"
    if value not in _RANGES:
        raise ConfigError(f"{name} is {value!r}; expected one of {', '.join(_RANGES)}")
    return value


def _flag(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "").strip().lower() in ("1", "true")


def _fragment(discovery: str, peers: list[str]) -> str:
    if discovery == "SYSTEM_DEFAULT":
        return _domain_element()
    buffers = f"<SocketReceiveBufferSize max='{_RECEIVE_BUFFER}'/>"
    if discovery == "OFF":
        # A tag that nobody else has.
        tag = f"<ParticipantIndex>none</ParticipantIndex><Tag>ros_discovery_off_{os.getpid()}</Tag>"
        return _domain_element(f"{_NO_MULTICAST}</General><Discovery>{tag}</Discovery>", buffers)
    general, addresses = "", peers
    if discovery == "LOCALHOST":
        # Named, since Cyclone DDS refuses what comes in on an interface that it does not use, and this one it
        # uses by itself only where there is no other.
        others = "<NetworkInterface autodetermine='true'/>" if peers else ""
        local = "<NetworkInterface address='127.0.0.1'/>"
        # Within a computer packets are not lost for being large, and cost the same.
        sizes = "" if peers else "<MaxMessageSize>65500B</MaxMessageSize><FragmentSize>65000B</FragmentSize>"
        general = f"{_NO_MULTICAST}<Interfaces>{others}{local}</Interfaces>{sizes}</General>"
        addresses = ["localhost", *peers]
    listed = "".join(f"<Peer address={quoteattr(address)}/>" for address in addresses)
    index = f"<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>{_PARTICIPANTS}"
    return _domain_element(
        f"{general}<Discovery>{index}</MaxAutoParticipantIndex>"
        f"{f'<Peers>{listed}</Peers>' if listed else ''}</Discovery>",
        buffers,
    )


def _domain_element(inside: str = "", internal: str = "") -> str:
    everywhere = f"{_BY_NAME}<Internal>{internal}{_KEYS}</Internal>"
    return f"<CycloneDDS><Domain>{inside}{everywhere}</Domain></CycloneDDS>"


def receive_buffer_advice(limit: Path = _LIMIT) -> str:
    """Return a sentence where the system's receive buffers are too small for images; empty otherwise.

    An image comes as hundreds of packets at once. Cyclone DDS asks for a larger buffer than the default, and
    gets what this limit allows.
    """
    try:
        allowed = int(limit.read_text())
    except (OSError, ValueError):
        return ""
    if allowed >= _ENOUGH:
        return ""
    return (
        f"The receive buffers are limited to {allowed} bytes (net.core.rmem_max), less than a few images; on "
        "this computer: sudo sysctl -w net.core.rmem_max=67108864"
    )
