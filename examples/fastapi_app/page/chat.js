// The conversation that is open: its messages, its reply, and what can be done with it.

import { get, request, stream } from "./api.js";
import { $ } from "./dom.js";
import { Failure } from "./failure.js";
import { titleOf } from "./history.js";
import * as view from "./view.js";

const PAGE_SIZE = 30;
const UNAVAILABLE = 503;
const FAILED = "The assistant failed.";
const BUSY = "Wait for the reply, or stop it.";
// A reply that was cut off, by a reload say, is stored a moment later.
const SECONDS_UNTIL_ANOTHER_LOOK = [0.2, 0.5, 1, 2, 4];

const tools = {
  get_local_time: () => ({ local_time: new Date().toLocaleTimeString() }),
};

export class Chat {
  #conversation;
  #history;
  #thread = null;
  #earlierThan = null;
  #running = null;
  #canStop = true;
  // Counts the conversations opened, so that a slow answer for an earlier one is told from the present one's.
  #opened = 0;

  constructor(conversation, history) {
    this.#conversation = conversation;
    this.#history = history;
  }

  get thread() {
    return this.#thread;
  }

  async open(id) {
    const opening = ++this.#opened;
    const [thread, page, feedback] = await Promise.all([
      request("threads.get_by_id", { thread_id: id }),
      request("items.list", { thread_id: id, limit: PAGE_SIZE }),
      feedbackOf(id),
    ]);
    if (opening !== this.#opened) return;
    this.close();
    this.#setThread(thread);
    this.#conversation.setFeedback(feedback);
    this.#prepend(page);
    view.scrollToEnd();
    this.#lookForRest(id);
  }

  close() {
    this.#opened += 1;
    this.stop();
    this.#thread = null;
    this.#earlierThan = null;
    this.#conversation.clear();
    view.clearNotices();
    $("earlier").hidden = true;
    window.history.replaceState(null, "", "/");
    this.show();
  }

  async loadEarlier() {
    const { id } = this.#thread;
    const page = await request("items.list", { thread_id: id, limit: PAGE_SIZE, after: this.#earlierThan });
    if (this.#thread?.id === id) this.#prepend(page);
  }

  // `onKept` is called once the server has the message.
  async send(text, attachments, onKept) {
    const content = text ? [{ type: "input_text", text }] : [];
    const input = { content, attachments, inference_options: {} };
    await this.#reply(this.#thread ? "threads.add_user_message" : "threads.create", { input }, onKept);
  }

  async retry(item) {
    await this.#reply("threads.retry_after_item", { item_id: item.id }, () => this.#conversation.removeAfter(item.id));
  }

  async callTool(item) {
    const result = tools[item.name]?.(item.arguments) ?? { error: `This page has no tool ${item.name}.` };
    const done = { ...item, status: "completed", output: result };
    await this.#reply("threads.add_client_tool_output", { result }, () => this.#conversation.put(done));
  }

  async answer(item, input) {
    await this.#reply("threads.add_structured_input", { item_id: item.id, input });
  }

  async act(item, { type, payload, streaming = true, handler }) {
    if (handler === "client") throw new Failure(`This page does not know the action ${type}.`, { retry: null });
    const params = { item_id: item.id, action: { type, payload } };
    if (streaming) return this.#reply("threads.custom_action", params);
    const { id } = this.#thread;
    const { updated_item: updated } = await request("threads.sync_custom_action", { thread_id: id, ...params });
    if (updated && this.#thread?.id === id) this.#conversation.put(updated);
  }

  async rate(item, kind) {
    await request("items.feedback", { thread_id: item.thread_id, item_ids: [item.id], kind });
    this.#conversation.setFeedback({ [item.id]: kind });
    view.say("Thank you. Your feedback is kept.");
  }

  async rename(title) {
    const { id } = this.#thread;
    const renamed = await request("threads.update", { thread_id: id, title });
    this.#history.put(renamed);
    if (this.#thread?.id === id) this.#setThread(renamed);
  }

  async delete() {
    const { id } = this.#thread;
    this.stop();
    await request("threads.delete", { thread_id: id });
    this.#history.remove(id);
    if (this.#thread?.id === id) this.close();
  }

  stop() {
    this.#running?.abort();
    this.#running = null;
  }

  show() {
    const title = titleOf(this.#thread);
    const isBusy = Boolean(this.#running);
    $("title").textContent = title;
    document.title = title;
    this.#history.mark(this.#thread?.id);
    $("thread-actions").hidden = !this.#thread;
    $("welcome").hidden = !this.#conversation.isEmpty || Boolean(this.#thread);
    $("send").hidden = isBusy;
    $("stop").hidden = !isBusy || !this.#canStop;
    $("messages").setAttribute("aria-busy", String(isBusy));
    this.#showWhetherClosed();
  }

  #showWhetherClosed() {
    const { type = "active", reason } = this.#thread?.status ?? {};
    $("text").disabled = type !== "active";
    if (type !== "active") view.say(reason ?? `This conversation is ${type}.`);
  }

  // Sends a request of the open conversation, and shows its reply as it comes. `onKept`: the server has taken it.
  async #reply(type, params, onKept = () => {}) {
    if (this.#running) throw new Failure(BUSY, { retry: null });
    const controller = new AbortController();
    const target = this.#thread ? { thread_id: this.#thread.id } : {};
    const progress = { isKept: false, onKept, failure: null, pendingTool: null };
    this.#running = controller;
    this.#canStop = true;
    view.say("The assistant is answering…");
    this.show();
    try {
      for await (const event of stream(type, { ...target, ...params }, controller.signal)) {
        if (this.#running !== controller) return;
        this.#handle(event, progress);
      }
      if (progress.failure) throw progress.failure;
    } catch (error) {
      throw this.#withRetry(error, progress);
    } finally {
      this.#end(controller);
    }
    if (progress.pendingTool) await this.callTool(progress.pendingTool);
  }

  // What the server has kept is not sent a second time: its question is answered again.
  #withRetry(error, { isKept }) {
    const question = this.#conversation.newestQuestion;
    if (error instanceof Failure && isKept && question && error.retry === undefined) {
      error.retry = () => this.retry(question);
    }
    return error;
  }

  #end(controller) {
    // An older reply that was stopped must not end the one that has taken its place.
    if (this.#running !== controller) return;
    this.#running = null;
    view.say("");
    this.show();
  }

  #handle(event, progress) {
    if (!progress.isKept && !["thread.created", "error"].includes(event.type)) {
      progress.isKept = true;
      progress.onKept();
    }
    if (event.type === "error") progress.failure = failureOf(event);
    if (event.type === "thread.item.done") progress.pendingTool = pendingTool(event.item);
    this.#handlers[event.type]?.(event);
  }

  #handlers = {
    "thread.created": ({ thread }) => this.#setThread(thread),
    "thread.updated": ({ thread }) => this.#setThread(thread),
    "thread.item.added": ({ item }) => this.#put(item),
    "thread.item.done": ({ item }) => {
      this.#put(item);
      if (item.type === "assistant_message") view.announce(item.content.map(({ text }) => text).join("\n"));
    },
    "thread.item.replaced": ({ item }) => this.#put(item),
    "thread.item.updated": ({ item_id: id, update }) => this.#conversation.update(id, update),
    "thread.item.removed": ({ item_id: id }) => this.#conversation.remove(id),
    stream_options: ({ stream_options: options }) => {
      this.#canStop = options.allow_cancel;
      this.show();
    },
    progress_update: ({ text }) => view.say(text),
    notice: (event) => view.showNotice(event),
  };

  #put(item) {
    this.#conversation.put(item);
    $("welcome").hidden = true;
  }

  #prepend(page) {
    this.#earlierThan = page.after ?? null;
    $("earlier").hidden = !page.has_more;
    this.#conversation.prepend(page.data.reverse());
    this.show();
  }

  #setThread(changed) {
    this.#thread = changed;
    this.#history.put(changed);
    window.history.replaceState(null, "", `#${changed.id}`);
    this.show();
  }

  async #lookForRest(id) {
    const opened = this.#opened;
    const isWaiting = () =>
      this.#opened === opened && !this.#running && this.#conversation.newest?.type === "user_message";
    for (const seconds of SECONDS_UNTIL_ANOTHER_LOOK) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
      if (!isWaiting()) return;
      const page = await request("items.list", { thread_id: id, limit: PAGE_SIZE }).catch(() => ({ data: [] }));
      if (isWaiting()) page.data.reverse().forEach((item) => this.#conversation.put(item));
    }
  }
}

function failureOf({ message, allow_retry: canRetry }) {
  return new Failure(message ?? FAILED, { retry: canRetry ? undefined : null });
}

function pendingTool(item) {
  return item.type === "client_tool_call" && item.status === "pending" ? item : null;
}

// In an outage that a journal bridges there is no feedback to be had; the conversation is shown all the same.
async function feedbackOf(id) {
  try {
    return (await get(`/api/conversations/${encodeURIComponent(id)}/feedback`)).feedback;
  } catch (error) {
    if (error.status === UNAVAILABLE) return {};
    throw error;
  }
}
