// Workflows, and the tasks of every kind that they consist of.

import { disclosure, element } from "./dom.js";
import { markdown } from "./markdown.js";
import { sourceList } from "./sources.js";

const KINDS = { web_search: "Searched the web", thought: "Thought", file: "Read files", image: "Looked at a picture" };
const STATES = { loading: " – under way", complete: " – done" };

export function workflow({ type, tasks, summary, expanded }) {
  return disclosure(titleOf(type, summary), expanded, "", element("ol", {}, ...tasks.map(step)));
}

// A task that stands in the conversation by itself.
export function lone(task) {
  return element("div", { className: "step" }, ...parts(task));
}

function titleOf(type, summary) {
  if (summary?.title) return summary.title;
  if (summary) return `Worked for ${summary.duration} seconds`;
  return type === "reasoning" ? "Thinking…" : "Working…";
}

function step(task) {
  return element("li", { className: `step ${task.status_indicator ?? "none"}` }, ...parts(task));
}

function parts(task) {
  const queries = task.queries?.length ? `Searched for: ${task.queries.join(", ")}` : null;
  return [
    element("span", { className: "name" }, nameOf(task), STATES[task.status_indicator] ?? ""),
    queries && element("p", { className: "note" }, queries),
    task.content && element("div", { className: "note" }, ...markdown(task.content)),
    sourceList(task.sources),
  ].filter(Boolean);
}

function nameOf(task) {
  return task.title ?? task.title_query ?? KINDS[task.type] ?? "A step";
}
