// The messages on the page: keeps what was sent, and redraws the one that an event changes.

import { replaceKeepingPlace } from "./dom.js";
import { renderItem } from "./render.js";
import { applyUpdate } from "./updates.js";

export class Conversation {
  #list;
  #actions;
  #shown = new Map();
  #feedback = {};

  constructor(list, actions) {
    this.#list = list;
    this.#actions = { ...actions, feedbackOf: (id) => this.#feedback[id] };
  }

  get isEmpty() {
    return this.#shown.size === 0;
  }

  get newest() {
    return this.#shown.get(this.#list.lastElementChild?.dataset.id)?.item ?? null;
  }

  get newestQuestion() {
    const questions = this.#list.querySelectorAll(":scope > .user_message");
    return this.#shown.get([...questions].at(-1)?.dataset.id)?.item ?? null;
  }

  clear() {
    this.#shown.clear();
    this.#feedback = {};
    this.#list.replaceChildren();
  }

  // Items of an older page, oldest first.
  prepend(items) {
    this.#list.prepend(...items.map((item) => this.#draw(item)));
  }

  put(item) {
    const before = this.#shown.get(item.id)?.li;
    const li = this.#draw(item);
    if (before) replaceKeepingPlace(before, li);
    else this.#list.append(li);
  }

  remove(id) {
    this.#shown.get(id)?.li.remove();
    this.#shown.delete(id);
  }

  removeAfter(id) {
    while (this.#list.lastElementChild !== this.#shown.get(id).li) this.remove(this.#list.lastElementChild.dataset.id);
  }

  update(id, update) {
    const item = this.#shown.get(id)?.item;
    if (item && applyUpdate(item, update)) this.put(item);
  }

  // What the user thinks of replies: "positive" or "negative" by the id of the item.
  setFeedback(feedback) {
    Object.assign(this.#feedback, feedback);
    for (const id of Object.keys(feedback)) if (this.#shown.has(id)) this.put(this.#shown.get(id).item);
  }

  #draw(item) {
    const li = renderItem(item, this.#actions);
    li.dataset.id = item.id;
    this.#shown.set(item.id, { item, li });
    return li;
  }
}
