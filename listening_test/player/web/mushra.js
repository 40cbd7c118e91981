// Multiple stimuli with hidden reference and anchor: the continuous quality scale of ITU-R BS.1534-3.

import { h } from "./dom.js";

const WORDS = ["bad", "poor", "fair", "good", "excellent"];
const FIRST_VALUE = 50;
const STEPS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -100, End: 100 };

/** The word of a value: each covers 20 points. */
const wordOf = (value) => WORDS[Math.min(Math.floor(value / 20), 4)];

/** @param {import("./trial.js").Trial} trial */
export function mushra(trial) {
  const { t, answers, sounds } = trial;
  const first = trial.data.reference ? 1 : 0;
  const rows = sounds.slice(first).map((sound, n) => {
    const slider = h("input", {
      type: "range", min: 0, max: 100, step: 1, value: answers.get(sound.id) ?? FIRST_VALUE, class: "rating", disabled: true,
      "data-stimulus": sound.label, "aria-label": t("rating_of", { name: sound.name }),
    });
    const shown = h("output", { class: "value" });
    const row = { sound, slider, shown, index: first + n };
    slider.addEventListener("input", () => rate(row, Number(slider.value), false));
    // A click where the hidden thumb already is changes nothing, and is a rating all the same.
    slider.addEventListener("change", () => rate(row, Number(slider.value), true));
    slider.addEventListener("click", () => answers.has(sound.id) || rate(row, Number(slider.value), true));
    row.element = h("div", { class: "stimulus" }, trial.soundButton(row.index),
      h("div", { class: "track", title: t("rate_locked"), onclick: () => slider.disabled && trial.show(t("rate_locked")) }, slider), shown);
    return row;
  });

  function rate(row, value, isFinal) {
    trial.answer(row.sound.id, value, isFinal);
    show(row);
  }

  function show({ sound, slider, shown, element }) {
    const value = answers.get(sound.id);
    const isSet = value !== undefined;
    element.classList.toggle("unset", !isSet);
    shown.textContent = isSet ? value : "–";
    const words = isSet ? t("rating_words", { value, word: t(wordOf(value)) }) : t("not_rated");
    slider.setAttribute("aria-valuetext", words);
  }

  const scale = h("ol", { class: "scale", "aria-hidden": "true" }, ...WORDS.toReversed().map((word, n) =>
    h("li", {}, h("span", {}, t(word)), h("small", {}, `${80 - 20 * n}–${100 - 20 * n}`))));

  return {
    element: h("div", { class: "mushra", role: "group", "aria-label": t("ratings") }, scale, ...rows.map((row) => row.element)),
    instructions: [t("instruct_mushra"), t("instruct_top"), t("instruct_locked")],
    keys: [
      ["0", t("key_reference_does")], [`1 – ${Math.min(rows.length, 9)}`, t("key_digits_does")],
      ["↑ ↓", t("key_rate_does")], [t("key_pages"), t("key_pages_does")],
    ],

    /** Only the score of what is playing can be changed (BS.1534-3, attachment 2). */
    update() {
      for (const row of rows) {
        const isPlaying = trial.engine.isPlaying && trial.engine.current === row.index;
        const hadFocus = row.slider.matches(":focus");
        row.slider.disabled = !isPlaying;
        row.element.classList.toggle("playing", isPlaying);
        if (hadFocus && !isPlaying) trial.buttons[trial.engine.current].focus();
        show(row);
      }
    },

    key(key, _, isHandle) {
      if (/^[1-9]$/.test(key) && Number(key) <= rows.length) {
        trial.focusAndChoose(first + Number(key) - 1);
        return true;
      }
      const row = rows.find(({ slider }) => !slider.disabled);
      if (!(key in STEPS) || isHandle || !row) return false;
      const value = Math.min(Math.max((answers.get(row.sound.id) ?? FIRST_VALUE) + STEPS[key], 0), 100);
      row.slider.value = value;
      rate(row, value, true);
      return true;
    },

    focus(index) {
      const row = rows[index - first];
      row?.slider.focus();
      return Boolean(row) && row.slider.matches(":focus");
    },

    missing() {
      const unrated = rows.filter(({ sound }) => !answers.has(sound.id));
      if (unrated.length) return [t("missing_rate", { names: unrated.map(({ sound }) => sound.name).join(", ") })];
      return rows.some(({ sound }) => answers.get(sound.id) === 100) ? [] : [t("missing_top")];
    },
  };
}
