# SPDX-License-Identifier: Apache-2.0
"""Which networks are measured."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from foundation_stereo_ros.bench.random_weights import randomize
from foundation_stereo_ros.nets.stereo import StereoNetwork, build_network, network_preset
from foundation_stereo_ros.weights import load_checkpoint


@dataclass(frozen=True)
class NetworkSource:
    """A preset with random weights, or a weights file; exactly one of the two is given."""

    preset: str | None = None
    checkpoint: Path | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.checkpoint.name if self.checkpoint else f"{self.preset}"

    def load(self) -> StereoNetwork:
        """Build the network, in evaluation mode, on the CPU.

        Raises:
            CheckpointError: the file cannot be used.
            ConfigError: there is no such preset.
        """
        if self.checkpoint:
            return load_checkpoint(self.checkpoint)
        network = build_network(network_preset(f"{self.preset}")).eval()
        randomize(network)
        return network

    def facts(self) -> dict[str, str | None]:
        """Return what identifies the weights."""
        digest = weights_sha256(self.checkpoint) if self.checkpoint else None
        return {"name": self.name, "preset": self.preset, "weights_sha256": digest}


def weights_sha256(path: Path) -> str:
    """Return the SHA-256 of a weights file, or of the ``.pth`` in the folder of an official checkpoint."""
    files = [path] if path.is_file() else sorted(path.glob("*.pth"))
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
