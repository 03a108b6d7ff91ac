// Puts the page together: first the sign-in, then the conversations, and the buttons around them.

import { get } from "./api.js";
import { Attachments, openFile } from "./attachments.js";
import { Chat } from "./chat.js";
import { Conversation } from "./conversation.js";
import { $, element } from "./dom.js";
import { closeDrawer, installDrawer } from "./drawer.js";
import { Failure } from "./failure.js";
import { History } from "./history.js";
import { endSession, keptDraft, token, userName } from "./session.js";
import { signedIn } from "./sign_in.js";
import * as view from "./view.js";

let chat;
let attachments;

// Runs what a button does, and says in words what went wrong.
async function attempt(work) {
  view.clearError();
  try {
    await work();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof Failure)) {
      view.showError("The page made a mistake. Reload it; what you said is kept.");
      throw error;
    }
    const { message, retry } = error;
    view.showError(message, retry === null ? null : () => attempt(retry ?? work));
  }
}

async function start() {
  const settings = await get("/client-settings");
  if (!token()) await signedIn(settings.sign_in);
  build(settings);
  $("app").hidden = false;
  view.focusComposer();
  const linked = location.hash.slice(1);
  await Promise.all([attempt(loadHistory), linked && attempt(() => chat.open(linked))]);
}

function build(settings) {
  attachments = new Attachments(settings.uploads);
  chat = new Chat(conversation, history);
  const isScripted = settings.assistant === "scripted";
  $("assistant").textContent = isScripted ? "A scripted assistant" : settings.assistant;
  $("scripted").hidden = !isScripted;
  $("user").textContent = userName() ? `Signed in as ${userName()}` : "Signed in";
  $("text").value = keptDraft();
  installDrawer();
  view.followConversation();
  chat.show();
}

const history = new History((id) => {
  closeDrawer();
  attempt(() => chat.open(id).then(view.focusComposer));
});
const conversation = new Conversation($("messages"), {
  retry: (item) => attempt(() => chat.retry(item)),
  callTool: (item) => attempt(() => chat.callTool(item)),
  answer: (item, input) => attempt(() => chat.answer(item, input)),
  act: (item, action) => attempt(() => chat.act(item, action)),
  rate: (item, kind) => attempt(() => chat.rate(item, kind)),
  openFile: (file) => attempt(() => openFile(file)),
});

async function loadHistory() {
  await history.loadMore();
  chat.show();
}

async function send() {
  const text = $("text").value.trim();
  const files = attachments.ids();
  if (!text && !files.length) return;
  // Both stay where they are until the server has them.
  await chat.send(text, files, () => {
    $("text").value = "";
    attachments.clear();
  });
}

async function rename() {
  $("rename-input").value = chat.thread.title ?? "";
  if (await view.confirmed($("rename-dialog"))) await attempt(() => chat.rename($("rename-input").value));
}

async function remove() {
  if (!(await view.confirmed($("delete-dialog")))) return;
  await attempt(() => chat.delete());
  view.focusComposer();
}

function stop() {
  chat.stop();
  chat.show();
  view.say("Stopped. What was said so far is kept.");
  view.focusComposer();
}

function startNew() {
  closeDrawer();
  chat.close();
  view.clearError();
  view.say("");
  view.focusComposer();
}

$("composer").onsubmit = (event) => {
  event.preventDefault();
  attempt(send);
};
$("text").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
};
$("text").onpaste = ({ clipboardData }) => attempt(() => attachments.add(clipboardData.files));
$("main").ondragover = (event) => event.preventDefault();
$("main").ondrop = (event) => {
  event.preventDefault();
  attempt(() => attachments.add(event.dataTransfer.files));
};
$("attach").onclick = () => $("file").click();
$("file").onchange = () => {
  const chosen = [...$("file").files];
  // The same file can be chosen again after it was removed.
  $("file").value = "";
  attempt(() => attachments.add(chosen));
};
$("suggestions").onclick = ({ target }) => {
  if (target instanceof HTMLButtonElement) attempt(() => chat.send(target.textContent, []));
};
$("stop").onclick = stop;
$("new").onclick = startNew;
$("more").onclick = () => attempt(loadHistory);
$("earlier").onclick = () => attempt(() => chat.loadEarlier());
$("rename").onclick = rename;
$("delete").onclick = remove;
$("sign-out").onclick = () => endSession();

start().catch((error) => {
  if (!(error instanceof Failure)) throw error;
  document.body.append(element("p", { className: "error", role: "alert" }, `${error.message} Then reload the page.`));
});
