// Widgets: the components that ChatKit knows, plainly; of any other one, what it says and contains is shown.

import { button, element, picture } from "./dom.js";
import { markdown } from "./markdown.js";
import { fields, valuesOf } from "./widget_fields.js";

// `act` is called with the action of whatever was pressed; its payload carries the values of the form around it.
export function renderWidget(root, act) {
  return node(root, (action, origin) => act({ ...action, payload: merged(action.payload, origin) }));
}

function node(component, act) {
  const render = components[component.type] ?? fields[component.type] ?? unknown;
  const made = render(component, act);
  made.classList.add("widget-part", String(component.type).toLowerCase());
  return made;
}

const children = (component, act) => [component.children ?? []].flat().map((child) => node(child, act));

const components = {
  Card: card,
  Form: form,
  ListView: listView,
  ListViewItem: listItem,
  Title: ({ value }) => element("h3", {}, value),
  Text: text,
  Caption: ({ value }) => element("p", { className: "note" }, value),
  Markdown: ({ value }) => element("div", {}, ...markdown(value)),
  Badge: ({ label, color }) => element("span", { className: `badge ${color ?? ""}` }, label),
  Divider: () => element("hr"),
  Spacer: () => element("span"),
  Icon: () => element("span"),
  Image: ({ src, alt }) => element("div", {}, picture(src, alt || "Picture")),
  Button: pressable,
  Chart: chart,
  Table: (component, act) => element("table", {}, element("tbody", {}, ...children(component, act))),
  "Table.Row": (component, act) => element("tr", {}, ...children(component, act)),
  "Table.Cell": (component, act) => element("td", {}, ...children(component, act)),
};

function unknown(component, act) {
  const words = component.value ?? component.label ?? component.text;
  const own = typeof words === "string" ? [element("p", {}, words)] : [];
  return element("div", {}, ...own, ...children(component, act));
}

function card(component, act) {
  const { status, confirm, cancel, asForm } = component;
  const made = element(asForm ? "form" : "div", {}, statusLine(status), ...children(component, act));
  const footer = [confirm && footerButton(confirm, act, asForm), cancel && footerButton(cancel, act, false)];
  if (confirm || cancel) made.append(element("div", { className: "row" }, ...footer.filter(Boolean)));
  if (asForm) onSubmit(made, confirm?.action, act);
  return made;
}

function statusLine(status) {
  return status ? element("p", { className: "note" }, status.text) : null;
}

function footerButton({ label, action }, act, submits) {
  if (submits) return element("button", { className: "primary" }, label);
  return button(label, ({ currentTarget }) => act(action, currentTarget));
}

function form(component, act) {
  const made = element("form", {}, ...children(component, act));
  onSubmit(made, component.onSubmitAction, act);
  return made;
}

function onSubmit(made, action, act) {
  made.onsubmit = (event) => {
    event.preventDefault();
    if (action) act(action, made);
  };
}

function listView(component, act) {
  const rows = children(component, act);
  const limit = Number.isInteger(component.limit) ? component.limit : rows.length;
  for (const row of rows.slice(limit)) row.hidden = true;
  const list = element("ul", {}, ...rows);
  const made = element("div", {}, statusLine(component.status), list);
  if (rows.length > limit) made.append(button("Show more", (event) => showAll(rows, limit, event)));
  return made;
}

function showAll(rows, limit, { currentTarget }) {
  for (const row of rows) row.hidden = false;
  rows[limit].tabIndex = -1;
  rows[limit].focus();
  currentTarget.remove();
}

function listItem(component, act) {
  const { onClickAction: action } = component;
  const parts = children(component, act);
  if (!action) return element("li", {}, ...parts);
  const pressed = ({ currentTarget }) => act(action, currentTarget);
  return element("li", {}, element("button", { type: "button", onclick: pressed }, ...parts));
}

function text(component, act) {
  if (component.editable) return fields.Input({ ...component.editable, defaultValue: component.value }, act);
  return element("p", {}, component.value);
}

function pressable({ label, submit, onClickAction: action, disabled, style, color }, act) {
  const className = style === "primary" ? "primary" : color === "danger" ? "danger" : "";
  const made = element("button", { type: submit ? "submit" : "button", className, disabled: Boolean(disabled) });
  made.append(label ?? "Go on");
  if (action) made.onclick = () => act(action, made);
  // Its action has the form's values already: the form's own action must not follow.
  if (action && submit) made.type = "button";
  return made;
}

// Numbers read better than they are drawn, and by everybody.
function chart({ data, series, xAxis }) {
  const key = typeof xAxis === "string" ? xAxis : xAxis.dataKey;
  const columns = [{ dataKey: key, label: "" }, ...series];
  const head = columns.map(({ label, dataKey }) => element("th", { scope: "col" }, label ?? dataKey));
  const rows = data.map((row) => element("tr", {}, ...columns.map((column) => cell(row[column.dataKey]))));
  return element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}

function cell(value) {
  return element("td", {}, String(value ?? ""));
}

function merged(payload, origin) {
  const values = valuesOf(origin);
  if (!values) return payload;
  return { ...(payload ?? {}), ...values };
}
