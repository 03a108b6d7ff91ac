// The assistant's questions as a form, and their answers once they are given.

import { button, element } from "./dom.js";

let forms = 0;

// `answer` is called with the item and the submission. What is left empty is skipped.
export function questionForm(item, answer) {
  forms += 1;
  const skip = button("Skip", () => answer(item, { status: "skipped", answers: {} }));
  const buttons = element("div", { className: "row" }, element("button", { className: "primary" }, "Answer"), skip);
  const form = element("form", {}, ...item.inputs.map((input, index) => question(input, index, forms)), buttons);
  form.onsubmit = (event) => {
    event.preventDefault();
    answer(item, submission(item.inputs, new FormData(form)));
  };
  return form;
}

export function answers(item) {
  const rows = item.inputs.flatMap(({ question: asked, answer }) => [
    element("dt", {}, asked),
    element("dd", {}, answer?.values?.length ? answer.values.join(", ") : "Skipped"),
  ]);
  return element("dl", {}, ...rows);
}

function submission(inputs, entries) {
  const given = inputs.map(({ id }, index) => [id, entries.getAll(`question-${index}`).map((value) => value.trim())]);
  const answered = given.map(([id, values]) => [id, answerOf(values.filter(Boolean))]);
  const isSkipped = answered.every(([, { skipped }]) => skipped);
  return { status: isSkipped ? "skipped" : "answered", answers: Object.fromEntries(answered) };
}

function answerOf(values) {
  return { values, skipped: values.length === 0 };
}

function question(input, index, form) {
  const name = `question-${index}`;
  if (input.type === "freeform") return freeform(input, name, `${name}-of-${form}`);
  const type = input.multiple ? "checkbox" : "radio";
  const choices = input.options.map(({ value }) =>
    element("label", {}, element("input", { type, name, value }), ` ${value}`),
  );
  return element("fieldset", {}, element("legend", {}, input.question), ...choices, other(type, name));
}

function freeform({ question: asked, description }, name, id) {
  const field = element("textarea", { id, name, rows: 2 });
  const note = description ? element("p", { className: "note", id: `${id}-note` }, description) : null;
  if (note) field.setAttribute("aria-describedby", note.id);
  return element("div", {}, element("label", { htmlFor: id }, asked), note, field);
}

// An answer that is none of the choices.
function other(type, name) {
  const words = element("input", { placeholder: "Something else" });
  const choice = element("input", { type, name, value: "", disabled: true });
  choice.setAttribute("aria-label", "Something else");
  words.setAttribute("aria-label", "Something else, in words");
  words.oninput = () => {
    choice.value = words.value;
    choice.disabled = !words.value.trim();
    choice.checked = !choice.disabled;
  };
  return element("span", { className: "row" }, choice, words);
}
