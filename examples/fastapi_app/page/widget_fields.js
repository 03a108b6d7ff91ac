// The fields of widgets. Their values go along with the action of the form, or of the field itself.

import { element } from "./dom.js";

export const fields = {
  Input: (field, act) => inputOf(field, act, field.inputType ?? "text"),
  Textarea: (field, act) => filled("textarea", { ...common(field), rows: field.rows ?? 3 }, field, act),
  DatePicker: datePicker,
  Checkbox: checkbox,
  Select: select,
  RadioGroup: radioGroup,
  Label: ({ value, fieldName }) => labelFor(value, fieldName),
};

// The values of the form around an element, nested where names have dots; null where there is no form.
export function valuesOf(origin) {
  const fieldsOfForm = origin?.closest("form") ?? origin?.closest(".radiogroup, .checkbox, input, select, textarea");
  if (!fieldsOfForm) return null;
  const named = fieldsOfForm.name ? [fieldsOfForm] : [...fieldsOfForm.querySelectorAll("[name]")];
  const values = Object.create(null);
  for (const field of named) if (field.type !== "radio" || field.checked) put(values, field.name, valueOf(field));
  return values;
}

function valueOf(field) {
  return field.type === "checkbox" ? field.checked : field.value;
}

function put(values, name, value) {
  const [first, ...rest] = name.split(".");
  if (rest.length) put((values[first] ??= Object.create(null)), rest.join("."), value);
  else values[first] = value;
}

function common({ name, placeholder, required, disabled }) {
  return { name, placeholder: placeholder ?? "", required: Boolean(required), disabled: Boolean(disabled) };
}

function filled(tag, properties, { name, defaultValue, placeholder, onChangeAction: action }, act) {
  const made = element(tag, properties);
  if (defaultValue !== undefined) made.value = defaultValue;
  made.setAttribute("aria-label", placeholder || name);
  if (action) made.onchange = () => act(action, made);
  return made;
}

function inputOf(field, act, type) {
  const made = filled("input", { ...common(field), type }, field, act);
  if (field.pattern) made.pattern = field.pattern;
  return made;
}

function datePicker(field, act) {
  const day = (time) => time?.slice(0, 10) ?? "";
  const made = inputOf({ ...field, defaultValue: day(field.defaultValue) }, act, "date");
  made.min = day(field.min);
  made.max = day(field.max);
  return made;
}

function checkbox(field, act) {
  const { name, label, defaultChecked, onChangeAction: action } = field;
  const box = element("input", { ...common(field), type: "checkbox", checked: Boolean(defaultChecked) });
  if (action) box.onchange = () => act(action, box);
  return element("label", {}, box, ` ${label ?? name}`);
}

function select(field, act) {
  const choices = field.options.map(({ value, label, disabled }) =>
    element("option", { value, disabled: Boolean(disabled) }, label),
  );
  const empty = field.defaultValue === undefined ? [element("option", { value: "" }, field.placeholder ?? "")] : [];
  const { placeholder: _, ...properties } = common(field);
  const made = filled("select", properties, { ...field, defaultValue: undefined }, act);
  made.append(...empty, ...choices);
  if (field.defaultValue !== undefined) made.value = field.defaultValue;
  return made;
}

function radioGroup(field, act) {
  const { name, options, ariaLabel, defaultValue, onChangeAction: action } = field;
  const radios = (options ?? []).map(({ value, label, disabled }) => {
    const radio = element("input", { ...common(field), type: "radio", value, checked: value === defaultValue });
    radio.disabled ||= Boolean(disabled);
    if (action) radio.onchange = () => act(action, radio);
    return element("label", {}, radio, ` ${label}`);
  });
  return element("fieldset", {}, element("legend", {}, ariaLabel ?? name), ...radios);
}

// Names the field beside it; an id would have to be one of its own in the whole page.
function labelFor(value, fieldName) {
  const made = element("label", {}, value);
  made.onclick = () => [...(made.closest("form") ?? made.parentElement).querySelectorAll("[name]")]
    .find((field) => field.name === fieldName)?.focus();
  return made;
}
