// Thread items as elements. Text from the server only ever becomes text, never markup.

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// The element of one item. `actions` are what its buttons do.
export function renderItem(item, actions) {
  const render = renderers[item.type];
  const li = element("li", { className: item.type });
  if (render) li.append(...render(item, actions));
  else li.hidden = true;
  return li;
}

const renderers = {
  user_message: (item, actions) => [
    element("p", {}, item.content.map((part) => part.text).join(" ")),
    ...item.attachments.map((file) => element("p", { className: "note" }, `Attached: ${file.name}`)),
    button("Answer again", () => actions.retry(item), "retry"),
  ],
  assistant_message: (item) => item.content.map((part) => element("p", {}, part.text)),
  client_tool_call: (item, actions) =>
    item.status === "pending"
      ? [element("p", {}, `The assistant asks for ${item.name}. `), button("Answer", () => actions.callTool(item))]
      : [element("p", {}, `Your browser answered ${item.name}: ${JSON.stringify(item.output)}`)],
  structured_input: (item, actions) =>
    item.status === "pending" ? [questionForm(item, actions)] : [answerList(item)],
  widget: (item, actions) => [widget(item.widget, (action) => actions.act(item, action))],
  workflow: ({ workflow }) => [
    element(
      "details",
      { open: workflow.expanded },
      element("summary", {}, workflow.summary?.title ?? "Working…"),
      element("ol", {}, ...workflow.tasks.map(task)),
    ),
  ],
};

function button(label, onclick, className = "") {
  return element("button", { type: "button", onclick, className }, label);
}

function task({ title, content, status_indicator: status }) {
  return element("li", { className: status }, title ?? content ?? "", status === "complete" ? " – done" : "");
}

function questionForm(item, actions) {
  const skip = button("Skip", () => actions.answer(item, { status: "skipped", answers: {} }));
  const buttons = element("div", { className: "row" }, element("button", {}, "Answer"), skip);
  const form = element("form", {}, ...item.inputs.map(question), buttons);
  form.onsubmit = (event) => {
    event.preventDefault();
    const entries = new FormData(form);
    const answers = item.inputs.map(({ id }) => [id, { values: entries.getAll(id).filter(Boolean) }]);
    actions.answer(item, { status: "answered", answers: Object.fromEntries(answers) });
  };
  return form;
}

function question(input) {
  if (input.type === "freeform") {
    const field = element("input", { name: input.id, placeholder: input.description ?? "" });
    return element("p", {}, element("label", {}, input.question, field));
  }
  const type = input.multiple ? "checkbox" : "radio";
  const choices = input.options.map(({ value }) =>
    element("label", {}, element("input", { type, name: input.id, value }), value),
  );
  return element("fieldset", {}, element("legend", {}, input.question), ...choices);
}

function answerList(item) {
  const rows = item.inputs.flatMap(({ question: asked, answer }) => [
    element("dt", {}, asked),
    element("dd", {}, answer?.values.length ? answer.values.join(", ") : "No answer"),
  ]);
  return element("dl", {}, ...rows);
}

// The few components the example sends; of any other, what it contains is shown.
function widget(node, act) {
  switch (node.type) {
    case "Title":
      return element("h3", {}, node.value);
    case "Text":
    case "Caption":
    case "Markdown":
      return element("p", {}, node.value);
    case "Button":
      return button(node.label ?? "", () => act(node.onClickAction));
    default: {
      const children = [node.children ?? []].flat();
      return element("div", { className: node.type.toLowerCase() }, ...children.map((child) => widget(child, act)));
    }
  }
}
