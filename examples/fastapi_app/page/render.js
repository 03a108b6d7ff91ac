// Thread items as elements, one function for each type.

import { button, element, iconButton, link, picture, webAddress } from "./dom.js";
import { answers, questionForm } from "./form.js";
import { markdown } from "./markdown.js";
import { lone, workflow } from "./tasks.js";
import { sources } from "./sources.js";
import { renderWidget } from "./widget.js";

// The element of one item. `actions` are what its buttons do.
export function renderItem(item, actions) {
  const render = renderers[item.type];
  const li = element("li", { className: item.type });
  if (render) li.append(...render(item, actions).filter(Boolean));
  else li.hidden = true;
  return li;
}

const renderers = {
  user_message: (item, actions) => [
    item.quoted_text && element("blockquote", {}, item.quoted_text),
    item.content.length > 0 && element("p", {}, ...item.content.map(userPart)),
    files(item.attachments ?? [], actions),
    button("Answer again", () => actions.retry(item), "retry"),
  ],
  assistant_message: (item, actions) => [
    ...item.content.flatMap((part) => [...markdown(part.text), sources(part.annotations ?? [])]),
    rating(item, actions),
  ],
  client_tool_call: (item, actions) =>
    item.status === "pending"
      ? [element("p", {}, `The assistant asks for ${item.name}. `), button("Answer", () => actions.callTool(item))]
      : [element("p", {}, `Your browser answered ${item.name}: ${JSON.stringify(item.output ?? null)}`)],
  structured_input: (item, actions) =>
    item.status === "pending" ? [questionForm(item, actions.answer)] : [answers(item)],
  widget: (item, actions) => [renderWidget(item.widget, (action) => actions.act(item, action))],
  workflow: (item) => [workflow(item.workflow)],
  task: (item) => [lone(item.task)],
  generated_image: (item) => [generated(item)],
  end_of_turn: () => [element("hr")],
};

function userPart(part) {
  return part.type === "input_tag" ? element("span", { className: "badge" }, part.text) : part.text;
}

function files(attachments, actions) {
  if (!attachments.length) return null;
  return element("ul", { className: "files" }, ...attachments.map((file) => element("li", {}, opener(file, actions))));
}

function opener(file, actions) {
  const open = button(file.name, () => actions.openFile(file), "file");
  if (file.preview_url) open.prepend(preview(file));
  open.setAttribute("aria-label", `Open ${file.name}`);
  return open;
}

function preview(file) {
  const image = element("img", { src: file.preview_url, alt: "" });
  image.onerror = () => image.remove();
  return image;
}

function generated({ image, progress }) {
  if (image) {
    const opens = webAddress(image.url) && element("figcaption", {}, link("Open the picture", image.url));
    return element("figure", {}, picture(image.url, "Generated picture"), opens);
  }
  const bar = element("progress", { max: 1 });
  if (progress !== undefined) bar.value = progress;
  return element("label", {}, "A picture is being made… ", bar);
}

function rating(item, actions) {
  if (!item.content.some((part) => part.text)) return null;
  const given = actions.feedbackOf(item.id);
  return element(
    "div",
    { className: "rating" },
    thumb("up", "Good reply", "positive", given, () => actions.rate(item, "positive")),
    thumb("down", "Bad reply", "negative", given, () => actions.rate(item, "negative")),
  );
}

function thumb(drawing, label, kind, given, onclick) {
  const made = iconButton(drawing, label, onclick);
  made.setAttribute("aria-pressed", String(given === kind));
  return made;
}
