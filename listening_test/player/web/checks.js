// Before the test: a noise to set the level by, and whether each ear gets its own channel.

import { h, translator } from "./dom.js";
import { openOutput } from "./engine.js";
import { readWav } from "./wav.js";

const SAMPLE_RATE = 48000;
const N_TRIALS = 6;
const N_INTERVALS = 3;
const FADE_S = 0.02;

/** One sound at a time through the output of the player; nothing is done to its level. */
class Speaker {
  async play(url, { isLoop = false, onEnd = () => {} } = {}) {
    this.stop();
    const context = await openOutput(SAMPLE_RATE);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${response.status}`);
    const { channels } = readWav(await response.arrayBuffer());
    const buffer = context.createBuffer(channels.length, channels[0].length, SAMPLE_RATE);
    channels.forEach((channel, c) => buffer.copyToChannel(channel, c));
    this.gain = new GainNode(context, { gain: 1 });
    this.source = new AudioBufferSourceNode(context, { buffer, loop: isLoop });
    this.source.onended = onEnd;
    this.source.connect(this.gain).connect(context.destination);
    this.source.start();
  }

  stop() {
    if (!this.source) return;
    const { context } = this.source;
    this.gain.gain.setTargetAtTime(0, context.currentTime, FADE_S / 4);
    this.source.onended = null;
    this.source.stop(context.currentTime + FADE_S);
    this.source = null;
  }
}

class Check {
  constructor(root, data, trigger) {
    Object.assign(this, { data, trigger });
    this.t = translator(data.texts);
    this.speaker = new Speaker();
    this.notice = h("p", { class: "notice", role: "alert", hidden: true });
    this.element = h("section", { class: "player check" });
    root.append(this.element);
    this.build();
  }

  async sound(name, options) {
    try {
      this.notice.hidden = true;
      await this.speaker.play(`${this.data.checks}/${name}.wav`, options);
      return true;
    } catch {
      this.notice.hidden = false;
      this.notice.textContent = this.t("no_output");
      return false;
    }
  }

  unmount() {
    this.speaker.stop();
    this.element.remove();
  }
}

/** Noise on the left, the right and both sides, until the listener has set the level. */
export class LevelCheck extends Check {
  build() {
    const { t } = this;
    const sides = ["left", "right", "both"].map((side) =>
      h("button", { type: "button", class: "sound", "aria-pressed": "false", onclick: (event) => this.toggle(side, event.currentTarget) },
        h("span", { class: "label" }, t(`level_${side}`)), h("span", { class: "sign", "aria-hidden": "true" })));
    this.sides = sides;
    this.done = h("button", { type: "button", class: "main next", disabled: true, onclick: () => {
      this.speaker.stop();
      this.trigger("done", true);
    } }, t("level_done"));
    this.element.append(
      h("div", { class: "instructions" }, h("p", {}, t("level_instruct")), h("p", {}, t("level_keep"))),
      h("div", { class: "sounds" }, ...sides), this.notice, h("footer", {}, this.done));
  }

  async toggle(side, button) {
    const isStop = button.getAttribute("aria-pressed") === "true";
    if (isStop) this.speaker.stop();
    else if (!(await this.sound(side, { isLoop: true }))) return;
    for (const other of this.sides) {
      const isPlaying = other === button && !isStop;
      other.setAttribute("aria-pressed", isPlaying);
      other.classList.toggle("current", isPlaying);
      other.querySelector(".sign").textContent = isPlaying ? "▶" : "";
    }
    this.done.disabled = false;
  }
}

/** Six times: which of three noises has the tone? */
export class HeadphoneCheck extends Check {
  build() {
    const { t } = this;
    this.answers = [];
    this.title = h("p", { class: "progress", role: "status" });
    this.play = h("button", { type: "button", class: "main play", onclick: () => this.listen() }, t("headphones_play"));
    this.buttons = Array.from({ length: N_INTERVALS }, (_, n) =>
      h("button", { type: "button", class: "sound", disabled: true, onclick: () => this.answer(n) },
        h("span", { class: "label" }, t("headphones_choice", { n: n + 1 }))));
    this.element.append(h("div", { class: "instructions" }, h("p", {}, t("headphones_instruct"))), this.title, this.play,
      h("fieldset", { class: "choices" }, h("legend", {}, t("headphones_question")), h("div", { class: "sounds" }, ...this.buttons)),
      this.notice);
    this.show();
  }

  show() {
    this.title.textContent = this.t("headphones_progress", { n: this.answers.length + 1, of: N_TRIALS });
    this.buttons.forEach((button) => (button.disabled = true));
    this.play.disabled = false;
  }

  async listen() {
    this.play.disabled = true;
    const name = `headphones-${this.data.check}-${this.answers.length}`;
    const onEnd = () => {
      this.play.disabled = false;
      this.buttons.forEach((button) => (button.disabled = false));
      this.buttons[0].focus();
    };
    if (!(await this.sound(name, { onEnd }))) this.play.disabled = false;
  }

  answer(interval) {
    this.speaker.stop();
    this.answers.push(interval);
    if (this.answers.length < N_TRIALS) {
      this.show();
      this.play.focus();
      return;
    }
    this.buttons.concat(this.play).forEach((button) => (button.disabled = true));
    this.trigger("done", this.answers);
  }
}
