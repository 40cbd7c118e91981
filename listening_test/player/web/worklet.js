// The player's sound, sample by sample. One counter of frames serves all stimuli, so they cannot drift apart.
//
// Any change that would be heard as a step (another stimulus, a jump, pause, the turn of the loop) waits behind a fade
// out and is followed by a fade in: raised cosines of 5 ms, one after the other, never across (ITU-R BS.1534-3, 5.3).
// Time goes on during the fades. The same class runs in the audio thread and, where there is none, in the page.

const FADE_S = 0.005;
const SHORTEST_LOOP_S = 0.5;

export class Mixer {
  /** @param {number} sampleRate of the tracks and of the output, in Hz. */
  constructor(sampleRate) {
    this.nFade = Math.round(FADE_S * sampleRate);
    this.shortestLoop = Math.round(SHORTEST_LOOP_S * sampleRate);
    this.window = Float64Array.from({ length: this.nFade }, (_, n) => 0.5 - 0.5 * Math.cos((Math.PI * (n + 0.5)) / this.nFade));
    this.level = 0; // steps up the window: 0 is silence, nFade is the stimulus as it is
    this.tracks = [];
    this.nFrames = 0;
    this.position = 0; // of the next frame
    this.track = 0;
    this.wantedTrack = 0;
    this.wantedPosition = null;
    this.isPlaying = false;
    this.isWanted = false;
    this.repeats = true;
    this.loopStart = 0;
    this.loopEnd = 0;
    this.onFade = () => {};
  }

  /** @param {Float32Array[][]} tracks one list of channels for each stimulus, all of equal length. */
  load(tracks, repeats = true) {
    this.tracks = tracks;
    this.repeats = repeats;
    this.nFrames = this.loopEnd = tracks[0][0].length;
  }

  select(track) {
    this.wantedTrack = track;
  }

  play() {
    this.isWanted = this.isPlaying = true;
  }

  pause() {
    this.isWanted = false;
  }

  seek(frame) {
    this.wantedPosition = Math.min(Math.max(Math.round(frame), this.loopStart), this.loopEnd - 1);
  }

  /** Repeats the frames from `start` up to before `end`; moved apart to half a second where they are closer. */
  loop(start, end) {
    const shortest = Math.min(this.shortestLoop, this.nFrames);
    this.loopStart = Math.min(Math.max(Math.round(start), 0), this.nFrames - shortest);
    this.loopEnd = Math.min(Math.max(Math.round(end), this.loopStart + shortest), this.nFrames);
  }

  /** Fills `output`, one array for each channel. */
  render(output) {
    const nFrames = output[0].length;
    for (let n = 0; n < nFrames; n++) {
      if (this.level === 0) this.settle();
      const gain = this.isPlaying ? this.step() : 0;
      const channels = this.tracks[this.track];
      for (let c = 0; c < output.length; c++) {
        output[c][n] = gain === 0 ? 0 : gain * channels[Math.min(c, channels.length - 1)][this.position];
      }
      if (this.isPlaying) this.position++;
    }
  }

  /** In silence: everything that waited takes place. */
  settle() {
    this.track = this.wantedTrack;
    if (this.wantedPosition !== null) {
      this.position = this.wantedPosition;
      this.wantedPosition = null;
    } else if (this.position < this.loopStart || this.position >= this.loopEnd) {
      if (!this.repeats && this.position >= this.loopEnd) this.isWanted = false;
      this.position = this.loopStart;
    }
    this.isPlaying = this.isWanted;
  }

  /** The gain of this frame. */
  step() {
    const left = this.loopEnd - this.position; // frames, this one included
    const isChange =
      this.track !== this.wantedTrack || this.wantedPosition !== null || !this.isWanted || this.position < this.loopStart;
    if (this.level > 0 && (isChange || left <= this.level)) {
      if (isChange && this.level === this.nFade) this.onFade();
      this.level--;
      return this.window[this.level];
    }
    if (this.level === this.nFade) return 1;
    // Not so far up that the way down would be too short.
    if (left > this.level + 1) this.level++;
    return this.level > 0 ? this.window[this.level - 1] : 0;
  }
}

const REPORT_FRAMES = 1024;
const LATE_MS = 60;

if (globalThis.AudioWorkletProcessor) {
  class Player extends AudioWorkletProcessor {
    constructor() {
      super();
      this.mixer = new Mixer(sampleRate);
      this.nextReport = 0;
      this.clock = null;
      this.mixer.onFade = () => this.report("fade");
      this.port.onmessage = ({ data: [name, ...values] }) => {
        this.mixer[name](...values);
        this.report(name);
      };
    }

    process(_, [output]) {
      const { mixer } = this;
      if (!mixer.tracks.length) return true;
      const wasPlaying = mixer.isPlaying;
      mixer.render(output);
      if (mixer.isPlaying) this.watch();
      else this.clock = null;
      if (wasPlaying !== mixer.isPlaying || (mixer.isPlaying && currentFrame >= this.nextReport)) this.report("position");
      return true;
    }

    report(reason) {
      const { position, track, isPlaying, isWanted } = this.mixer;
      this.nextReport = currentFrame + REPORT_FRAMES;
      this.port.postMessage({ reason, position, track, isPlaying, isWanted, frame: currentFrame });
    }

    /** A gap in the sound: the clock on the wall runs ahead of the frames made. */
    watch() {
      const aheadMs = Date.now() - (1000 * currentFrame) / sampleRate;
      this.clock = this.clock === null ? aheadMs : Math.min(this.clock + 0.001, aheadMs);
      if (aheadMs - this.clock > LATE_MS) {
        this.clock = aheadMs;
        this.report("underrun");
      }
    }
  }

  registerProcessor("listening-test-player", Player);
}
