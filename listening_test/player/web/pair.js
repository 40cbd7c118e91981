// Two stimuli compared: ABX (is X A or B?) and preference (A or B?).

import { choices } from "./choices.js";
import { h } from "./dom.js";

/** @param {import("./trial.js").Trial} trial */
export function pair(trial) {
  const { t, answers, sounds } = trial;
  const { method, reference } = trial.data;
  const first = reference ? 1 : 0;
  const compared = sounds.slice(first).filter((sound) => sound.label !== "X");
  const question = choices(t(`question_${method}`),
    compared.map(({ id, label }) => ({ value: id, text: t(`choice_${method}`, { label }) })), answer);

  /** The answer is the stimulus; a later one replaces it. */
  function answer(id) {
    answers.clear();
    trial.answer(id, 1);
    question.show(id);
  }

  question.show([...answers.keys()].at(-1));
  return {
    element: h("div", { class: "pair" },
      h("div", { class: "sounds" }, ...sounds.slice(first).map((_, n) => trial.soundButton(first + n))), question.element),
    instructions: [t(`instruct_${method}`)],
    keys: [[sounds.slice(first).map((sound) => sound.label.toLowerCase()).join(", "), t("key_digits_does")],
      ...(reference ? [["0", t("key_reference_does")]] : []), ["1, 2", t("key_answer_does")]],
    update() {},
    key(key) {
      const index = sounds.findIndex((sound, n) => n >= first && sound.label.toLowerCase() === key);
      if (index >= 0) trial.focusAndChoose(index);
      else if (key === "1" || key === "2") answer(compared[Number(key) - 1].id);
      else return false;
      return true;
    },
    missing: () => (answers.size ? [] : [t("missing_answer")]),
  };
}
