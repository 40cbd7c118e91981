"""Short pieces, original or in the public domain, played by FluidSynth with the soundfont FluidR3 GM."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import mido

from benchmarks.demo.sounds import WORK_RATE_HZ, Samples, run_to_wav, without_edge_silence

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
TICKS_PER_BEAT = 480
#: Channel 10 of General MIDI, counted from 0: each note is another drum.
DRUM_CHANNEL = 9
KICK, SNARE, CLOSED_HAT, CRASH, MARACAS = 36, 38, 42, 49, 70
SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


@dataclass(frozen=True)
class Part:
    """One instrument.

    Attributes:
        program: General MIDI program, counted from 0; ignored for drums.
        notes: words ``pitches:beats``, such as ``C4+E4:1.5`` for a chord, ``r:1`` for a rest.
        velocity: 1 to 127.
    """

    program: int
    notes: str
    velocity: int = 90


@dataclass(frozen=True)
class Drums:
    """One drum: ``steps`` has a character for each quarter of a beat, ``x`` a stroke, ``o`` a soft one, ``.`` none."""

    key: int
    steps: str
    velocity: int = 100


def midi_key(pitch: str) -> int:
    """``C4`` is 60, ``F#4`` 66, ``Bb3`` 58."""
    letter, octave = pitch[0], int(pitch[-1])
    return 12 * (octave + 1) + SEMITONES[letter] + pitch.count("#") - pitch[1:].count("b")


def _events(part: Part | Drums) -> list[tuple[float, float, int, int]]:
    """Notes as (start, length, key, velocity), times in beats."""
    if isinstance(part, Drums):
        loudness = {"x": part.velocity, "o": part.velocity // 2}
        return [(i / 4, 0.25, part.key, loudness[step]) for i, step in enumerate(part.steps) if step in loudness]
    events, now = [], 0.0
    for word in part.notes.split():
        pitches, beats = word.split(":")
        if pitches != "r":
            events += [(now, float(beats), midi_key(pitch), part.velocity) for pitch in pitches.split("+")]
        now += float(beats)
    return events


def render(beats_per_minute: float, *parts: Part | Drums) -> Samples:
    """Play the parts together with the soundfont, at `WORK_RATE_HZ`."""
    midi = mido.MidiFile(ticks_per_beat=TICKS_PER_BEAT)
    for number, part in enumerate(parts):
        track = midi.add_track()
        track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(beats_per_minute)))
        channel = DRUM_CHANNEL if isinstance(part, Drums) else number
        if isinstance(part, Part):
            track.append(mido.Message("program_change", channel=channel, program=part.program))
        changes = []
        for start, length, key, velocity in _events(part):
            changes.append((start, 1, "note_on", key, velocity))
            changes.append((start + 0.98 * length, 0, "note_off", key, 0))
        now = 0
        for beat, _, kind, key, velocity in sorted(changes):
            tick = round(beat * TICKS_PER_BEAT)
            track.append(mido.Message(kind, channel=channel, note=key, velocity=velocity, time=tick - now))
            now = tick
    with tempfile.TemporaryDirectory() as folder:
        score = str(Path(folder) / "score.mid")
        midi.save(score)
        options = ["-n", "-i", "-q", "-g", "0.5", "-r", str(WORK_RATE_HZ), "-O", "float"]
        samples = run_to_wav(lambda wav: ["fluidsynth", *options, "-F", wav, str(SOUNDFONT), score])
    return without_edge_silence(samples)


def ode_to_joy() -> Samples:
    """Beethoven's theme for violin, viola, cello and double bass."""
    return render(
        132,
        Part(40, "F#5:1 F#5:1 G5:1 A5:1 A5:1 G5:1 F#5:1 E5:1 D5:1 D5:1 E5:1 F#5:1 F#5:1.5 E5:0.5 E5:3", 88),
        Part(41, "D4:2 E4:1 F#4:1 F#4:1 E4:1 D4:1 C#4:1 D4:1 B3:1 C#4:1 D4:1 D4:1.5 C#4:0.5 C#4:3", 78),
        Part(42, "A3:2 A3:2 D3:1 A3:1 B3:1 A3:1 F#3:1 G3:1 G3:1 A3:1 A3:2 A3:3", 84),
        Part(43, "D2:4 D2:2 G2:1 A2:1 B2:1 G2:1 E2:1 D2:1 A2:2 A1:3", 84),
    )


def band() -> Samples:
    """Drums, bass, electric piano and muted trumpet; an original riff in E minor."""
    return render(
        112,
        Drums(KICK, "x.....x.x..x....x.....x.x.x.....x.....x.x..x..o.x"),
        Drums(SNARE, "....x..o....x..o....x..o....x.xx....x..o....xxxx"),
        Drums(CLOSED_HAT, "x.xxx.x.x.xxx.xox.xxx.x.x.xxx.xox.xxx.x.x.xxx...", 80),
        Drums(CRASH, "x" + "." * 47 + "x", 90),
        Part(
            33, "E2:.75 E2:.75 G2:.5 A2:1 B2:.5 D3:.5 C2:.75 C2:.75 E2:.5 D2:1 F#2:1 E2:.75 E2:.75 G2:.5 A2:1 B2:1 E2:2"
        ),
        Part(4, "r:.5 E4+G4+B4+D5:1 E4+G4+B4+D5:2.5 r:.5 E4+G4+C5:1 D4+F#4+A4:2.5 r:.5 E4+G4+B4:1 F#4+A4+B4:2.5", 70),
        Part(59, "r:2 B4:.5 D5:.5 E5:1.5 G5:.5 F#5:.5 E5:1 D5:.5 B4:1.5 r:.5 G4:.5 A4:.5 B4:.5 D5:.5 E5:3", 96),
    )


def guitar_and_flute() -> Samples:
    """Greensleeves (England, 16th century) for flute, nylon guitar and glockenspiel."""
    return render(
        150,
        Part(73, "A4:1 C5:2 D5:1 E5:1.5 F5:.5 E5:1 D5:2 B4:1 G4:1.5 A4:.5 B4:1 C5:2 A4:1", 92),
        Part(
            24,
            "r:1 A2:.5 E3:.5 A3:.5 C4:.5 E4:.5 C4:.5 A2:.5 E3:.5 A3:.5 C4:.5 E4:.5 C4:.5 G2:.5 D3:.5 G3:.5 B3:.5 D4:.5 "
            "B3:.5 G2:.5 D3:.5 G3:.5 B3:.5 D4:.5 B3:.5 A2:.5 E3:.5 A3:.5 C4:.5 E4:1",
            84,
        ),
        Part(9, "r:4 E6:1 C6:1 A5:1 r:3 D6:1 B5:1 G5:1 A5+E6:3", 60),
    )


def prelude() -> Samples:
    """Piano, after the first harmonies of Bach's Prelude in C major, BWV 846."""
    chords = ["C4 E4 G4 C5 E5", "C4 D4 A4 D5 F5", "B3 D4 G4 D5 F5", "C4 E4 G4 C5 E5", "C4 E4 A4 E5 A5"]
    figures = []
    for chord in chords:
        low, second, *upper = chord.split()
        figures.append(" ".join(f"{pitch}:.25" for pitch in [low, second, *upper, *upper]))
    return render(84, Part(0, " ".join(figures), 80))


def marimba() -> Samples:
    """Marimba, pizzicato strings and a soft shaker; an original ostinato in G."""
    return render(
        104,
        Part(
            12, "G4:.5 B4:.5 D5:.5 B4:.5 E5:.5 D5:.5 B4:.5 A4:.5 G4:.5 C5:.5 E5:.5 C5:.5 D5:.5 A4:.5 F#4:.5 A4:.5 " * 2
        ),
        Part(45, "G2:1 D3:1 E3:1 B2:1 C3:1 G2:1 D3:1 D2:1 " * 2, 84),
        Drums(MARACAS, "xoxo" * 16, 70),
    )
