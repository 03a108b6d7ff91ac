// Puts the page together: the conversation that is open, its reply, and the buttons around it.

import { request, stream } from "./api.js";
import { Conversation } from "./conversation.js";
import { History, titleOf } from "./history.js";

const PAGE_SIZE = 30;
const NETWORK = "The server cannot be reached. Is it still running?";
const tools = {
  get_local_time: () => ({ local_time: new Date().toLocaleTimeString() }),
};

const $ = (id) => document.getElementById(id);
const history = new History((id) => attempt(() => open(id)));
const conversation = new Conversation($("messages"), {
  retry: (item) => attempt(() => retry(item)),
  callTool: (item) => attempt(() => callTool(item)),
  answer: (item, input) => attempt(() => reply("threads.add_structured_input", { item_id: item.id, input })),
  act: (item, action) => attempt(() => act(item, action)),
});

let thread = null;
let earlierThan = null;
let running = null;

// Runs what a button does, and says what went wrong in words.
async function attempt(work) {
  $("error").textContent = "";
  try {
    await work();
  } catch (error) {
    if (error.name !== "AbortError") $("error").textContent = error instanceof TypeError ? NETWORK : error.message;
  }
}

// Sends one request of the open conversation and shows its reply as it comes.
async function reply(type, params, onFirstEvent = () => {}) {
  if (running) throw new Error("Wait for the reply, or stop it.");
  const controller = new AbortController();
  running = controller;
  show();
  let pendingTool = null;
  try {
    let first = true;
    for await (const event of stream(type, thread ? { thread_id: thread.id, ...params } : params, controller.signal)) {
      if (first) onFirstEvent();
      first = false;
      follow(() => handle(event));
      if (event.type === "thread.item.done") pendingTool = event.item.status === "pending" ? event.item : null;
    }
  } finally {
    // An older reply that was stopped must not end the one that has taken its place.
    if (running === controller) running = null;
    follow(show);
  }
  if (pendingTool?.type === "client_tool_call") await callTool(pendingTool);
}

// Whoever has scrolled up to read is left there; everybody else keeps seeing the newest words.
function follow(change) {
  const scroller = $("scroller");
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  change();
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
}

function handle(event) {
  switch (event.type) {
    case "thread.created":
    case "thread.updated":
      setThread(event.thread);
      break;
    case "thread.item.added":
    case "thread.item.done":
    case "thread.item.replaced":
      conversation.put(event.item);
      break;
    case "thread.item.updated":
      conversation.update(event.item_id, event.update);
      break;
    case "thread.item.removed":
      conversation.remove(event.item_id);
      break;
    case "error":
      throw new Error(event.message ?? "The assistant failed. Use “Answer again” to try once more.");
  }
  show();
}

function stop() {
  running?.abort();
  running = null;
}

async function send(text) {
  const message = { content: [{ type: "input_text", text }], attachments: [], inference_options: {} };
  // The text stays in its field until the server has it.
  const clear = () => ($("text").value = "");
  await reply(thread ? "threads.add_user_message" : "threads.create", { input: message }, clear);
}

async function retry(item) {
  await reply("threads.retry_after_item", { item_id: item.id }, () => conversation.removeAfter(item.id));
}

async function callTool(item) {
  const result = tools[item.name]?.() ?? { error: `This page has no tool ${item.name}.` };
  const done = { ...item, status: "completed", output: result };
  await reply("threads.add_client_tool_output", { result }, () => conversation.put(done));
}

async function act(item, { type, payload, streaming }) {
  const params = { item_id: item.id, action: { type, payload } };
  if (streaming) return reply("threads.custom_action", params);
  const { updated_item: updated } = await request("threads.sync_custom_action", { thread_id: thread.id, ...params });
  if (updated) follow(() => conversation.put(updated));
}

async function open(id) {
  const opened = await request("threads.get_by_id", { thread_id: id });
  startOver();
  setThread(opened);
  await loadEarlier();
  $("scroller").scrollTop = $("scroller").scrollHeight;
}

async function loadEarlier() {
  const page = await request("items.list", { thread_id: thread.id, limit: PAGE_SIZE, after: earlierThan });
  earlierThan = page.after ?? null;
  $("earlier").hidden = !page.has_more;
  conversation.prepend(page.data.reverse());
  show();
}

function startOver() {
  stop();
  thread = null;
  earlierThan = null;
  conversation.clear();
  $("earlier").hidden = true;
  window.history.replaceState(null, "", "/");
  show();
}

function setThread(changed) {
  thread = changed;
  history.put(changed);
  window.history.replaceState(null, "", `#${changed.id}`);
  show();
}

function show() {
  const title = titleOf(thread);
  $("title").textContent = title;
  document.title = title;
  history.mark(thread?.id);
  $("thread-actions").hidden = !thread;
  $("welcome").hidden = !conversation.isEmpty;
  $("send").hidden = Boolean(running);
  $("stop").hidden = !running;
  $("status").textContent = running ? "The assistant is answering…" : "";
  $("messages").setAttribute("aria-busy", String(Boolean(running)));
}

// Resolves to whether the dialog was confirmed.
function confirmed(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true });
  });
}

async function rename() {
  const { id, title } = thread;
  $("rename-input").value = title ?? "";
  if (!(await confirmed($("rename-dialog")))) return;
  const renamed = await request("threads.update", { thread_id: id, title: $("rename-input").value });
  if (thread?.id === id) setThread(renamed);
}

async function remove() {
  const { id } = thread;
  if (!(await confirmed($("delete-dialog")))) return;
  stop();
  await request("threads.delete", { thread_id: id });
  history.remove(id);
  startOver();
}

$("composer").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (text) attempt(() => send(text));
};
$("text").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
};
$("suggestions").onclick = ({ target }) => {
  if (target instanceof HTMLButtonElement) attempt(() => send(target.textContent));
};
$("stop").onclick = () => {
  stop();
  show();
  $("status").textContent = "Stopped. What was said so far is kept.";
  $("text").focus();
};
$("new").onclick = () => {
  startOver();
  $("text").focus();
};
$("more").onclick = () => attempt(() => history.loadMore());
$("earlier").onclick = () => attempt(loadEarlier);
$("rename").onclick = () => attempt(rename);
$("delete").onclick = () => attempt(remove);

const linked = location.hash.slice(1);
attempt(() => history.loadMore().then(show));
if (linked) attempt(() => open(linked));
