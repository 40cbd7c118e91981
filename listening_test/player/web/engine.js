// The sound output of a page and the player of a trial. Commands go to the audio thread; reports come back.

import { SoundError } from "./wav.js";
import { Mixer } from "./worklet.js";

// The size of the blocks where the page itself makes the sound: 11 ms at 48 kHz.
const N_BLOCK = 512;

/** One output for the whole session; browsers allow a page few of them. */
let output = null;

/** Opens or wakes the output. To be called from a click or a key first, as browsers demand. */
export async function openOutput(sampleRate) {
  if (!output || output.sampleRate !== sampleRate || output.state === "closed") {
    output?.close();
    try {
      output = new AudioContext({ sampleRate, latencyHint: "interactive" });
    } catch (error) {
      throw new SoundError("rate", `${sampleRate} Hz: ${error.message}`);
    }
    output.player = output.audioWorklet?.addModule(new URL("./worklet.js", import.meta.url));
  }
  // Not awaited for ever: without a gesture of the listener it would not return.
  if (output.state !== "running") await output.resume();
  await output.player;
  return output;
}

/** What an experimenter must know of the listener's device. */
export function deviceFacts(context) {
  return {
    sampleRate: context.sampleRate,
    baseLatency: context.baseLatency,
    outputLatency: context.outputLatency ?? null,
    maxChannelCount: context.destination.maxChannelCount,
    hasAudioWorklet: Boolean(context.audioWorklet),
    userAgent: navigator.userAgent,
    screen: `${screen.width}x${screen.height}`,
  };
}

/**
 * Plays one of several tracks at a shared position.
 *
 * Events: "change" (track, playing or not), "position", "latency" (detail: ms from request to the first faded sample),
 * "underrun", "fallback" (there is no audio thread for us: not a secure origin), "open" (detail: the AudioContext).
 */
export class Engine extends EventTarget {
  /** @param {Float32Array[][]} tracks a list of channels each; they are moved away on the first play. */
  constructor(tracks, sampleRate, repeats = true) {
    super();
    this.tracks = tracks;
    this.sampleRate = sampleRate;
    this.repeats = repeats;
    this.nFrames = tracks[0][0].length;
    this.current = 0;
    this.position = 0;
    this.isPlaying = false;
    this.loopStart = 0;
    this.loopEnd = this.nFrames;
    this.nSent = 0;
    this.nDone = 0;
    this.requestedAt = null;
    this.node = null;
    this.onHidden = () => document.hidden && this.pause();
    document.addEventListener("visibilitychange", this.onHidden);
  }

  async play() {
    this.isPlaying = true;
    this.emit("change");
    try {
      this.context = await openOutput(this.sampleRate);
      if (!this.node && this.tracks) this.open();
    } catch (error) {
      this.isPlaying = false;
      this.emit("change");
      throw error;
    }
    if (this.isPlaying) this.send("play");
  }

  pause() {
    if (!this.isPlaying) return;
    this.isPlaying = false;
    this.send("pause");
    this.emit("change");
  }

  select(track) {
    if (track === this.current) return;
    this.current = track;
    this.requestedAt = this.isPlaying && this.context ? this.context.currentTime : null;
    this.send("select", track);
    this.emit("change");
  }

  seek(frame) {
    this.position = Math.min(Math.max(Math.round(frame), this.loopStart), this.loopEnd - 1);
    this.send("seek", this.position);
    this.emit("position");
  }

  /** Repeats from frame `start` to before `end`. The caller sees to at least half a second. */
  loop(start, end) {
    this.loopStart = start;
    this.loopEnd = end;
    this.send("loop", start, end);
  }

  close() {
    document.removeEventListener("visibilitychange", this.onHidden);
    this.context?.removeEventListener("statechange", this.onState);
    this.isPlaying = false;
    // The fade out first, then the tracks go.
    this.send("pause");
    const node = this.node;
    setTimeout(() => node?.disconnect(), 50);
    this.node = this.tracks = null;
  }

  open() {
    const { context, tracks } = this;
    const nChannels = tracks[0].length;
    if (context.audioWorklet) {
      this.node = new AudioWorkletNode(context, "listening-test-player", {
        numberOfInputs: 0,
        outputChannelCount: [nChannels],
      });
      this.node.port.onmessage = ({ data }) => this.receive(data);
      this.post = (command, moved) => this.node?.port.postMessage(command, moved);
    } else {
      this.openInPage(nChannels);
      this.emit("fallback");
    }
    this.node.connect(context.destination);
    this.nSent = this.nDone = 0;
    this.send("load", tracks, this.repeats);
    this.tracks = null;
    this.send("loop", this.loopStart, this.loopEnd);
    this.send("seek", this.position);
    this.send("select", this.current);
    this.onState = () => context.state !== "running" && this.pause();
    context.addEventListener("statechange", this.onState);
    this.emit("open", context);
  }

  /** The same mixer in the page: the standard's fades hold, but a busy page may be heard. */
  openInPage(nChannels) {
    const mixer = new Mixer(this.sampleRate);
    this.node = this.context.createScriptProcessor(N_BLOCK, 1, nChannels);
    const report = (reason) => this.receive({ reason, ...mixer, frame: this.context.currentTime * this.sampleRate });
    mixer.onFade = () => report("fade");
    this.node.onaudioprocess = ({ outputBuffer }) => {
      if (!mixer.tracks.length) return;
      mixer.render(Array.from({ length: nChannels }, (_, c) => outputBuffer.getChannelData(c)));
      report("position");
    };
    this.post = ([name, ...values]) => {
      mixer[name](...values);
      report(name);
    };
  }

  send(name, ...values) {
    if (!this.node) return;
    this.nSent++;
    const moved = name === "load" ? values[0].flat().map((channel) => channel.buffer) : [];
    this.post([name, ...values], moved);
  }

  receive({ reason, position, isWanted, frame }) {
    if (reason === "underrun") this.emit("underrun");
    else if (reason === "fade") {
      if (this.requestedAt !== null) this.emit("latency", 1000 * (frame / this.sampleRate - this.requestedAt));
      this.requestedAt = null;
    } else if (reason !== "position") this.nDone++;
    // A report from before the last command says nothing of what is wanted now.
    if (this.nDone < this.nSent) return;
    this.position = position;
    this.emit("position");
    if (reason === "position" && this.isPlaying && !isWanted) {
      this.isPlaying = false;
      this.emit("change");
      this.emit("end");
    }
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
