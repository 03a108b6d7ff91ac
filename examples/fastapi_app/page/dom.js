// Elements made in one expression. Text from the server only ever becomes text, never markup.

export const $ = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(label, onclick, className = "") {
  return element("button", { type: "button", className, onclick }, label);
}

// A button that shows a drawing and is called by its name.
export function iconButton(name, label, onclick, className = "") {
  const made = element("button", { type: "button", className: `icon ${className}`, title: label, onclick }, icon(name));
  made.setAttribute("aria-label", label);
  return made;
}

function icon(name) {
  const drawing = $("icon").content.firstElementChild.cloneNode(true);
  drawing.firstElementChild.setAttribute("href", `#icon-${name}`);
  return drawing;
}

// Something that can be unfolded. Whoever has done so, or folded it, has chosen how it stays.
export function disclosure(label, isOpen, className, ...children) {
  const made = element("details", { open: isOpen, className }, element("summary", {}, label), ...children);
  made.firstElementChild.onclick = () => (made.dataset.chosen = "");
  return made;
}

const FOCUSABLE = "button, input, select, textarea, summary, a[href]";

// Puts an element in the place of another one; whoever stood on its third button stands there again.
export function replaceKeepingPlace(before, after) {
  const place = [...before.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  const folds = [...before.querySelectorAll("details")];
  [...after.querySelectorAll("details")].forEach((details, index) => keepChoice(folds[index], details));
  before.replaceWith(after);
  if (place >= 0) after.querySelectorAll(FOCUSABLE)[place]?.focus({ preventScroll: true });
}

function keepChoice(before, after) {
  if (before?.dataset.chosen === undefined) return;
  after.open = before.open;
  after.dataset.chosen = "";
}

// The address as a URL when a browser may be sent there on a click, else null: no javascript:, no data:.
export function webAddress(text) {
  const address = URL.parse(text, location.href);
  return address && ["http:", "https:"].includes(address.protocol) ? address : null;
}

export function link(text, address) {
  const url = webAddress(address);
  return url ? element("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, text) : text;
}

// A picture of this server. What lies on another one is offered as a link: the page asks nobody else for anything.
export function picture(source, alternative) {
  const url = URL.parse(source, location.href);
  const isOurs = url && (url.origin === location.origin || ["data:", "blob:"].includes(url.protocol));
  if (!isOurs) return element("p", {}, link(alternative || "Picture on another server", source));
  const image = element("img", { src: source, alt: alternative });
  image.onerror = () => image.replaceWith(element("p", { className: "note" }, `${alternative} (cannot be shown)`));
  return image;
}
