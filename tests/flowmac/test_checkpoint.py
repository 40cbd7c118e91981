"""Model folders: what is stored is what is loaded; what is wrong is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from flowmac import checkpoint
from flowmac.audio import Waveform
from flowmac.codec import Codec
from flowmac.config import CodecConfig, LatentConfig, read_config
from flowmac.errors import CheckpointError, SettingError
from flowmac.mel_codec import MelCodec


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "copy"))


def test_weights_survive_storing_to_the_bit(codec: Codec, copy: Path) -> None:
    loaded = Codec.from_pretrained(copy)
    for name, tensor in codec.mel_codec.state_dict().items():
        assert torch.equal(loaded.mel_codec.state_dict()[name], tensor), name
    assert loaded.weights_sha256 == codec.weights_sha256


def test_half_precision_keeps_streams_readable(codec: Codec, copy: Path, sound: Waveform) -> None:
    checkpoint.export(copy, copy, copy / "half", codec.config)
    half = Codec.from_pretrained(copy / "half")
    assert half.codebooks_id == codec.codebooks_id
    assert half.weights_sha256 != codec.weights_sha256
    half.decode(codec.encode(sound))


def test_half_precision_keeps_the_identity_of_weighted_bands() -> None:
    torch.manual_seed(0)
    latent = LatentConfig(group_frames=4, vector_size=8, tilt=1.0)
    codec = MelCodec(CodecConfig(name="weighted", latent=latent))
    codec.autoencoder.fit(torch.rand(4, 64, 128))
    identity = codec.codebooks_id()
    codec.load_state_dict({name: tensor.half() for name, tensor in codec.state_dict().items()})
    assert codec.codebooks_id() == identity


def test_other_codebooks_have_another_identity(codec: Codec, copy: Path) -> None:
    codec_copy = Codec.from_pretrained(copy)
    codec_copy.mel_codec.quantizer.codebooks[0, 0, 0, 0] += 1
    assert codec_copy.mel_codec.codebooks_id() != codec.codebooks_id


def test_missing_and_damaged_weights_are_told(copy: Path) -> None:
    path = copy / checkpoint.CODEC_FILE
    data = path.read_bytes()
    path.write_bytes(data[:1000])
    with pytest.raises(CheckpointError, match=r"codec\.safetensors: is damaged"):
        Codec.from_pretrained(copy)
    path.unlink()
    with pytest.raises(CheckpointError, match="weights are missing"):
        Codec.from_pretrained(copy)


def test_further_levels_of_another_size_are_told(copy: Path) -> None:
    wrong = {"codebook": torch.zeros(256, 5), "scales": torch.ones(2)}
    checkpoint.save_tensors(wrong, copy / checkpoint.FURTHER_FILE)
    with pytest.raises(CheckpointError, match="holds no codebook of 8 coefficients"):
        Codec.from_pretrained(copy)


def test_weights_of_another_size_are_told(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["flow"]["width"] = 48
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="does not fit its configuration"):
        Codec.from_pretrained(copy)


def test_unknown_models_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="unknown model"):
        Codec.from_pretrained("no-such-model")
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        Codec.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "a", "mell": {}}', "mell: Extra inputs"),
        ('{"name": "a", "mel": {"exponent": 2}}', "mel.exponent"),
        ('{"name": "a", "latent": {"group_frames": 6}}', "multiple of token_frames"),
        ("{", "is no valid JSON"),
        ("[]", "the whole file"),
    ],
)
def test_bad_configurations_say_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(SettingError, match=message):
        read_config(CodecConfig, path)


def test_a_model_may_leave_files_to_a_release(tmp_path: Path) -> None:
    folder = checkpoint.releases_folder() / "lc"
    assert not (folder / checkpoint.CODEC_FILE).exists()
    assert MelCodec.from_folder(folder).codebooks_id() == Codec.from_pretrained("base").codebooks_id
    lost = checkpoint.read_model_config(folder).model_copy(update={"weights_of": "nothing"})
    checkpoint.save_config(lost, tmp_path)
    with pytest.raises(CheckpointError, match="weights_of names no release: nothing"):
        MelCodec.from_folder(tmp_path)
