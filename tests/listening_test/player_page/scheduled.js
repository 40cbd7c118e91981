// The player's mixer in an audio thread, with commands at exact frames: [[frame, name, ...values], ...].
import { Mixer } from "/player/current/worklet.js";

class Scheduled extends AudioWorkletProcessor {
  constructor({ processorOptions: { tracks, commands, repeats } }) {
    super();
    this.mixer = new Mixer(sampleRate);
    this.mixer.load(tracks, repeats);
    this.commands = commands;
  }

  process(_, [output]) {
    for (let n = 0; n < output[0].length; n++) {
      while (this.commands.length && this.commands[0][0] === currentFrame + n) {
        const [, name, ...values] = this.commands.shift();
        this.mixer[name](...values);
      }
      this.mixer.render(output.map((channel) => channel.subarray(n, n + 1)));
    }
    return true;
  }
}

registerProcessor("scheduled", Scheduled);
