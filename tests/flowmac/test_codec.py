"""The whole codec, small: what users rely on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import flowmac
from flowmac import bitstream, packets, streaming
from flowmac.audio import Waveform
from flowmac.checkpoint import FURTHER_FILE
from flowmac.codec import Codec
from flowmac.entropy import EntropyModel
from flowmac.errors import AudioError, BitstreamError, CheckpointError, SettingError
from flowmac.payload import unpack_groups
from flowmac.streaming import SEGMENT_FRAMES
from flowmac.synthesis import PHASE, Synthesis
from tests.flowmac.conftest import RATE_HZ, make_sound


@pytest.mark.parametrize("n_samples", [1, 10, 511, 512, 513, 8192, 30000])
def test_any_length_is_coded_and_kept(codec: Codec, n_samples: int) -> None:
    waveform = Waveform(make_sound(2.0)[:, :n_samples], RATE_HZ)
    decoded = codec.decode(codec.encode(waveform))
    assert decoded.samples.shape == (1, n_samples)
    assert decoded.sample_rate_hz == RATE_HZ
    assert np.isfinite(decoded.samples).all()


@pytest.mark.parametrize("level", range(1, 13))
def test_every_rate_is_exact(codec: Codec, sound: Waveform, level: int) -> None:
    data = codec.encode(sound, kbps=0.375 * level)
    header = bitstream.parse_header(data)
    assert header.n_levels == level
    assert packets.payload_bits(data) == 8 * level * -(-sound.n_samples // 512)
    assert packets.payload_bits(data) / sound.duration_s == pytest.approx(375 * level, rel=0.005)


def test_more_levels_are_nearer(codec: Codec, sound: Waveform) -> None:
    mel = codec.vocoder.mel(torch.from_numpy(sound.samples))[:, :296]  # whole groups
    true = codec.vocoder.mel.compress(mel)
    errors = []
    for n_levels in range(1, 9):
        coarse = codec.mel_codec.decode(codec.mel_codec.encode(true, n_levels))
        errors.append(float((coarse - true).square().mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.8 * errors[0]


def test_same_bytes_and_seed_give_the_same_samples(codec: Codec, sound: Waveform) -> None:
    data = codec.encode(sound)
    assert data == codec.encode(sound)
    one, same = (codec.decode(data, nfe=2, temperature=1.0, seed=7).samples for _ in range(2))
    other = codec.decode(data, nfe=2, temperature=1.0, seed=8).samples
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


@pytest.mark.slow
def test_a_fresh_process_decodes_to_the_same_samples(
    codec: Codec, sound: Waveform, model_folder: Path, tmp_path: Path
) -> None:
    stream, target = tmp_path / "sound.fmac", tmp_path / "sound.npy"
    stream.write_bytes(codec.encode(sound))
    program = (
        "import sys, numpy, torch, flowmac; torch.set_num_threads(1);"
        "codec = flowmac.Codec.from_pretrained(sys.argv[1]);"
        "data = open(sys.argv[2], 'rb').read();"
        "numpy.save(sys.argv[3], codec.decode(data, nfe=4, temperature=0.5, seed=3).samples)"
    )
    subprocess.run([sys.executable, "-c", program, model_folder, stream, target], check=True)
    here = codec.decode(stream.read_bytes(), nfe=4, temperature=0.5, seed=3).samples
    assert np.abs(np.load(target) - here).max() < 1e-4  # thread counts may differ in the last bits


@pytest.mark.parametrize("options", [{}, {"refine": 1}, {"adaptive": True, "entropy": True}])
def test_blocks_and_whole_give_the_same_bytes(codec: Codec, options: dict[str, Any]) -> None:
    sound = make_sound(50.0)  # more than one segment
    assert sound.shape[1] > SEGMENT_FRAMES * 512
    blocks = [sound[:, i : i + 7777] for i in range(0, sound.shape[1], 7777)]
    assert codec.encode_blocks(blocks, codec.encode_settings(1.5, **options)) == codec.encode(
        Waveform(sound, RATE_HZ), 1.5, **options
    )


def test_segments_join_without_a_seam(codec: Codec) -> None:
    """Audio of a long stream equals that of the same sound decoded in one piece, up to rounding."""
    sound = make_sound(50.0)
    data = codec.encode(Waveform(sound, RATE_HZ))
    blocks = list(codec.decode_blocks(data, codec.decode_settings(nfe=0)))
    assert len(blocks) > 1
    joined = np.concatenate(blocks, axis=1)
    header, (bodies,) = packets.unpack(data)
    synthesis = Synthesis(codec.config, codec.mel_codec, codec.vocoder)
    mel = list(synthesis.mels(header, unpack_groups(header, bodies, None), 0, codec.decode_settings(nfe=0)))
    whole_mel = torch.cat(mel, dim=1).T[None]
    phase = synthesis.random(torch.rand, (1, 0, 0), 0, whole_mel.shape[1], 1025)
    with torch.inference_mode():
        whole = synthesis.vocoder(whole_mel, 2 * torch.pi * phase)[0, : sound.shape[1]].numpy()
    assert np.abs(joined[0] - whole).max() < 1e-4


def test_segments_of_any_length_give_the_same_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    released = Codec.from_pretrained("base")
    data = released.encode(Waveform(make_sound(30.0), RATE_HZ))
    dial: list[dict[str, Any]] = [{}, {"nfe": 8, "temperature": 1.0}]
    expected = [released.decode(data, **options).samples for options in dial]
    for n_frames in (256, 333, 1024):
        monkeypatch.setattr(streaming, "SEGMENT_FRAMES", n_frames)
        assert released.encode(Waveform(make_sound(30.0), RATE_HZ)) == data
        for options, samples in zip(dial, expected, strict=True):
            assert np.abs(released.decode(data, **options).samples - samples).max() < 1e-4


@pytest.mark.parametrize("options", [{}, {"refine": 1}, {"entropy": True}])
def test_channels_are_coded_apart(codec: Codec, options: dict[str, Any]) -> None:
    stereo = make_sound(2.0, n_channels=2)
    streams = [codec.encode(Waveform(samples, RATE_HZ), **options) for samples in (stereo, stereo[:1], stereo[1:])]
    both, first, second = (packets.unpack(stream)[1] for stream in streams)
    assert both == first + second


def test_each_channel_is_decoded_as_if_alone(codec: Codec) -> None:
    stereo = make_sound(2.0, n_channels=2)
    data = codec.encode(Waveform(stereo, RATE_HZ))
    mono = codec.encode(Waveform(stereo[:1], RATE_HZ))
    assert packets.payload_bits(data) == 2 * packets.payload_bits(mono)
    decoded = codec.decode(data)
    assert decoded.n_channels == 2
    assert np.allclose(decoded.samples[0], codec.decode(mono).samples[0], atol=1e-4)


def test_batches_of_any_composition_agree(codec: Codec) -> None:
    """Latents, coarse mel and flow of several sounds at once and of each alone."""
    mel_codec = codec.mel_codec
    sounds = torch.from_numpy(make_sound(3.0, seed=4, n_channels=3))
    mel = codec.vocoder.mel.compress(codec.vocoder.mel(sounds)[:, :136])
    noise = torch.randn(mel.shape, generator=torch.Generator().manual_seed(0))
    euler = codec.decode_settings().solver

    def decode(rows: slice) -> torch.Tensor:
        coarse = mel_codec.decode(mel_codec.encode(mel[rows], 8))
        return mel_codec.flow.sample(coarse, 8, noise[rows], euler, nfe=4, cfg=1.5)

    alone = torch.cat([decode(slice(i, i + 1)) for i in range(3)])
    for rows in (slice(0, 3), slice(0, 2), slice(1, 3)):
        torch.testing.assert_close(decode(rows), alone[rows], rtol=0, atol=1e-4)


def test_entropy_coding_changes_nothing_but_the_size(codec: Codec, sound: Waveform) -> None:
    plain, coded = codec.encode(sound), codec.encode(sound, entropy=True)
    assert np.array_equal(codec.decode(plain).samples, codec.decode(coded).samples)
    assert packets.payload_bits(coded) < packets.payload_bits(plain)


@pytest.mark.parametrize("entropy", [False, True])
@pytest.mark.parametrize("level", [2, 4, 8, 12])
def test_levels_by_need_keep_the_mean_rate_and_lower_the_error(
    codec: Codec, sound: Waveform, level: int, entropy: bool
) -> None:
    quiet_part = np.concatenate([sound.samples, 0.01 * sound.samples[:, ::-1]], axis=1)
    waveform = Waveform(quiet_part, RATE_HZ)
    data = codec.encode(waveform, 0.375 * level, adaptive=True, entropy=entropy)
    plain = codec.encode(waveform, 0.375 * level)
    step_bits = 8 * codec.config.latent.group_frames
    assert packets.payload_bits(data) <= (1.001 if entropy else 1) * packets.payload_bits(plain)
    if level < 12:  # with all levels in use there is none to give to the loud
        assert packets.payload_bits(data) > packets.payload_bits(plain) - 2 * step_bits - entropy * 0.01 * len(data) * 8
        assert latent_error(codec, waveform, data) < latent_error(codec, waveform, plain)


def test_further_levels_raise_the_rate_and_lower_the_error(codec: Codec, sound: Waveform) -> None:
    assert codec.rates_kbps[-1] == 4.5
    streams = [codec.encode(sound, kbps) for kbps in (3.0, 3.75, 4.5)]
    errors = [latent_error(codec, sound, data) for data in streams]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("entropy", [False, True])
def test_only_streams_with_further_levels_depend_on_them(
    codec: Codec, model_folder: Path, sound: Waveform, tmp_path: Path, entropy: bool
) -> None:
    plain, further = (codec.encode(sound, kbps, entropy=entropy) for kbps in (3.0, 3.75))
    shutil.copytree(model_folder, tmp_path / "model")
    (tmp_path / "model" / FURTHER_FILE).unlink()
    without = Codec.from_pretrained(tmp_path / "model")
    assert without.encode(sound, entropy=entropy) == plain
    assert np.array_equal(without.decode(plain).samples, codec.decode(plain).samples)
    with pytest.raises(BitstreamError, match="decode it with the model that made it"):
        without.decode(further)


def latent_error(codec: Codec, waveform: Waveform, data: bytes) -> float:
    header, (bodies,) = packets.unpack(data)
    codes = unpack_groups(header, bodies, codec.entropy_model)
    mel = codec.vocoder.mel.compress(codec.vocoder.mel(torch.from_numpy(waveform.samples)))
    n_groups = mel.shape[1] // 8  # whole ones
    latents = codec.mel_codec.autoencoder.encode(mel[:, : 8 * n_groups])[0]
    ordered = torch.from_numpy(codes.codes).unflatten(1, (-1, 8)).transpose(1, 2)[:n_groups]
    n_valid = torch.from_numpy(codes.n_levels)[:n_groups, None].expand(-1, 8)
    return float((codec.mel_codec.quantizer.decode(ordered, n_valid) - latents).square().mean())


def test_refinement_is_an_affair_of_the_encoder(codec: Codec, sound: Waveform) -> None:
    plain, refined = codec.encode(sound), codec.encode(sound, refine=2)
    assert refined != plain
    assert bitstream.parse_header(refined) == bitstream.parse_header(plain)
    assert np.isfinite(codec.decode(refined).samples).all()


def test_streams_with_options_need_the_same_entropy_model(codec: Codec, sound: Waveform) -> None:
    data = codec.encode(sound, entropy=True)
    assert codec.entropy_model is not None
    tensors = codec.entropy_model.tensors
    other = EntropyModel(**{**tensors, "classes": tensors["classes"][::-1].copy()})
    for model, words in ((None, "no entropy model"), (other, "decode it with the model that made it")):
        with pytest.raises(BitstreamError, match=words):
            Codec(codec.config, codec.mel_codec, codec.vocoder, "", model).decode(data)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 48000, 192000])
def test_other_sample_rates_are_resampled(codec: Codec, rate_hz: int) -> None:
    sound = Waveform(make_sound(1.0), RATE_HZ).resampled(rate_hz)
    assert codec.decode(codec.encode(sound)).n_samples == pytest.approx(RATE_HZ, abs=2)


def test_guidance_and_solvers_change_the_result_and_count(codec: Codec, sound: Waveform) -> None:
    data = codec.encode(sound, 1.5)
    plain = codec.decode(data, nfe=4, temperature=1.0).samples
    assert not np.allclose(plain, codec.decode(data, nfe=4, temperature=1.0, cfg=2.0).samples)
    assert not np.allclose(plain, codec.decode(data, nfe=4, temperature=1.0, solver="heun").samples)
    assert not np.allclose(plain, codec.decode(data, nfe=4, temperature=1.0, time_grid="early").samples)
    assert codec.n_evaluations(4) == 4
    assert codec.n_evaluations(4, 2.0) == 8
    assert codec.n_evaluations(0) == 0


def test_decoded_mels_are_what_the_vocoder_is_given(codec: Codec) -> None:
    sound = Waveform(make_sound(2.0, n_channels=2), RATE_HZ)
    settings = codec.decode_settings(nfe=0)
    data = codec.encode(sound)
    mels = codec.decode_mels(data, settings)
    assert mels.shape == codec.vocoder.mel(torch.from_numpy(sound.samples)).shape
    synthesis, n_bins = Synthesis(codec.config, codec.mel_codec, codec.vocoder), codec.config.mel.n_fft // 2 + 1
    phase = [synthesis.random(torch.rand, (PHASE, 0, channel), 0, mels.shape[1], n_bins) for channel in range(2)]
    samples = codec.vocoder(mels, 2 * torch.pi * torch.cat(phase))[:, : sound.n_samples]
    np.testing.assert_allclose(samples.numpy(), codec.decode(data, nfe=0).samples, atol=1e-4)


def test_bad_settings_say_what_is_possible(codec: Codec, sound: Waveform) -> None:
    with pytest.raises(SettingError, match=r"0\.375, 0\.75, "):
        codec.encode(sound, kbps=2.0)
    with pytest.raises(SettingError, match=r"at least 0\.75"):
        codec.encode(sound, kbps=0.375, adaptive=True)
    for options in ({"beam": 0}, {"refine": -1}):
        with pytest.raises(SettingError, match="beam must be"):
            codec.encode(sound, **options)
    with pytest.raises(CheckpointError, match="flowmac train entropy"):
        Codec(codec.config, codec.mel_codec, codec.vocoder, "").encode(sound, entropy=True)
    data = codec.encode(sound)
    bad_values = {"nfe": -1, "cfg": -0.5, "temperature": float("nan"), "solver": "rk5", "time_grid": "late", "seed": -1}
    for name, value in bad_values.items():
        with pytest.raises(SettingError):
            codec.decode(data, **{name: value})  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="multiple of 2"):
        codec.decode(data, nfe=3, solver="heun")


def test_six_channels_are_refused_with_advice(codec: Codec) -> None:
    with pytest.raises(AudioError, match=r"6 channels.*--mono"):
        codec.encode(Waveform(make_sound(0.5, n_channels=6), RATE_HZ))


def test_streams_of_other_codebooks_are_refused(codec: Codec, sound: Waveform) -> None:
    header, channels = packets.unpack(codec.encode(sound))
    foreign = bitstream.Header(**{**header.__dict__, "codebooks_id": b"xyz"})
    with pytest.raises(BitstreamError, match="78797a"):
        codec.decode(packets.pack(foreign, channels))
    forged = bitstream.Header(**{**header.__dict__, "group_frames": 4, "packet_groups": 12})
    with pytest.raises(BitstreamError, match="do not fit"):
        codec.decode(packets.pack(forged, channels))


def test_silence_stays_quiet(codec: Codec) -> None:
    decoded = codec.decode(codec.encode(Waveform(np.zeros((1, 24000), np.float32), RATE_HZ)), nfe=0)
    assert np.abs(decoded.samples).max() < 0.01


def test_public_names() -> None:
    for name in flowmac.__all__:
        assert getattr(flowmac, name) is not None
    assert set(flowmac.__all__) <= set(dir(flowmac))
    with pytest.raises(AttributeError):
        _ = flowmac.nothing
