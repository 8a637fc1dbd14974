# SPDX-License-Identifier: Apache-2.0
"""torchvision as PyPI has it does not load beside a CPU or Jetson torch; timm needs it; we do not."""

import subprocess
import sys
import textwrap
from pathlib import Path


def run(code, *folders):
    path = [*map(str, folders), str(Path(__file__).parents[2])]
    program = f"import sys\nsys.path[:0] = {path!r}\n{textwrap.dedent(code)}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


BROKEN = """
import torch
@torch.library.register_fake("torchvision::missing_operator")
def shapes(dets, scores, threshold): ...
"""


def test_timm_works_beside_a_torchvision_without_operators(tmp_path):
    """The torchvision here breaks as PyPI's does, wherever the test runs: describing its operators."""
    import importlib.util

    real = Path(importlib.util.find_spec("torchvision").origin).parent
    copy = tmp_path / "torchvision"
    copy.mkdir()
    for entry in real.iterdir():
        if entry.name != "_meta_registrations.py":
            (copy / entry.name).symlink_to(entry)
    (copy / "_meta_registrations.py").write_text(BROKEN)
    plain = run("import timm", tmp_path)
    assert "operator torchvision::missing_operator does not exist" in plain.stderr
    done = run(
        """
        from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
        FoundationStereo(NetworkConfig.preset("tiny"))
        import torchvision
        print(torchvision.__file__)
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == copy


def test_a_torchvision_broken_in_another_way_is_not_hidden(tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('cannot open shared object file')"
    )
    done = run(
        """
        from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
        FoundationStereo(NetworkConfig.preset("tiny"))
        """,
        tmp_path,
    )
    assert "cannot open shared object file" in done.stderr


def test_the_lean_network_needs_no_timm():
    done = run(
        """
        from foundation_stereo_ros.nets.stereo import build_network, network_preset
        build_network(network_preset("lean"))
        print("timm" in sys.modules)
        """
    )
    assert done.stdout.strip() == "False", done.stderr
