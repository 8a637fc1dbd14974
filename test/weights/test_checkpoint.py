# SPDX-License-Identifier: Apache-2.0
"""Files: our own, official ones written in the official layout, and all that can be wrong with them."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from seeded_network import official_shapes, seeded

from foundation_stereo_ros.errors import CheckpointError
from foundation_stereo_ros.nets.stereo import FoundationStereo, NetworkConfig
from foundation_stereo_ros.weights import load_checkpoint, save_checkpoint
from foundation_stereo_ros.weights.checkpoint import read_checkpoint, write_tensors

CFG = {
    "corr_implementation": "reg",
    "corr_levels": 2,
    "corr_radius": 4,
    "hidden_dims": [128, 128, 128],
    "img_gamma": None,
    "low_memory": 0,
    "max_disp": 416,
    "mixed_precision": True,
    "n_downsample": 2,
    "n_gru_layers": 3,
    "num_steps": 200000,
    "slow_fast_gru": False,
    "tile_min_overlap": [16, 16],
    "valid_iters": 32,
    "vit_size": "vits",
}


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return FoundationStereo(NetworkConfig.preset("tiny", max_disp=64))


@pytest.fixture(scope="module")
def official_weights():
    shapes = official_shapes(FoundationStereo(NetworkConfig.preset("small")))
    return {name: torch.from_numpy(seeded(name, shape, True)) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def official_file(official_weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("11-33-40")
    content = {
        "model": official_weights,
        "global_step": np.int64(200000),
        "epoch": 7,
        "best_bp2": np.float64(1.25),
        "ema_model": {"proj_cmb.bias": official_weights["proj_cmb.bias"]},
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": np.float32(1e-4)}]},
        "scheduler": {"last": np.bool_(True)},
    }
    torch.save(content, folder / "model_best_bp2.pth")
    (folder / "cfg.yaml").write_text(yaml.safe_dump(CFG))
    return folder / "model_best_bp2.pth"


def test_our_own_file_brings_back_network_and_numbers(tiny, tmp_path):
    file = tmp_path / "new" / "tiny.safetensors"
    save_checkpoint(file, tiny, {"trained_on": "scenes"})
    loaded = load_checkpoint(file)
    assert loaded.config == tiny.config
    assert not loaded.training
    for name, tensor in tiny.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert read_checkpoint(file).metadata["trained_on"] == "scenes"
    assert [f.name for f in file.parent.iterdir()] == ["tiny.safetensors"]
    assert file.stat().st_mode & 0o044 == 0o044  # whoever installs it, everybody can read it


def test_overrides_change_what_the_weights_leave_open(tiny, tmp_path):
    save_checkpoint(tmp_path / "tiny.safetensors", tiny)
    assert load_checkpoint(tmp_path / "tiny.safetensors", max_disp=128).config.max_disp == 128
    with pytest.raises(CheckpointError, match="misshapen"):
        load_checkpoint(tmp_path / "tiny.safetensors", hidden_dim=32)


@pytest.mark.parametrize("by", ["file", "folder"])
def test_official_file(official_file, official_weights, by):
    model = load_checkpoint(official_file if by == "file" else official_file.parent)
    assert model.config == NetworkConfig.preset("small")
    assert torch.equal(model.projection.bias, official_weights["proj_cmb.bias"])
    assert torch.equal(model.context.stem[1].running_var, official_weights["cnet.norm1.running_var"])


def test_official_file_tells_its_step(official_file):
    checkpoint = read_checkpoint(official_file)
    assert checkpoint.official
    assert dict(checkpoint.metadata) == {"global_step": "200000", "epoch": "7"}


def small_file(folder, content, cfg=CFG, **options):
    torch.save(content, folder / "model_best_bp2.pth", **options)
    if cfg is not None:
        (folder / "cfg.yaml").write_text(cfg if isinstance(cfg, str) else yaml.safe_dump(cfg))
    return folder / "model_best_bp2.pth"


def test_without_vit_size_the_file_is_vitl(tmp_path):
    cfg = {key: value for key, value in CFG.items() if key != "vit_size"}
    file = small_file(tmp_path, {"model": {"proj_cmb.bias": torch.zeros(12)}}, cfg)
    assert read_checkpoint(file).config == NetworkConfig.preset("large")


def test_without_cfg_the_weights_tell_their_size(tmp_path, caplog):
    name = "feature.dino.depth_anything.pretrained.cls_token"
    file = small_file(tmp_path, {"model": {name: torch.zeros(1, 1, 384)}}, None)
    assert read_checkpoint(file).config == NetworkConfig.preset("small")
    assert "no cfg.yaml" in caplog.text
    foreign = small_file(tmp_path, {"model": {"conv1.weight": torch.zeros(1)}}, None)
    with pytest.raises(CheckpointError, match="no known network"):
        read_checkpoint(foreign)


@pytest.mark.parametrize(
    ("cfg", "message"),
    [
        ("vit_size: [", "cfg.yaml is not YAML, line 2"),
        ("just words", "expected the network's settings"),
        ({**CFG, "vit_size": "vitg"}, "monocular is 'vitg'"),
        ({**CFG, "max_disp": 100}, "max_disp is 100"),
        ({**CFG, "max_disp": "many"}, "cfg.yaml"),
        ({**CFG, "n_gru_layers": 2}, "n_gru_layers is 2"),
    ],
)
def test_a_bad_cfg_is_refused(tmp_path, cfg, message):
    file = small_file(tmp_path, {"model": {"proj_cmb.bias": torch.zeros(12)}}, cfg)
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(file)


class Malicious:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (exec, (f"open({str(self.marker)!r}, 'w').close()",))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_never_run(tmp_path, zipped):
    marker = tmp_path / "ran"
    content = {"model": {"proj_cmb.bias": torch.zeros(12)}, "epoch": Malicious(marker)}
    file = small_file(tmp_path, content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"exec.*never executed") as error:
        load_checkpoint(file)
    assert "\n" not in str(error.value)
    assert not marker.exists()


def test_a_plain_pickle_is_no_checkpoint(tmp_path):
    marker = tmp_path / "ran"
    (tmp_path / "weights.pth").write_bytes(pickle.dumps(Malicious(marker)))
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "weights.pth")
    assert not marker.exists()


def test_an_archive_that_grows_is_refused(tmp_path):
    file = small_file(tmp_path, {"model": {"a": torch.zeros(1_000_000)}})
    packed = tmp_path / "packed.pth"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    with pytest.raises(CheckpointError, match="in it is compressed, which PyTorch never does"):
        read_checkpoint(packed)


def test_an_archive_whose_end_is_damaged(tmp_path):
    file = small_file(tmp_path, {"model": {"a": torch.zeros(9)}})
    data = bytearray(file.read_bytes())
    at = data.index(b"PK\x06\x07")  # where the 64-bit directory is; the last number counts disks
    data[at + 16 : at + 20] = b"\x02\0\0\0"
    file.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="is damaged or no PyTorch checkpoint"):
        read_checkpoint(file)


NESTED = b"".join(b"q%c(h%ch%ct" % (n, n, n) for n in range(60))  # a tuple of two of the one before


@pytest.mark.parametrize("zipped", [True, False])
def test_a_key_that_takes_for_ever_to_hash_is_refused(tmp_path, zipped):
    data = b"\x80\x02}()" + NESTED + b"K\x01u."
    file = tmp_path / "weights.pth"
    file.write_bytes(data)
    if zipped:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/version", "3")
    with pytest.raises(CheckpointError, match=r"weights\.pth is damaged or no PyTorch checkpoint$"):
        read_checkpoint(file)


def test_what_others_advise_is_not_passed_on(tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(CheckpointError, match=r"never executed|no PyTorch checkpoint") as refused:
        read_checkpoint(tmp_path / "weights.pth")
    assert "weights_only" not in str(refused.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_truncated_official_file(tmp_path, share):
    file = small_file(tmp_path, {"model": {"proj_cmb.bias": torch.zeros(5000)}})
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content", [{"state_dict": {}}, [1, 2], {"model": [1]}, {"model": {"a": 1}}, torch.zeros(2)]
)
def test_a_file_without_weights_under_model(tmp_path, content):
    with pytest.raises(CheckpointError, match="no weights under 'model'"):
        load_checkpoint(small_file(tmp_path, content))


def test_a_foreign_network_is_told_by_its_names(tmp_path):
    file = small_file(tmp_path, {"model": {"backbone.conv1.weight": torch.zeros(3)}})
    with pytest.raises(CheckpointError, match=r"missing: .*1 unexpected: backbone.conv1.weight") as error:
        load_checkpoint(file)
    assert len(str(error.value)) < 900


def configured(config):
    return lambda file: save_file({}, file, {"format": "foundation_stereo_ros/1", "config": config})


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda f: None, "no weights file"),
        (lambda f: f.write_bytes(b""), "is empty"),
        (lambda f: f.write_bytes(b"\x10" * 40), "damaged"),
        (lambda f: save_file({"a": torch.zeros(2)}, f), "says format None"),
        (
            lambda f: save_file({"a": torch.zeros(2)}, f, {"format": "foundation_stereo_ros/1"}),
            "no usable network",
        ),
        (
            lambda f: save_file({}, f, {"format": "foundation_stereo_ros/1", "config": '{"a": 1}'}),
            "unknown network",
        ),
        (lambda f: save_file({}, f, {"format": "foundation_stereo_ros/1", "config": "{}"}), "missing"),
        (configured("{" * 50_000), "not JSON"),
        (configured("[1]"), "expected names and values"),
        (
            configured('{"backbone": "hf-hub:nobody/nothing"}'),
            "backbone is 'hf-hub:nobody/nothing'; expected one",
        ),
        (configured('{"volume_width": 1000000000}'), "volume_width is 1000000000; expected a whole number"),
        (
            configured('{"monocular": null, "volume_width": 256, "hidden_dim": 512}'),
            "do not fit this network",
        ),
        (configured('{"monocular": null, "groups": 7}'), "groups is 7; expected a divisor"),
    ],
)
def test_bad_safetensors(tmp_path, write, message):
    file = tmp_path / "w.safetensors"
    write(file)
    with pytest.raises(CheckpointError, match=message) as error:
        load_checkpoint(file)
    assert "w.safetensors" in str(error.value)


def test_a_truncated_safetensors(tiny, tmp_path):
    file = tmp_path / "w.safetensors"
    save_checkpoint(file, tiny)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(file)


def test_only_known_endings(tmp_path, tiny):
    (tmp_path / "w.onnx").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"ends in '\.onnx'"):
        load_checkpoint(tmp_path / "w.onnx")
    with pytest.raises(CheckpointError, match=r"expected \.safetensors"):
        save_checkpoint(tmp_path / "w.pth", tiny)


def test_tensors_of_any_layout_come_back(tmp_path):
    tensors = {"a": torch.arange(6.0).view(2, 3).t(), "b": torch.tensor(3)}
    write_tensors(tmp_path / "new" / "t.safetensors", tensors, {"who": "test"})
    stored = load_file(tmp_path / "new" / "t.safetensors")
    assert all(torch.equal(stored[name], tensor) for name, tensor in tensors.items())


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path):
    (tmp_path / "t.safetensors").mkdir()  # a folder is in the way
    with pytest.raises(CheckpointError, match=r"cannot write .*t\.safetensors"):
        write_tensors(tmp_path / "t.safetensors", {"a": torch.zeros(1)}, {})
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.safetensors"]
