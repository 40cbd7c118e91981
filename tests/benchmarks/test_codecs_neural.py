"""EnCodec, DAC, Mimi and SNAC with small random weights, saved and loaded as the authors' are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.codecs import CODECS
from benchmarks.codecs.base import CodecAdapter, UnavailableError
from benchmarks.codecs.neural import pack_codes, unpack_codes
from flowmac.audio import Waveform
from flowmac.errors import BitstreamError, SettingError

from .conftest import babble
from .random_weights import save_random

#: Sizes of the networks alone; what sets the rate is the authors' own.
TRANSFORMERS = {
    "encodec": {"num_filters": 4, "hidden_size": 16, "codebook_dim": 16, "num_lstm_layers": 1},
    "dac": {
        "sampling_rate": 24000,
        "downsampling_ratios": [2, 4, 5, 8],
        "n_codebooks": 32,
        "encoder_hidden_size": 4,
        "decoder_hidden_size": 32,
    },
    "mimi": {
        "num_filters": 4,
        "hidden_size": 32,
        "upsample_groups": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "intermediate_size": 32,
        "codebook_dim": 16,
        "vector_quantization_hidden_dimension": 16,
    },
}
SNAC_CONFIG = {
    "sampling_rate": 24000,
    "encoder_dim": 8,
    "encoder_rates": [2, 4, 8, 8],
    "decoder_dim": 64,
    "decoder_rates": [8, 8, 4, 2],
    "attn_window_size": None,
    "codebook_size": 4096,
    "codebook_dim": 8,
    "vq_strides": [4, 2, 1],
    "noise": True,
    "depthwise": True,
}
OPERATING_POINTS = [
    ("encodec", {"kbps": 1.5}, 1.5),
    ("encodec", {"kbps": 6.0}, 6),
    ("dac", {"kbps": 3.0}, 3),
    ("dac", {"kbps": 6.0}, 6),
    ("mimi", {"kbps": 1.1}, 1.1),
    ("mimi", {"kbps": 4.4}, 4.4),
    ("snac", {}, 0.984375),
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights for each codec."""
    for name in ("encodec", "snac"):
        missing = CODECS.get(name).missing()
        if missing:
            pytest.skip(missing)
    import torch

    from benchmarks.codecs.snac import new_network

    root = tmp_path_factory.mktemp("weights")
    for name, sizes in TRANSFORMERS.items():
        save_random(name, sizes, root)
    (root / "snac").mkdir()
    (root / "snac" / "config.json").write_text(json.dumps(SNAC_CONFIG))
    torch.save(new_network(root / "snac" / "config.json").state_dict(), root / "snac" / "pytorch_model.bin")
    return root


def make(name: str, **values: Any) -> CodecAdapter:
    codec = CODECS.get(name)
    return codec(codec.settings_model.model_validate(values))


@pytest.mark.parametrize(("name", "values", "kbps"), OPERATING_POINTS)
def test_codes_are_counted_and_decoded_from_bytes(
    weights: Path, name: str, values: dict[str, float], kbps: float
) -> None:
    encoder, decoder = (make(name, weights=str(weights / name), **values) for _ in range(2))
    waveform = Waveform(babble(4.0)[np.newaxis], 24000)
    data = encoder.encode(waveform)
    assert encoder.nominal_kbps == pytest.approx(kbps)
    # whole frames: at most one more than the recording fills
    assert 0 <= (encoder.payload_bits(data) or 0) / 4000 - kbps <= 0.021 * kbps
    assert 8 * len(data) - (encoder.payload_bits(data) or 0) < 8 * 11
    decoded = decoder.decode(data)
    assert decoded.samples.shape == waveform.samples.shape
    assert decoded.samples.std() > 0
    np.testing.assert_array_equal(decoder.decode(data).samples, decoded.samples)
    assert encoder.encode(waveform) == data
    assert encoder.weights_sha256 is not None
    assert len(encoder.weights_sha256) == 64


@pytest.mark.parametrize("n_samples", [1, 319, 320, 2049])
@pytest.mark.parametrize("name", ["encodec", "dac", "mimi", "snac"])
def test_any_length_comes_back(weights: Path, name: str, n_samples: int) -> None:
    rate = {} if name == "snac" else {"kbps": 1.1 if name == "mimi" else 1.5}
    codec = make(name, weights=str(weights / name), **rate)
    stereo = Waveform(np.stack([babble(1.0)[:n_samples]] * 2), 24000)
    assert codec.decode(codec.encode(stereo)).samples.shape == (1, n_samples)


def test_a_higher_rate_begins_with_the_same_codes(weights: Path) -> None:
    waveform = Waveform(babble(1.0)[np.newaxis], 24000)
    for name, low, high in (("encodec", 1.5, 3.0), ("dac", 1.5, 3.0), ("mimi", 1.1, 2.2)):
        codecs = [make(name, weights=str(weights / name), kbps=kbps) for kbps in (low, high)]
        streams = [codec.encode(waveform) for codec in codecs]
        codes = []
        for codec, data in zip(codecs, streams, strict=True):
            _, n_codes, n_codebooks, code_bits = codec._header(data)  # type: ignore[attr-defined]
            codes.append(unpack_codes(data[10:], n_codes, code_bits).reshape(-1, n_codebooks))
        np.testing.assert_array_equal(codes[1][:, : codes[0].shape[1]], codes[0])


def test_noise_of_snac_comes_from_its_seed(weights: Path) -> None:
    import torch

    path = str(weights / "snac")
    data = make("snac", weights=path).encode(Waveform(babble(0.5)[np.newaxis], 24000))
    torch.manual_seed(1)
    first = make("snac", weights=path).decode(data).samples
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    np.testing.assert_array_equal(make("snac", weights=path).decode(data).samples, first)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not np.array_equal(make("snac", weights=path, seed=1).decode(data).samples, first)


@pytest.mark.parametrize(
    ("name", "kbps", "message"),
    [
        ("encodec", 2.0, "no rate of 2 kbit/s; possible are: 1.5, 3, 6, 12, 24"),
        ("dac", 1.0, r"possible are: 0\.75, 1\.5, 2\.25, \.\.\., 24"),
        ("mimi", 6.0, r"possible are: 0\.1375, 0\.275, 0\.4125, \.\.\., 4\.4"),
    ],
)
def test_rates_that_do_not_exist_name_those_that_do(weights: Path, name: str, kbps: float, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make(name, kbps=kbps, weights=str(weights / name))


def test_weights_that_do_not_fit_are_refused(weights: Path, tmp_path: Path) -> None:
    import safetensors.torch

    waveform = Waveform(babble(0.1)[np.newaxis], 24000)
    with pytest.raises(SettingError, match="is the configuration of 'mimi', expected 'dac'"):
        make("dac", kbps=3.0, weights=str(weights / "mimi"))
    lacking = tmp_path / "lacking"
    shutil.copytree(weights / "dac", lacking)
    tensors = safetensors.torch.load_file(lacking / "model.safetensors")
    safetensors.torch.save_file(dict(list(tensors.items())[3:]), lacking / "model.safetensors")
    with pytest.raises(SettingError, match="do not fit their configuration: 3 are missing"):
        make("dac", kbps=3.0, weights=str(lacking)).encode(waveform)
    (lacking / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(SettingError, match="cannot be loaded"):
        make("dac", kbps=3.0, weights=str(lacking)).encode(waveform)
    (lacking / "config.json").write_text("{")
    with pytest.raises(SettingError, match=r"config\.json"):
        make("dac", kbps=3.0, weights=str(lacking))
    (lacking / "model.safetensors").unlink()
    with pytest.raises(UnavailableError, match=r"needs config\.json and model\.safetensors"):
        make("dac", kbps=3.0, weights=str(lacking))


def test_a_pickle_that_would_run_something_is_refused(weights: Path, tmp_path: Path) -> None:
    import torch

    folder = tmp_path / "snac"
    shutil.copytree(weights / "snac", folder)
    torch.save({"weight": Path("anything")}, folder / "pytorch_model.bin")
    with pytest.raises(SettingError, match="cannot be loaded"):
        make("snac", weights=str(folder)).encode(Waveform(babble(0.1)[np.newaxis], 24000))


def test_absent_weights_say_what_to_do(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        UnavailableError, match="no such folder of weights; give the folder of mimi's weights as 'weights'"
    ):
        make("mimi", kbps=1.1, weights="./nowhere")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        UnavailableError, match="'owner/name' is no folder here and cannot be fetched from the hub; give"
    ):
        make("mimi", kbps=1.1, weights="owner/name")


def test_cut_and_foreign_streams_are_told(weights: Path) -> None:
    codec = make("encodec", kbps=1.5, weights=str(weights / "encodec"))
    data = codec.encode(Waveform(babble(0.5)[np.newaxis], 24000))
    for n_kept in (0, 5, len(data) - 1):
        with pytest.raises(BitstreamError, match="cut"):
            codec.decode(data[:n_kept])
    with pytest.raises(BitstreamError, match="has 2 codebooks of 10 bit, 'EnCodec 3 kbit/s, weights encodec' 4 of 10"):
        make("encodec", kbps=3.0, weights=str(weights / "encodec")).decode(data)


@pytest.mark.parametrize("code_bits", [1, 3, 8, 10, 11, 12, 16])
def test_codes_of_any_width_come_back(code_bits: int) -> None:
    codes = np.random.default_rng(code_bits).integers(0, 2**code_bits, 37)
    codes[:2] = 0, 2**code_bits - 1
    packed = pack_codes(codes, code_bits)
    assert len(packed) == -(-37 * code_bits // 8)
    np.testing.assert_array_equal(unpack_codes(packed, 37, code_bits), codes)
