// A trial: loading, the sound, what all methods share on the page, and the way to the next one.

import { category } from "./category.js";
import { h, translator } from "./dom.js";
import { Engine, deviceFacts } from "./engine.js";
import { listenToKeys } from "./keyboard.js";
import { keepOnly, prefetch, take } from "./loader.js";
import { mushra } from "./mushra.js";
import { pair } from "./pair.js";
import { openSaver } from "./saver.js";
import { SoundError } from "./wav.js";
import { Waveform } from "./waveform.js";

const LOOP_EVENT_MS = 500;

const METHODS = { mushra, abx: pair, ab: pair, acr: category, dcr: category };
const REFUSALS = { 401: "refused_link", 403: "refused_link", 409: "refused_closed" };

let areFactsSent = false;

export class Trial {
  /** @param {(name: string, value: any) => void} trigger tells the server's script */
  constructor(root, data, trigger) {
    Object.assign(this, { root, data, trigger });
    this.t = translator(data.texts);
    this.sounds = data.stimuli.map(({ id, label }) => ({ id, label, name: this.t("stimulus", { label }) }));
    if (data.reference) this.sounds.unshift({ id: data.reference, label: "0", name: this.t("reference") });
    this.answers = new Map(Object.entries(data.answers));
    this.heard = new Set(data.played);
    this.buttons = [];
    this.isClosed = false;
    this.saving = h("p", { class: "saving", role: "status" });
    this.live = h("p", { class: "unseen", role: "status" });
    this.notice = h("p", { class: "notice", hidden: true });
    this.body = h("div", { class: "body" });
    this.element = h("section", { class: "player", }, this.header(), this.notice, this.body, this.live);
    root.append(this.element);
    this.stopKeys = () => {};
    this.start();
  }

  header() {
    const { t } = this;
    const { progress, isTraining } = this.data;
    const text = t(isTraining ? "training_progress" : "progress", progress);
    return h("header", {},
      h("div", { class: "progress" }, h("span", {}, text),
        h("progress", { max: progress.of, value: progress.trial - 1, "aria-label": text })),
      this.saving);
  }

  async start() {
    this.saver = await openSaver(this.data);
    if (this.isClosed) return;
    this.onSave = () => this.showSaving();
    this.saver.addEventListener("state", this.onSave);
    this.showSaving();
    // What a page before could not send is newer than what the server knows.
    for (const { stimulus, value } of this.saver.unsent(this.data.trial)) {
      if (this.data.method === "abx" || this.data.method === "ab") this.answers.clear();
      this.answers.set(stimulus, value);
    }
    this.load();
  }

  async load() {
    const { t } = this;
    const bar = h("progress", { max: 1, value: 0, "aria-label": t("loading") });
    this.body.replaceChildren(h("p", { class: "loading" }, t("loading")), bar);
    const ids = this.sounds.map((sound) => sound.id);
    const { prefetch: ahead = [], sampleRate } = this.data;
    const url = (id) => `${this.data.api}/audio/${encodeURIComponent(id)}?t=${encodeURIComponent(this.data.token)}`;
    keepOnly([...ids, ...ahead]);
    try {
      const tracks = await take(ids, url, { sampleRate, onProgress: (share) => (bar.value = share) });
      if (this.isClosed) return;
      this.open(tracks);
      prefetch(ahead, url);
    } catch (error) {
      if (this.isClosed) return;
      this.event("error", { value: `load: ${error.message}`.slice(0, 200) });
      this.body.replaceChildren(
        h("p", { class: "alert", role: "alert" }, t(`load_failed_${error instanceof SoundError ? error.reason : "network"}`)),
        h("button", { type: "button", class: "main", onclick: () => this.load() }, t("retry")));
    }
  }

  /** The sounds are here: builds the page. */
  open(tracks) {
    const { t, data } = this;
    const isCategory = data.method === "acr" || data.method === "dcr";
    this.waveform = new Waveform({
      channels: tracks[0], sampleRate: data.sampleRate, t, hasLoop: !isCategory,
      onSeek: (frame) => this.seek(frame),
      onLoop: (start, end) => this.loop(start, end),
    });
    this.engine = new Engine(tracks, data.sampleRate, !isCategory);
    this.engine.addEventListener("change", () => this.update());
    this.engine.addEventListener("position", () => this.waveform.showPosition(this.engine.position));
    this.engine.addEventListener("underrun", () => this.event("underrun"));
    this.engine.addEventListener("fallback", () => {
      this.event("fallback");
      this.show(t("no_worklet"));
    });
    this.engine.addEventListener("open", ({ detail }) => this.sendFacts(detail));

    this.playButton = h("button", { type: "button", class: "main play", onclick: () => this.toggle() });
    this.method = METHODS[data.method](this);
    this.missing = h("div", { class: "missing", role: "alert" });
    this.next = h("button", { type: "button", class: "main next", onclick: () => this.goOn() }, t(data.isLast ? "finish" : "next"));
    const instructions = [data.isTraining ? t("training_note") : "", ...this.method.instructions].filter(Boolean);
    this.body.replaceChildren(
      h("div", { class: "instructions" }, ...instructions.map((text) => h("p", {}, text))),
      h("div", { class: "transport" }, this.playButton, data.reference ? this.soundButton(0) : null, this.waveform.element),
      this.method.element,
      h("footer", {}, this.missing, this.next),
      this.keyHelp());
    this.stopKeys = listenToKeys(this.root, (key, target) => this.key(key, target));
    this.update();
  }

  /** A button that plays the sound `index`; pressed again, it pauses. Marked by a sign and words, not by colour alone. */
  soundButton(index) {
    const { label, name } = this.sounds[index];
    const text = label === "0" ? name : label;
    const button = h("button", { type: "button", class: "sound", "data-stimulus": label, onclick: () => this.choose(index) },
      h("span", { class: "label" }, text), h("span", { class: "sign", "aria-hidden": "true" }));
    this.buttons[index] = button;
    return button;
  }

  choose(index) {
    if (index === this.engine.current) return this.toggle();
    this.engine.select(index);
    if (!this.engine.isPlaying) this.play();
    // While the output is still opening, only the last one chosen will be heard.
    else if (this.engine.node) this.heardNow("switch");
  }

  toggle() {
    if (!this.engine.isPlaying) return this.play();
    this.engine.pause();
    this.event("pause", { stimulus: this.current.id });
  }

  async play() {
    try {
      await this.engine.play();
      if (this.engine.isPlaying) this.heardNow("play");
    } catch (error) {
      this.event("error", { value: `output: ${error.message}`.slice(0, 200) });
      this.show(this.t("no_output"));
    }
  }

  heardNow(kind) {
    this.heard.add(this.current.id);
    this.event(kind, { stimulus: this.current.id });
    this.update();
  }

  seek(frame) {
    this.engine.seek(frame);
    this.event("seek");
  }

  loop(start, end) {
    this.engine.loop(start, end);
    clearTimeout(this.loopTimer);
    this.loopTimer = setTimeout(() => this.event("loop", { value: end, position: start }), LOOP_EVENT_MS);
  }

  get current() {
    return this.sounds[this.engine.current];
  }

  /** An answer of the listener; not final while a slider is still moving. */
  answer(id, value, isFinal = true) {
    this.answers.set(id, value);
    const change = { kind: "answer", trial: this.data.trial, stimulus: id, value, position: this.engine.position };
    if (isFinal) this.saver.put(change);
    else this.saver.putSoon(change);
    if (this.missing.childElementCount) this.showMissing();
  }

  /** For the experimenter: what was heard when, and what went wrong. */
  event(name, { stimulus = null, value = null, position = this.engine?.position ?? null } = {}) {
    this.saver.put({ kind: "event", trial: this.data.trial, stimulus, name, value, position });
  }

  update() {
    const { t, engine } = this;
    this.playButton.textContent = t(engine.isPlaying ? "pause" : "play");
    this.playButton.dataset.playing = engine.isPlaying;
    this.buttons.forEach((button, index) => {
      const isCurrent = index === engine.current;
      const isPlaying = isCurrent && engine.isPlaying;
      button.classList.toggle("current", isCurrent);
      button.setAttribute("aria-pressed", isPlaying);
      button.setAttribute("aria-label", t(isPlaying ? "sound_playing" : "sound_play", { name: this.sounds[index].name }));
      button.querySelector(".sign").textContent = isPlaying ? "▶" : this.heard.has(this.sounds[index].id) ? "✓" : "";
    });
    this.method.update();
    const said = engine.isPlaying ? t("sound_playing", { name: this.current.name }) : "";
    if (this.live.textContent !== said) this.live.textContent = said;
  }

  key(key, target) {
    const isHandle = target.classList?.contains("handle");
    if (this.method.key(key, target, isHandle)) return true;
    const isReference = key === "0" && this.data.reference;
    if (key === " ") this.toggle();
    else if (isReference) this.focusAndChoose(0);
    else if (key === "n" || key === "p") {
      const n = this.sounds.length;
      this.focusAndChoose((this.engine.current + (key === "n" ? 1 : n - 1)) % n);
    } else if (key === "s" || key === "e") this.waveform.setLoopHere(key === "s", this.engine.position);
    else if (key === "w") this.waveform.setLoop(0, Infinity);
    else return false;
    return true;
  }

  /** By key: plays the sound, and takes the focus along, so that a screen reader tells of it. */
  focusAndChoose(index) {
    if (index !== this.engine.current || !this.engine.isPlaying) this.choose(index);
    if (!this.method.focus?.(index)) this.buttons[index]?.focus();
  }

  keyHelp() {
    const { t } = this;
    const rows = [[t("key_space"), t("key_space_does")], ...this.method.keys, ["n, p", t("key_neighbours_does")]];
    if (this.data.method !== "acr" && this.data.method !== "dcr") rows.push(["s, e, w", t("key_loop_does")]);
    return h("aside", { class: "keys", "aria-label": t("keys_title") }, h("strong", {}, t("keys_title")),
      h("dl", {}, ...rows.map(([key, does]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)))));
  }

  lacking() {
    const { t, data } = this;
    const notHeard = data.rules.mustPlay ? this.sounds.filter((sound) => !this.heard.has(sound.id)) : [];
    return [
      ...(notHeard.length ? [t("missing_play", { names: notHeard.map((sound) => sound.name).join(", ") })] : []),
      ...(data.rules.mustRate ? this.method.missing() : []),
    ];
  }

  showMissing() {
    const lacking = this.lacking();
    if (!lacking.length) return this.missing.replaceChildren();
    this.missing.replaceChildren(h("strong", {}, this.t("missing_title")), h("ul", {}, ...lacking.map((text) => h("li", {}, text))));
  }

  async goOn() {
    this.showMissing();
    if (this.lacking().length || this.next.getAttribute("aria-disabled")) return;
    this.engine.pause();
    this.next.setAttribute("aria-disabled", "true");
    this.next.textContent = this.t("waiting");
    await this.saver.saved();
    if (!this.isClosed) this.trigger("done", this.data.trial);
  }

  showSaving() {
    const { state, status } = this.saver;
    const text = this.t(state === "refused" ? REFUSALS[status] ?? "refused_error" : `state_${state}`);
    this.saving.dataset.state = state;
    if (this.saving.textContent !== text) this.saving.textContent = text;
    if (state === "refused") this.show(text);
  }

  show(text) {
    this.notice.hidden = false;
    this.notice.textContent = text;
  }

  async sendFacts(context) {
    if (areFactsSent) return;
    areFactsSent = true;
    const body = JSON.stringify({ token: this.data.token, device: deviceFacts(context) });
    const headers = { "Content-Type": "application/json" };
    await fetch(`${this.data.api}/device`, { method: "POST", headers, body }).catch(() => (areFactsSent = false));
  }

  unmount() {
    this.isClosed = true;
    this.stopKeys();
    this.engine?.close();
    this.saver?.putDrafts();
    this.saver?.removeEventListener("state", this.onSave);
    this.element.remove();
  }
}
