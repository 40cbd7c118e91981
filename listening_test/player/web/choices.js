// A question with one answer: radio buttons in a group.

import { h } from "./dom.js";

/**
 * @param {string} question
 * @param {{value: any, text: string}[]} options in the order shown
 * @param {(value: any) => void} onChoice
 */
export function choices(question, options, onChoice) {
  const inputs = options.map(({ value }) => h("input", { type: "radio", name: "answer", onchange: () => onChoice(value) }));
  const element = h("fieldset", { class: "choices" }, h("legend", {}, question),
    ...options.map(({ text }, n) => h("label", {}, inputs[n], h("span", {}, text))));
  return {
    element,
    /** Shows `value` as chosen, or none. */
    show(value) {
      options.forEach((option, n) => (inputs[n].checked = option.value === value));
    },
  };
}
