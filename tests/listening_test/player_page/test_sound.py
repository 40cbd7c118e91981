"""What the player puts out, rendered offline in a real Chromium, sample by sample."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

RATE_HZ = 48_000
N_FADE = 240
WINDOW = 0.5 - 0.5 * np.cos(np.pi * (np.arange(N_FADE) + 0.5) / N_FADE)

Sound = npt.NDArray[np.float32]

# Tracks come as base64 of float32, shape (n_tracks, n_channels, n_frames).
RENDER = """async ({ bytes, shape, commands, nOut, repeats, script, name }) => {
  const all = new Float32Array(Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0)).buffer);
  const [nTracks, nChannels, nFrames] = shape;
  const tracks = Array.from({ length: nTracks }, (_, t) => Array.from({ length: nChannels }, (_, c) =>
    all.slice((t * nChannels + c) * nFrames, (t * nChannels + c + 1) * nFrames)));
  const context = new OfflineAudioContext(nChannels, nOut, 48000);
  await context.audioWorklet.addModule(script);
  const processorOptions = { tracks, commands, repeats };
  const options = { numberOfInputs: 0, outputChannelCount: [nChannels], processorOptions };
  const node = new AudioWorkletNode(context, name, options);
  if (name !== "scheduled") {
    node.port.postMessage(["load", tracks, repeats]);
    for (const [, ...command] of commands) node.port.postMessage(command);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  node.connect(context.destination);
  const buffer = await context.startRendering();
  const out = new Float32Array(nChannels * nOut);
  for (let c = 0; c < nChannels; c++) out.set(buffer.getChannelData(c), c * nOut);
  let text = "";
  const view = new Uint8Array(out.buffer);
  for (let n = 0; n < view.length; n += 32768) text += String.fromCharCode(...view.subarray(n, n + 32768));
  return btoa(text);
}"""


@pytest.fixture
def render(server: Any, page: Page) -> Any:
    """Renders ``tracks`` (n_tracks, n_channels, n_frames) with commands at frames; shape (n_channels, n_out)."""
    from listening_test.player.routes import version

    page.goto(server.url)

    def run(
        tracks: Sound, commands: list[list[Any]], n_out: int, repeats: bool = True, name: str = "scheduled"
    ) -> Sound:
        script = "/scheduled.js" if name == "scheduled" else f"/player/{version()}/worklet.js"
        request = {
            "bytes": base64.b64encode(tracks.astype("<f4").tobytes()).decode(), "shape": list(tracks.shape),
            "commands": commands, "nOut": n_out, "repeats": repeats, "script": script, "name": name,
        }  # fmt: skip
        return np.frombuffer(base64.b64decode(page.evaluate(RENDER, request)), "<f4").reshape(tracks.shape[1], n_out)

    return run


def noise(n_tracks: int, n_frames: int, n_channels: int = 1) -> Sound:
    whole = np.random.default_rng(7).integers(-20_000, 20_000, (n_tracks, n_channels, n_frames))
    return (whole / 32_768).astype(np.float32)


def test_switch_is_a_fade_out_and_a_fade_in_and_bit_exact_elsewhere(render: Any) -> None:
    tracks = noise(3, RATE_HZ, n_channels=2)
    out = render(tracks, [[0, "play"], [10_000, "select", 2], [20_003, "select", 1], [30_000, "pause"]], 32_000)
    gain = np.ones(32_000)
    which = np.zeros(32_000, int)
    gain[:N_FADE] = WINDOW
    for at, track in ((10_000, 2), (20_003, 1)):
        gain[at : at + N_FADE] = WINDOW[::-1]
        gain[at + N_FADE : at + 2 * N_FADE] = WINDOW
        which[at + N_FADE :] = track
    gain[30_000 : 30_000 + N_FADE] = WINDOW[::-1]
    gain[30_000 + N_FADE :] = 0
    heard = tracks[which, :, np.arange(32_000)].T
    assert np.array_equal(out, (gain * heard).astype(np.float32))
    is_faded = (gain != 1) & (gain != 0)
    assert is_faded.sum() == 6 * N_FADE
    assert np.array_equal(out[:, gain == 1], heard[:, gain == 1])


def test_stimuli_never_sound_together(render: Any) -> None:
    """One track has only even frames, the other only odd ones: who sounds can be seen in the sum."""
    tracks = np.full((2, 1, RATE_HZ), 0.5, np.float32)
    tracks[0, 0, 1::2] = 0
    tracks[1, 0, 0::2] = 0
    out = render(tracks, [[0, "play"], [5_000, "select", 1]], 10_000)[0]
    heard = np.flatnonzero(out)
    assert heard[heard % 2 == 0].max() < heard[heard % 2 == 1].min()


def test_thousand_random_switches_make_no_step(render: Any) -> None:
    n_tracks, n_frames, amplitude, pitch_hz = 4, 2 * RATE_HZ, 0.9, 300
    turn = 2 * np.pi * pitch_hz / RATE_HZ
    phases = np.arange(n_tracks)[:, None, None] * np.pi / 2
    tracks = (amplitude * np.sin(turn * np.arange(n_frames) + phases)).astype(np.float32)
    random = np.random.default_rng(3)
    at, commands = 0, [[0, "play"]]
    while len(commands) <= 1_000:
        at += int(random.choice([1, 20, 100, 239, 240, 241, 500, 700]))
        commands.append([at, "select", int(random.integers(n_tracks))])
    for frame in range(5_000, at, 9_000):
        commands += [[frame, "seek", int(random.integers(n_frames))], [frame + 300, "pause"], [frame + 400, "play"]]
        commands += [[frame + 2_000, "loop", *sorted(int(end) for end in random.integers(0, n_frames, 2))]]
    commands.sort(key=lambda command: command[0])
    out = render(tracks, commands, at + 1_000)[0].astype(float)
    steepest_fade = np.max(np.diff(WINDOW))
    assert np.max(np.abs(np.diff(out))) <= amplitude * (2 * np.sin(turn / 2) + steepest_fade) + 1e-6
    assert np.max(np.abs(out)) > 0.8


def test_switch_back_within_the_fade_turns_round(render: Any) -> None:
    tracks = np.stack([np.full((1, RATE_HZ), 0.5), np.full((1, RATE_HZ), -0.5)]).astype(np.float32)
    out = render(tracks, [[0, "play"], [5_000, "select", 1], [5_100, "select", 0]], 8_000)[0]
    assert np.all(out >= 0)
    assert np.allclose(out[5_099], 0.5 * WINDOW[140])
    assert np.allclose(out[5_100], 0.5 * WINDOW[140])
    assert np.array_equal(out[5_200:], np.full(2_800, np.float32(0.5)))


def test_loop_fades_at_both_ends_and_keeps_its_length(render: Any) -> None:
    start, end = 12_000, 40_000
    tracks = noise(1, RATE_HZ)
    out = render(tracks, [[0, "loop", start, end], [0, "seek", start], [0, "play"]], 3 * (end - start))[0]
    once = tracks[0, 0, start:end].astype(float)
    once[:N_FADE] *= WINDOW
    once[-N_FADE:] *= WINDOW[::-1]
    assert np.array_equal(out, np.tile(once.astype(np.float32), 3))
    assert WINDOW[0] < 1.1e-5


def test_loop_end_moved_past_the_playhead_fades_at_once(render: Any) -> None:
    tracks = np.full((1, 1, 2 * RATE_HZ), 0.5, np.float32)
    out = render(tracks, [[0, "play"], [60_000, "loop", 0, 48_000]], 80_000)[0]
    assert np.all(out[240:60_000] == 0.5)
    assert np.allclose(out[60_000:60_240], 0.5 * WINDOW[::-1])
    assert np.max(np.abs(np.diff(out))) < 0.5 * 0.0066


def test_loop_is_at_least_half_a_second(render: Any) -> None:
    tracks = noise(1, 2 * RATE_HZ)
    out = render(tracks, [[0, "loop", 24_000, 24_100], [0, "seek", 24_000], [0, "play"]], 72_000)[0]
    assert np.array_equal(out[:24_000], out[24_000:48_000])
    assert np.array_equal(out[N_FADE : 24_000 - N_FADE], tracks[0, 0, 24_000 + N_FADE : 48_000 - N_FADE])


def test_excerpt_that_does_not_repeat_ends_in_silence(render: Any) -> None:
    tracks = noise(1, RATE_HZ)
    out = render(tracks, [[0, "play"]], 60_000, repeats=False)[0]
    assert np.all(out[48_000:] == 0)
    assert np.array_equal(out[240 : 48_000 - 240], tracks[0, 0, 240 : 48_000 - 240])


def test_the_player_itself_is_bit_exact(render: Any) -> None:
    tracks = noise(2, RATE_HZ, n_channels=2)
    out = render(tracks, [[0, "select", 1], [0, "play"]], 40_000, name="listening-test-player")
    assert np.array_equal(out[:, N_FADE:], tracks[1, :, N_FADE:40_000])


def test_pcm_is_read_bit_for_bit(server: Any, page: Page) -> None:
    from listening_test.player.routes import version

    page.goto(server.url)
    random = np.random.default_rng(5)
    for n_bytes in (2, 3):
        whole = random.integers(-(2 ** (8 * n_bytes - 1)), 2 ** (8 * n_bytes - 1), (50, 2))
        whole[0] = -(2 ** (8 * n_bytes - 1))
        sound = whole / 2 ** (8 * n_bytes - 1)
        server.sounds["raw"] = server.wav(sound, n_bytes=n_bytes)
        read = page.evaluate(
            """async (scripts) => {
              const { readWav } = await import(`${scripts}/wav.js`);
              const { channels, sampleRate } = readWav(await (await fetch("/api/audio/raw")).arrayBuffer());
              return [sampleRate, channels.map((channel) => [...channel])];
            }""",
            f"/player/{version()}",
        )
        assert read[0] == RATE_HZ
        assert np.array_equal(np.array(read[1]).T, sound)
