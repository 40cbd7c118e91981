from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch

from benchmarks.codecs import CODECS
from benchmarks.codecs.anchors import HiddenReference, LowpassAnchor, LowpassSettings, lowpass_taps
from benchmarks.codecs.base import CodecAdapter, CodecSettings
from benchmarks.codecs.conventional import Opus, OpusSettings
from benchmarks.codecs.mel_vocoder import MelVocoderSettings
from benchmarks.metrics.align import find_delay_s
from flowmac.audio import Waveform
from flowmac.checkpoint import CODEC_FILE, VOCODER_FILE, save_config, save_weights
from flowmac.codec import Codec
from flowmac.config import CodecConfig, FlowConfig, LatentConfig, MelConfig, SpectralConfig
from flowmac.errors import BitstreamError, CheckpointError, SettingError
from flowmac.mel import MelSpectrogram
from flowmac.mel_codec import MelCodec
from flowmac.vocoder import build_vocoder
from flowmac.vocoder.spectral import SpectralVocoder

from .conftest import babble


@pytest.mark.parametrize("sample_rate_hz", [16000, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("cutoff_hz", [3500, 7000])
def test_anchors_meet_the_mask_of_bs1534(cutoff_hz: int, sample_rate_hz: int) -> None:
    taps = lowpass_taps(cutoff_hz, sample_rate_hz)
    frequencies_hz, response = scipy.signal.freqz(taps, worN=2**16, fs=sample_rate_hz)
    gain_db = 20 * np.log10(np.maximum(np.abs(response), 1e-12))
    assert np.abs(gain_db[frequencies_hz <= cutoff_hz]).max() <= 0.1
    assert gain_db[frequencies_hz >= cutoff_hz + 500].max() <= -25
    assert gain_db[frequencies_hz >= cutoff_hz + 1000].max(initial=-np.inf) <= -50


@pytest.mark.parametrize("sample_rate_hz", [16000, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("cutoff_hz", [3500, 7000])
def test_anchors_have_no_lag(cutoff_hz: int, sample_rate_hz: int) -> None:
    anchor = LowpassAnchor(LowpassSettings(cutoff_hz=cutoff_hz))  # type: ignore[arg-type]
    waveform = Waveform(babble(1.0, sample_rate_hz)[np.newaxis], sample_rate_hz)
    filtered = anchor.decode(anchor.encode(waveform))
    correlation = np.correlate(filtered.samples[0], waveform.samples[0], mode="full")
    assert np.argmax(correlation) == waveform.n_samples - 1
    assert find_delay_s(waveform, filtered) == 0
    taps = lowpass_taps(cutoff_hz, sample_rate_hz)
    np.testing.assert_array_equal(taps, taps[::-1])


def test_anchor_of_a_recording_without_high_frequencies_is_the_recording() -> None:
    anchor = LowpassAnchor(LowpassSettings(cutoff_hz=7000))
    waveform = Waveform(babble(0.5, 8000)[np.newaxis], 8000)
    np.testing.assert_allclose(anchor.decode(anchor.encode(waveform)).samples, waveform.samples, atol=1e-6)


@pytest.mark.parametrize("n_samples", [1, 10, 177, 5000])
def test_anchor_keeps_length_and_channels(n_samples: int) -> None:
    anchor = LowpassAnchor(LowpassSettings(cutoff_hz=3500))
    waveform = Waveform(np.stack([babble(1.0)[:n_samples], babble(1.0, seed=1)[:n_samples]]), 48000)
    filtered = anchor.decode(anchor.encode(waveform))
    assert filtered.samples.shape == (2, n_samples)
    assert filtered.sample_rate_hz == 48000


def test_hidden_reference_is_the_recording_exactly() -> None:
    reference = HiddenReference(CodecSettings())
    waveform = Waveform(3 * np.stack([babble(0.1), babble(0.1, seed=1)]), 44100)  # beyond full scale, too
    data = reference.encode(waveform)
    np.testing.assert_array_equal(reference.decode(data).samples, waveform.samples)
    assert reference.payload_bits(data) is None


@pytest.mark.parametrize("n_samples", [1, 10, 479, 480, 481, 24000, 100001])
@pytest.mark.parametrize("kbps", [6, 16])
def test_opus_keeps_the_length_exactly(n_samples: int, kbps: float) -> None:
    opus = Opus(OpusSettings(kbps=kbps))
    waveform = Waveform(babble(5.0)[np.newaxis, :n_samples], 24000)
    decoded = opus.decode(opus.encode(waveform))
    assert decoded.samples.shape == (1, n_samples)
    assert decoded.sample_rate_hz == 24000


@pytest.mark.parametrize("kbps", [6, 8, 12, 16, 24])
def test_opus_is_in_step(speech: Waveform, kbps: float) -> None:
    opus = Opus(OpusSettings(kbps=kbps))
    decoded = opus.decode(opus.encode(speech))
    assert abs(find_delay_s(speech, decoded)) <= 2 / 16000


@pytest.mark.parametrize("kbps", [6, 8, 12, 16])
def test_opus_payload_at_constant_rate_is_the_nominal_rate(speech: Waveform, kbps: float) -> None:
    opus = Opus(OpusSettings(kbps=kbps, vbr=False))
    data = opus.encode(speech)
    n_packets = -(-(speech.resampled(24000).n_samples + 156) // 480)  # 156: the encoder's look-ahead at 24 kHz
    assert opus.payload_bits(data) == n_packets * round(kbps * 1000 * 0.02)
    assert opus.payload_bits(data) / speech.duration_s / 1000 == pytest.approx(kbps, rel=0.02)
    assert 8 * len(data) == opus.payload_bits(data) + 8 * (16 + 19)  # our header, and OpusHead


def test_constant_rates_of_opus_have_whole_bytes() -> None:
    """At 9 kbit/s each frame would get half a byte more, 2 % of the rate."""
    with pytest.raises(SettingError, match=r"multiples of 0\.4 .* the nearest to 9 are 8\.8 and 9\.2"):
        Opus(OpusSettings(kbps=9, vbr=False))
    for kbps in (0.8, 9.2, 11.6, 255.6):
        Opus(OpusSettings(kbps=kbps, vbr=False))


def test_opus_is_repeatable_and_mixes_to_mono(speech: Waveform) -> None:
    opus = Opus(OpusSettings(kbps=12))
    stereo = Waveform(np.concatenate([speech.samples, -0.5 * speech.samples]), speech.sample_rate_hz)
    mono = Waveform(0.25 * speech.samples, speech.sample_rate_hz)
    assert opus.encode(stereo) == opus.encode(mono) == opus.encode(mono)


def test_cut_opus_stream_is_told(speech: Waveform) -> None:
    opus = Opus(OpusSettings(kbps=12))
    data = opus.encode(speech)
    for n_kept in (0, 5, 20, 40, len(data) - 1):
        with pytest.raises(BitstreamError, match="cut"):
            opus.payload_bits(data[:n_kept])


def test_absent_backend_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Opus, "modules", ("a_module_that_nobody_has",))
    assert "opus" in CODECS.names()
    with pytest.raises(SettingError, match=r"pip install 'flowmac\[bench\]'"):
        Opus(OpusSettings(kbps=6))


@pytest.mark.parametrize("name", CODECS.names())
def test_every_codec_says_what_it_is(name: str) -> None:
    codec = CODECS.get(name)
    assert codec.name == name
    assert codec.summary
    assert codec.licence
    assert bool(codec.rates) == codec.has_stream
    assert codec.extra in ("bench", "codecs", "amr")


@pytest.mark.parametrize("name", CODECS.names())
def test_every_codec_is_documented_with_its_settings(name: str, repository: Path) -> None:
    text = (repository / "benchmarks" / "CODECS.md").read_text(encoding="utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith("| ") and f"`{name}`" in line.split("|")[1])
    words = set(row.replace("`", " ").split()) | {"kbps"}
    assert set(CODECS.get(name).settings_model.model_fields) <= words


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained FlowMAC of little size."""
    torch.manual_seed(0)
    config = CodecConfig(
        name="tiny",
        latent=LatentConfig(group_frames=8, vector_size=8, beam_width=1),
        flow=FlowConfig(width=32, n_blocks=1),
        vocoder=SpectralConfig(width=16, n_blocks=1, n_iterations=2),
    )
    folder = tmp_path_factory.mktemp("tiny")
    save_config(config, folder)
    save_weights(MelCodec(config), folder / CODEC_FILE)
    save_weights(SpectralVocoder(config.mel, config.vocoder), folder / VOCODER_FILE)
    return folder


def test_flowmac_resolves_the_defaults_of_its_weights(model_folder: Path) -> None:
    adapter_class = CODECS.get("flowmac")
    weights = str(model_folder)
    adapter = adapter_class(adapter_class.settings_model(weights=weights))
    settings = adapter.resolved_settings()
    assert None not in settings.values()
    explicit = adapter_class(adapter_class.settings_model(weights=weights, nfe=settings["nfe"], cfg=settings["cfg"]))
    assert explicit.resolved_settings() == settings
    assert adapter.weights_sha256 is not None
    assert len(adapter.weights_sha256) == 64
    assert adapter.label.startswith(f"FlowMAC 3 kbit/s, NFE {settings['nfe']}")


def test_flowmac_counts_its_bits_and_evaluations(model_folder: Path) -> None:
    adapter_class = CODECS.get("flowmac")
    adapter = adapter_class(
        adapter_class.settings_model(
            weights=str(model_folder), kbps=1.5, nfe=2, cfg=1.5, temperature=0.5, time_grid="early", seed=3
        )
    )
    assert "1.5 kbit/s, NFE 2, CFG 1.5, temperature 0.5, time grid early, seed 3" in adapter.label
    assert adapter.n_evaluations == 4
    waveform = Waveform(babble(8 * 8 * 512 / 24000)[np.newaxis], 24000)
    data = adapter.encode(waveform)
    assert adapter.payload_bits(data) == pytest.approx(1500 * waveform.duration_s, rel=0.02)
    assert 8 * len(data) > (adapter.payload_bits(data) or 0)
    assert adapter.decode(data).n_samples == waveform.n_samples


def test_flowmac_has_the_switches_of_its_encoder(model_folder: Path) -> None:
    adapter_class = CODECS.get("flowmac")
    waveform = Waveform(babble(2.0)[np.newaxis], 24000)

    def make(**settings: object) -> CodecAdapter:
        return adapter_class(adapter_class.settings_model.model_validate(settings))

    assert make().resolved_settings()["beam"] == make(beam=8).resolved_settings()["beam"] == 8
    plain = make(kbps=1.5)
    for settings, label in (({"beam": 1}, "beam 1"), ({"refine": 1}, "refine 1"), ({"adaptive": True}, "adaptive")):
        adapter = make(kbps=1.5, **settings)
        assert label in adapter.label
        assert label not in plain.label
        data = adapter.encode(waveform)
        assert data != plain.encode(waveform)
        assert adapter.payload_bits(data) <= plain.payload_bits(plain.encode(waveform))
        assert adapter.decode(data).n_samples == waveform.n_samples
    with pytest.raises(CheckpointError, match="entropy"):
        make(entropy=True, weights=str(model_folder))


def test_vocoder_alone_makes_audio_of_true_and_of_decoded_mels(model_folder: Path) -> None:
    weights = str(model_folder)
    waveform = Waveform(np.stack([babble(1.0), babble(1.0, seed=1)]), 24000).resampled(16000)
    true, decoded = (
        CODECS.get("mel_vocoder")(MelVocoderSettings(weights=weights, kbps=kbps, coder=weights)) for kbps in (None, 3.0)
    )
    audio = true.decode(true.encode(waveform))
    assert audio.samples.shape == (2, 24000)
    mel = MelSpectrogram(MelConfig())
    given, wanted = (mel(torch.from_numpy(sound.samples)) for sound in (audio, waveform.resampled(24000)))
    loud = wanted > wanted.mean()
    # an untrained vocoder has the envelope right, and its harmonics from nowhere
    assert float((given[loud] / wanted[loud]).log().abs().mean()) < 0.5
    assert true.payload_bits(b"") is None
    assert true.weights_sha256 != decoded.weights_sha256
    assert true.label.endswith("true mel")
    assert decoded.label.endswith(f"mel at 3 kbit/s, coder {weights}")


def test_vocoder_alone_gets_the_mel_of_the_codec() -> None:
    waveform = Waveform(babble(1.0)[np.newaxis], 24000)
    vocoder = CODECS.get("mel_vocoder")(MelVocoderSettings(kbps=1.5, coder="lc"))
    codec = Codec.from_pretrained("lc")
    with np.load(io.BytesIO(vocoder.encode(waveform))) as stored:
        wanted = codec.decode_mels(codec.encode(waveform, 1.5), codec.decode_settings())
        np.testing.assert_allclose(stored["mel"], wanted.numpy(), rtol=1e-4, atol=1e-5)
        assert stored["n_samples"] == 24000


def test_vocoder_alone_refuses_what_does_not_fit(model_folder: Path, tmp_path: Path) -> None:
    adapter_class, weights = CODECS.get("mel_vocoder"), str(model_folder)
    with pytest.raises(SettingError, match=r"0\.375"):
        adapter_class(MelVocoderSettings(weights=weights, kbps=1.0, coder=weights))
    with pytest.raises(CheckpointError, match="no such model folder"):
        adapter_class(MelVocoderSettings(weights=str(tmp_path / "absent")))
    other = CodecConfig.model_validate_json((model_folder / "config.json").read_text())
    other = other.model_copy(update={"mel": MelConfig(floor=0.02)})
    save_config(other, tmp_path)
    save_weights(build_vocoder(other.mel, other.vocoder), tmp_path / VOCODER_FILE)
    with pytest.raises(SettingError, match="the mels of"):
        adapter_class(MelVocoderSettings(weights=str(tmp_path), kbps=3.0, coder=weights))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kbps": 1.0}, "0.375"),
        ({"adaptive": True, "kbps": 0.375}, "adaptive"),
        ({"solver": "eulr"}, "euler"),
        ({"solver": "heun", "nfe": 3}, "heun|even|multiple"),
    ],
)
def test_flowmac_refuses_what_its_weights_cannot_do(
    model_folder: Path, settings: dict[str, object], message: str
) -> None:
    adapter_class = CODECS.get("flowmac")
    with pytest.raises(SettingError, match=message):
        adapter_class(adapter_class.settings_model.model_validate({"weights": str(model_folder), **settings}))
