// One stimulus on a scale of five: absolute and degradation category rating (ITU-T P.800, annexes B and D).

import { choices } from "./choices.js";
import { h } from "./dom.js";

const WORDS = { 5: "excellent", 4: "good", 3: "fair", 2: "poor", 1: "bad" };

/** @param {import("./trial.js").Trial} trial */
export function category(trial) {
  const { t, answers, sounds } = trial;
  const { method } = trial.data;
  const graded = sounds.at(-1);
  const question = choices(t(`question_${method}`), [5, 4, 3, 2, 1].map((grade) => (
    { value: grade, text: `${grade}  ${t(method === "acr" ? WORDS[grade] : `dcr_${grade}`)}` })), answer);

  function answer(grade) {
    trial.answer(graded.id, grade);
    question.show(grade);
  }

  question.show(answers.get(graded.id));
  return {
    element: h("div", { class: "category" },
      h("div", { class: "sounds" }, trial.soundButton(sounds.length - 1)), question.element),
    instructions: [t(`instruct_${method}`)],
    keys: [...(method === "dcr" ? [["0", t("key_reference_does")]] : []), ["1 – 5", t("key_answer_does")]],
    update() {},
    key(key) {
      if (!/^[1-5]$/.test(key)) return false;
      answer(Number(key));
      return true;
    },
    missing: () => (answers.has(graded.id) ? [] : [t("missing_answer")]),
  };
}
