"""The two general adapters: external commands, and files decoded elsewhere."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.codecs.command import Command, CommandSettings
from benchmarks.codecs.precomputed import Precomputed, PrecomputedSettings
from benchmarks.codecs.processes import ProgramError, run_program
from flowmac.audio import Waveform
from flowmac.errors import AudioError, BitstreamError, FlowMACError, SettingError

from .conftest import babble

#: A codec of its own: the encoder keeps as many bytes a second as {kbps} asks for, the decoder makes audio of them.
ENCODER = """
import sys, soundfile
source, target, kbps = sys.argv[1:]
samples, rate = soundfile.read(source, dtype="int16", always_2d=True)
n_bytes = round(len(samples) / rate * float(kbps) * 1000 / 8)
step = len(samples) / n_bytes
open(target, "wb").write(bytes(int(samples[int(i * step), 0]) // 256 + 128 for i in range(n_bytes)))
"""
DECODER = """
import sys, numpy, soundfile
source, target = sys.argv[1:]
coded = numpy.frombuffer(open(source, "rb").read(), "u1")
soundfile.write(target, (coded.astype("f4") - 128) / 128, 8000)
"""


@pytest.fixture
def scripts(tmp_path: Path) -> tuple[str, str]:
    """Templates of the codec above, in a folder whose name has a blank."""
    folder = tmp_path / "my codec"
    folder.mkdir()
    (folder / "encode.py").write_text(ENCODER)
    (folder / "decode.py").write_text(DECODER)
    python, encoder, decoder = (
        shlex.quote(str(x)) for x in (sys.executable, folder / "encode.py", folder / "decode.py")
    )
    return f"{python} {encoder} {{in}} {{out}} {{kbps}}", f"{python} {decoder} {{in}} {{out}}"


def command(encode: str, decode: str = "cp {in} {out}", **settings: object) -> Command:
    return Command(CommandSettings.model_validate({"title": "Mine", "encode": encode, "decode": decode, **settings}))


def test_command_codes_and_counts_its_file(scripts: tuple[str, str]) -> None:
    encoder, decoder = (command(*scripts, kbps=64.0, sample_rate_hz=8000) for _ in range(2))
    waveform = Waveform(np.stack([babble(1.0), babble(1.0)]), 24000)
    data = encoder.encode(waveform)
    assert encoder.payload_bits(data) == 8 * len(data) == 64000
    assert encoder.label == "Mine 64 kbit/s"
    assert encoder.nominal_kbps == 64
    assert encoder.timing == "wall"
    decoded = decoder.decode(data)
    reference = waveform.mono().resampled(8000).samples
    assert np.abs(decoded.samples - reference).max() < 2 / 128
    np.testing.assert_array_equal(decoder.decode(data).samples, decoded.samples)


def test_command_hands_over_channels_and_rate_as_they_are() -> None:
    copy = command("cp {in} {out}", mono=False)
    waveform = Waveform(np.stack([babble(0.1), babble(0.1, seed=1)]), 44100)
    decoded = copy.decode(copy.encode(waveform))
    assert decoded.sample_rate_hz == 44100
    np.testing.assert_allclose(decoded.samples, waveform.samples, atol=2**-15)


def test_no_shell_reads_the_command() -> None:
    with pytest.raises(ProgramError, match="cp"):
        command("cp {in} {out} ; touch pwned").encode(Waveform(babble(0.1)[np.newaxis], 24000))
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encode": "cp {in} {output}"}, r"unknown placeholder \{output\}; there are \{in\}, \{out\} and \{kbps\}"),
        ({"encode": "cp {in} x"}, r"'encode' needs \{in\} and \{out\}"),
        ({"encode": "cp {in} {out} {kbps}"}, "'kbps' is not given"),
        ({"encode": "cp '{in} {out}"}, "cannot be split into words"),
        ({"encode": "cp {in} {out"}, "cannot be split into words"),
        ({"encode": "a-program-nobody-has {in} {out}"}, "there is no program 'a-program-nobody-has' here"),
        ({"encode": ""}, r"needs \{in\} and \{out\}"),
    ],
)
def test_commands_that_cannot_work_are_refused_at_once(settings: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        command(**settings)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('bad header', file=sys.stderr); sys.exit(3)", "ended with status 3: bad header"),
        ("sys.stderr.write('x' * 9999 + 'the end'); sys.exit(1)", r"status 1: \.\.\.x{493}the end$"),
        ("sys.exit(1)", "status 1: it said nothing"),
        ("pass", "ended well but wrote no file coded.bin"),
        ("open(sys.argv[2], 'w')", "ended well but wrote no file coded.bin"),
    ],
)
def test_a_failing_command_says_why(program: str, message: str) -> None:
    failing = command(f"{sys.executable} -c {shlex.quote('import sys; ' + program)} {{in}} {{out}}")
    with pytest.raises(ProgramError, match=message):
        failing.encode(Waveform(babble(0.1)[np.newaxis], 24000))


def test_a_decoder_that_writes_no_audio_is_told() -> None:
    with pytest.raises(AudioError, match="cannot be read as audio"):
        command("cp {in} {out}").decode(b"no audio")


def test_a_slow_command_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    start_s = time.perf_counter()
    with pytest.raises(ProgramError, match=r"took longer than 0\.2 s and was stopped"):
        run_program(["sh", "-c", f"(sleep 1; touch {mark}) & wait"], timeout_s=0.2)
    assert time.perf_counter() - start_s < 0.9
    time.sleep(max(0.0, 1.3 - (time.perf_counter() - start_s)))
    assert not mark.exists()
    with pytest.raises(ProgramError, match="cannot be started"):
        run_program([str(tmp_path / "nothing")])


@pytest.fixture
def decoded_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "decoded"
    (folder / "de").mkdir(parents=True)
    soundfile.write(folder / "speech_a.wav", babble(1.0, seed=1), 24000, subtype="FLOAT")
    soundfile.write(folder / "de" / "speech_b.v2.flac", babble(1.5, seed=2), 24000)
    return folder


def precomputed(folder: Path, **settings: object) -> Precomputed:
    values = {"title": "Theirs", "folder": str(folder), "kbps": 2.0, **settings}
    return Precomputed(PrecomputedSettings.model_validate(values))


def test_precomputed_files_are_found_by_clip_id(decoded_folder: Path) -> None:
    encoder, decoder = precomputed(decoded_folder), precomputed(decoded_folder)
    reference = Waveform(babble(1.0)[np.newaxis], 24000)
    data = encoder.encode_clip(reference, "speech_a")
    np.testing.assert_array_equal(decoder.decode(data).samples[0], babble(1.0, seed=1))
    assert decoder.decode(encoder.encode_clip(reference, "de/speech_b.v2")).n_samples == 36000
    assert encoder.payload_bits(data) == 2000
    assert encoder.label == "Theirs 2 kbit/s, declared"
    assert encoder.timing == "none"
    with pytest.raises(SettingError, match="encode_clip"):
        encoder.encode(reference)


def test_sizes_of_coded_files_count_where_they_are_given(decoded_folder: Path, tmp_path: Path) -> None:
    streams = tmp_path / "streams"
    streams.mkdir()
    (streams / "speech_a.bit").write_bytes(bytes(300))
    adapter = precomputed(decoded_folder, streams=str(streams))
    reference = Waveform(babble(1.0)[np.newaxis], 24000)
    assert adapter.payload_bits(adapter.encode_clip(reference, "speech_a")) == 2400
    assert adapter.label == "Theirs 2 kbit/s"
    with pytest.raises(AudioError, match=r"no file for the clip 'de/speech_b\.v2'"):
        adapter.encode_clip(reference, "de/speech_b.v2")


def test_precomputed_says_what_is_wrong(decoded_folder: Path, tmp_path: Path) -> None:
    reference = Waveform(babble(1.0)[np.newaxis], 24000)
    adapter = precomputed(decoded_folder)
    before = adapter.weights_sha256
    data = adapter.encode_clip(reference, "speech_a")
    with pytest.raises(AudioError, match=r"no file for the clip 'speech_c', expected one, such as speech_c\.wav"):
        adapter.encode_clip(reference, "speech_c")
    soundfile.write(decoded_folder / "speech_a.wav", babble(1.0, seed=3), 24000, subtype="FLOAT")
    with pytest.raises(BitstreamError, match="changed"):
        adapter.decode(data)
    assert precomputed(decoded_folder).weights_sha256 != before
    soundfile.write(decoded_folder / "speech_a.flac", babble(1.0), 24000)
    with pytest.raises(AudioError, match="2 files for the clip"):
        adapter.encode_clip(reference, "speech_a")
    (tmp_path / "empty").mkdir()
    for folder, message in (("absent", "no such folder"), ("empty", "has no decoded files")):
        with pytest.raises(SettingError, match=message):
            precomputed(tmp_path / folder)


def test_errors_of_programs_are_of_the_one_family() -> None:
    assert issubclass(ProgramError, FlowMACError)
