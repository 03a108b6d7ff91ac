// The list of past conversations, newest first, page by page.

import { request } from "./api.js";
import { $, element } from "./dom.js";

const PAGE_SIZE = 20;

export class History {
  #list = $("history");
  #more = $("more");
  #empty = $("history-empty");
  #after = null;
  #open;

  // `open` shows the conversation of an id.
  constructor(open) {
    this.#open = open;
  }

  async loadMore() {
    const page = await request("threads.list", { limit: PAGE_SIZE, after: this.#after });
    this.#after = page.after ?? null;
    this.#more.hidden = !page.has_more;
    for (const thread of page.data) if (!this.#entry(thread.id)) this.#list.append(this.#draw(thread));
    this.#showWhetherEmpty();
  }

  put(thread) {
    const entry = this.#entry(thread.id);
    if (entry) entry.querySelector(".name").textContent = titleOf(thread);
    else this.#list.prepend(this.#draw(thread));
    this.#showWhetherEmpty();
  }

  remove(id) {
    const entry = this.#entry(id);
    // The next page begins behind a conversation that is still there.
    if (this.#after === id) this.#after = entry?.previousElementSibling?.dataset.id ?? null;
    entry?.remove();
    this.#showWhetherEmpty();
  }

  mark(id) {
    for (const entry of this.#list.children) {
      if (entry.dataset.id === id) entry.firstElementChild.setAttribute("aria-current", "true");
      else entry.firstElementChild.removeAttribute("aria-current");
    }
  }

  #showWhetherEmpty() {
    this.#empty.hidden = this.#list.childElementCount > 0;
  }

  #entry(id) {
    return [...this.#list.children].find((entry) => entry.dataset.id === id);
  }

  #draw(thread) {
    const created = new Date(thread.created_at);
    const label = created.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const time = element("time", { dateTime: thread.created_at }, label);
    const name = element("span", { className: "name" }, titleOf(thread));
    const open = element("button", { type: "button", onclick: () => this.#open(thread.id) }, name, time);
    const entry = element("li", {}, open);
    entry.dataset.id = thread.id;
    return entry;
  }
}

export function titleOf(thread) {
  return thread?.title || "New conversation";
}
