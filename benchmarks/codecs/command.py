"""Any codec with a command line: one template to encode, one to decode."""

from __future__ import annotations

import shlex
import shutil
import string
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pydantic

from benchmarks.codecs.base import CodecAdapter, CodecSettings, UnavailableError
from benchmarks.codecs.processes import ProgramError, run_program
from flowmac.audio import Waveform, read_audio, write_audio
from flowmac.errors import SettingError

_NEEDED = {"in", "out"}
_KNOWN = _NEEDED | {"kbps"}

T = TypeVar("T")


class CommandSettings(CodecSettings):
    """Two commands, and what the first is given.

    ``encode`` reads the WAV file ``{in}`` (16 bit) and writes the coded file ``{out}``; ``decode`` reads that file as
    ``{in}`` and writes a WAV file ``{out}``. Both may use ``{kbps}``. Words are split as by a shell, but no shell runs
    them: no pipes, no variables.

    ``title``: name in tables. ``kbps``: nominal rate. ``sample_rate_hz``: of the WAV file; the recording's own if left
    out. ``mono``: False hands over all channels. ``suffix``: of the coded file, for programs that go by it.
    ``timeout_s``: for each call.
    """

    title: str = pydantic.Field(min_length=1)
    encode: str
    decode: str
    kbps: float | None = pydantic.Field(default=None, gt=0)
    sample_rate_hz: int | None = pydantic.Field(default=None, ge=1000, le=768_000)
    mono: bool = True
    suffix: str = pydantic.Field(default=".bin", pattern=r"^\.[A-Za-z0-9.]+$")
    timeout_s: float = pydantic.Field(default=600, gt=0)


class Command(CodecAdapter):
    """An external program; the payload is all of the file that it writes, with whatever headers that has."""

    name = "command"
    summary = "any codec with a command line, by two commands that read and write files"
    licence = "MIT (of this adapter; the program has its own)"
    rates = "the program's"
    needs = "the program"
    timing = "wall"
    settings_model = CommandSettings
    settings: CommandSettings

    def __init__(self, settings: CommandSettings) -> None:
        super().__init__(settings)
        _check_template("encode", settings.encode, settings.kbps)
        _check_template("decode", settings.decode, settings.kbps)

    @property
    def label(self) -> str:
        """Title and rate."""
        return (
            self.settings.title if self.nominal_kbps is None else f"{self.settings.title} {self.nominal_kbps:g} kbit/s"
        )

    @property
    def nominal_kbps(self) -> float | None:
        """The rate that the commands are told."""
        return self.settings.kbps

    def encode(self, waveform: Waveform) -> bytes:
        """The coded file."""
        if self.settings.mono:
            waveform = waveform.mono()
        if self.settings.sample_rate_hz is not None:
            waveform = waveform.resampled(self.settings.sample_rate_hz)
        with tempfile.TemporaryDirectory() as folder:
            recording = Path(folder) / "recording.wav"
            write_audio(recording, waveform)
            return self._run(
                self.settings.encode, recording, Path(folder) / f"coded{self.settings.suffix}", Path.read_bytes
            )

    def decode(self, data: bytes) -> Waveform:
        """The audio of the file that the second command writes."""
        with tempfile.TemporaryDirectory() as folder:
            coded = Path(folder) / f"coded{self.settings.suffix}"
            coded.write_bytes(data)
            return self._run(self.settings.decode, coded, Path(folder) / "decoded.wav", read_audio)

    def payload_bits(self, data: bytes) -> int:
        """Bits of the file."""
        return 8 * len(data)

    def _run(self, template: str, source: Path, target: Path, read: Callable[[Path], T]) -> T:
        """What ``read`` makes of the file that the command wrote."""
        values = {"in": str(source), "out": str(target), "kbps": f"{self.settings.kbps or 0:g}"}
        command = [word.format_map(values) for word in shlex.split(template)]
        run_program(command, timeout_s=self.settings.timeout_s)
        if not target.is_file() or target.stat().st_size == 0:
            raise ProgramError(f"'{shlex.join(command)}' ended well but wrote no file {target.name}")
        return read(target)


def _check_template(key: str, template: str, kbps: float | None) -> None:
    """Refuse a command that could not work.

    Raises:
        SettingError: quotes are open, a placeholder is unknown or lacking, or the program is not here.
    """
    try:
        words = shlex.split(template)
        used = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise SettingError(f"'{key}' cannot be split into words ({error}): {template}") from None
    if used - _KNOWN:
        raise SettingError(
            f"'{key}' has the unknown placeholder {{{sorted(used - _KNOWN)[0]}}}; there are {{in}}, {{out}} and "
            "{kbps} (a brace that is meant as such is doubled)"
        )
    if _NEEDED - used:
        raise SettingError(f"'{key}' needs {{in}} and {{out}}, the files to read and to write, got: {template}")
    if "kbps" in used and kbps is None:
        raise SettingError(f"'{key}' uses {{kbps}}, but 'kbps' is not given")
    if shutil.which(words[0]) is None:
        raise UnavailableError(f"'{key}': there is no program '{words[0]}' here; install it or give its path")
