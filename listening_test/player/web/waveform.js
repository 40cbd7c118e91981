// The waveform with the playhead and the two ends of the loop, which are real inputs: mouse, finger, keyboard and
// screen reader move them alike.

import { h } from "./dom.js";

const N_BINS = 400;
const STEP_S = 0.05;
export const SHORTEST_LOOP_S = 0.5;

const SVG = "http://www.w3.org/2000/svg";

/** The outline of the lowest and highest sample in each of N_BINS stretches, as an SVG path of height 2. */
function outline(channels) {
  const [first] = channels;
  const points = Array.from({ length: N_BINS }, (_, bin) => {
    let low = 0;
    let high = 0;
    const end = Math.floor(((bin + 1) * first.length) / N_BINS);
    for (let n = Math.floor((bin * first.length) / N_BINS); n < end; n++) {
      for (const channel of channels) {
        if (channel[n] < low) low = channel[n];
        else if (channel[n] > high) high = channel[n];
      }
    }
    return { low: Math.max(low, -1), high: Math.min(high, 1) };
  });
  const loudest = Math.max(0.001, ...points.map(({ low, high }) => Math.max(-low, high)));
  const line = (pick) => points.map((point, bin) => `${bin} ${(1 - pick(point) / loudest).toFixed(3)}`);
  return `M${line((point) => point.high).join("L")}L${line((point) => point.low).reverse().join("L")}Z`;
}

/**
 * @param {object} options channels of the sound to draw; sampleRate; t (texts); hasLoop; onSeek(frame);
 *   onLoop(start, end), frames.
 */
export class Waveform {
  constructor({ channels, sampleRate, t, hasLoop, onSeek, onLoop }) {
    Object.assign(this, { sampleRate, t, onLoop });
    this.durationS = channels[0].length / sampleRate;
    this.nFrames = channels[0].length;
    this.shortestS = Math.min(SHORTEST_LOOP_S, this.durationS);

    const picture = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", outline(channels));
    picture.setAttribute("viewBox", `0 0 ${N_BINS - 1} 2`);
    picture.setAttribute("preserveAspectRatio", "none");
    picture.setAttribute("aria-hidden", "true");
    picture.append(path);

    this.region = h("div", { class: "region" });
    this.playhead = h("div", { class: "playhead" });
    this.start = this.handle("loop_start", 0);
    this.end = this.handle("loop_end", this.durationS);
    this.time = h("span", { class: "time" });
    const drawing = h("div", { class: "drawing" }, picture, this.region, this.playhead);
    drawing.addEventListener("click", (event) => {
      const box = drawing.getBoundingClientRect();
      if (event.target !== this.start && event.target !== this.end) {
        onSeek(((event.clientX - box.left) / box.width) * this.nFrames);
      }
    });
    if (hasLoop) drawing.append(this.start, this.end);
    this.element = h("div", { class: "waveform", role: "group", "aria-label": t("waveform") }, drawing,
      h("div", { class: "under" }, this.time,
        hasLoop ? h("button", { type: "button", class: "small", onclick: () => this.setLoop(0, this.durationS) }, t("loop_all")) : null));
    this.stepS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0.25 : 0;
    this.shownS = -1;
    this.mark();
    this.showPosition(0);
  }

  handle(name, valueS) {
    return h("input", {
      type: "range", class: `handle ${name}`, min: 0, max: this.durationS, step: "any", value: valueS,
      "aria-label": this.t(name), oninput: () => this.moved(name === "loop_start"),
      onkeydown: (event) => this.key(event, name === "loop_start"),
    });
  }

  key(event, isStart) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -1e6, End: 1e6 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const handle = isStart ? this.start : this.end;
    handle.value = Number(handle.value) + steps[event.key] * STEP_S;
    this.moved(isStart);
  }

  moved(isStart) {
    const startS = Number(this.start.value);
    const endS = Number(this.end.value);
    if (isStart) this.setLoop(Math.min(startS, endS - this.shortestS), endS);
    else this.setLoop(startS, Math.max(endS, startS + this.shortestS));
  }

  setLoop(startS, endS) {
    startS = Math.min(Math.max(startS, 0), this.durationS - this.shortestS);
    endS = Math.min(Math.max(endS, startS + this.shortestS), this.durationS);
    this.start.value = startS;
    this.end.value = endS;
    this.mark();
    this.onLoop(Math.round(startS * this.sampleRate), Math.round(endS * this.sampleRate));
  }

  /** Puts one end of the loop at the playhead. */
  setLoopHere(isStart, frame) {
    const hereS = frame / this.sampleRate;
    const startS = Number(this.start.value);
    const endS = Number(this.end.value);
    if (isStart) this.setLoop(hereS, Math.max(endS, hereS + this.shortestS));
    else this.setLoop(Math.min(startS, hereS - this.shortestS), hereS);
  }

  mark() {
    const startS = Number(this.start.value);
    const endS = Number(this.end.value);
    this.region.style.left = `${(100 * startS) / this.durationS}%`;
    this.region.style.right = `${100 - (100 * endS) / this.durationS}%`;
    for (const handle of [this.start, this.end]) {
      handle.setAttribute("aria-valuetext", this.t("seconds", { time: Number(handle.value).toFixed(2) }));
    }
  }

  showPosition(frame) {
    const hereS = frame / this.sampleRate;
    // Those who want less motion get a playhead that moves four times a second.
    if (Math.abs(hereS - this.shownS) < this.stepS) return;
    this.shownS = hereS;
    this.playhead.style.left = `${(100 * frame) / this.nFrames}%`;
    this.time.textContent = this.t("time", { time: hereS.toFixed(1), duration: this.durationS.toFixed(1) });
  }
}
