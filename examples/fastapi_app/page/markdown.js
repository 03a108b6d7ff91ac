// A small part of Markdown, as elements: paragraphs, headings, lists, code, emphasis and links. All else stays text.

import { element, link } from "./dom.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)/g;
const FENCE = /^```/;
const HEADING = /^#{1,6} +/;
const BULLET = /^ *[-*+] +/;
const NUMBER = /^ *\d+[.)] +/;

export function markdown(text) {
  const lines = text.split("\n");
  const blocks = [];
  while (lines.length) {
    if (!lines[0].trim()) lines.shift();
    else blocks.push(block(lines));
  }
  return blocks;
}

// Takes the lines of one block off the front.
function block(lines) {
  if (FENCE.test(lines[0])) return code(lines);
  if (HEADING.test(lines[0])) return element("h3", {}, ...inline(lines.shift().replace(HEADING, "")));
  if (BULLET.test(lines[0])) return list("ul", BULLET, lines);
  if (NUMBER.test(lines[0])) return list("ol", NUMBER, lines);
  const own = [lines.shift()];
  while (lines.length && lines[0].trim() && !startsBlock(lines[0])) own.push(lines.shift());
  return element("p", {}, ...inline(own.join("\n")));
}

function startsBlock(line) {
  return [FENCE, HEADING, BULLET, NUMBER].some((start) => start.test(line));
}

function code(lines) {
  lines.shift();
  const end = lines.findIndex((line) => FENCE.test(line));
  const own = lines.splice(0, end < 0 ? lines.length : end);
  lines.shift();
  return element("pre", { tabIndex: 0 }, element("code", {}, own.join("\n")));
}

function list(name, mark, lines) {
  const items = [];
  const start = Number.parseInt(lines[0].trim(), 10);
  while (lines.length && mark.test(lines[0])) items.push(element("li", {}, ...inline(lines.shift().replace(mark, ""))));
  const made = element(name, { className: "prose" }, ...items);
  if (name === "ol") made.start = start;
  return made;
}

function inline(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    parts.push(text.slice(end, match.index), marked(match));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)].filter((part) => part !== "");
}

function marked([, source, strong, emphasis, label, address]) {
  if (source) return element("code", {}, source);
  if (strong) return element("strong", {}, strong);
  if (emphasis) return element("em", {}, emphasis);
  return link(label, address);
}
