// What an answer rests on: web addresses, files and entities.

import { disclosure, element, link } from "./dom.js";

// The sources of a message's annotations, in the order in which they were made.
export function sources(annotations) {
  if (!annotations.length) return null;
  const rows = annotations.map(({ source }) => element("li", {}, ...oneSource(source)));
  const label = rows.length === 1 ? "1 source" : `${rows.length} sources`;
  return disclosure(label, true, "sources", element("ol", {}, ...rows));
}

export function sourceList(list) {
  if (!list?.length) return null;
  return element("ul", { className: "prose" }, ...list.map((source) => element("li", {}, ...oneSource(source))));
}

function oneSource(source) {
  const notes = [where(source), source.description, source.timestamp].filter((note) => note && note !== source.title);
  const name = source.type === "url" ? link(source.title, source.url) : source.title;
  return notes.length ? [name, element("span", { className: "note" }, ` ${notes.join(" · ")}`)] : [name];
}

function where(source) {
  if (source.type === "file") return source.filename;
  return source.type === "entity" ? (source.label ?? source.inline_label) : source.attribution;
}
