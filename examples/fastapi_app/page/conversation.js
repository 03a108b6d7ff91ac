// The messages on the page: keeps what was sent, and redraws the one that an event changes.

import { renderItem } from "./render.js";

export class Conversation {
  #list;
  #actions;
  #shown = new Map();

  constructor(list, actions) {
    this.#list = list;
    this.#actions = actions;
  }

  get isEmpty() {
    return this.#shown.size === 0;
  }

  clear() {
    this.#shown.clear();
    this.#list.replaceChildren();
  }

  // Items of an older page, oldest first.
  prepend(items) {
    this.#list.prepend(...items.map((item) => this.#draw(item)));
  }

  put(item) {
    const before = this.#shown.get(item.id)?.li;
    const li = this.#draw(item);
    if (before) before.replaceWith(li);
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

  #draw(item) {
    const li = renderItem(item, this.#actions);
    li.dataset.id = item.id;
    this.#shown.set(item.id, { item, li });
    return li;
  }
}

// Changes the item as the update says; false when the page does not know the update.
function applyUpdate(item, update) {
  switch (update.type) {
    case "assistant_message.content_part.added":
    case "assistant_message.content_part.done":
      item.content[update.content_index] = update.content;
      return true;
    case "assistant_message.content_part.text_delta":
      item.content[update.content_index].text += update.delta;
      return true;
    case "workflow.task.added":
    case "workflow.task.updated":
      item.workflow.tasks[update.task_index] = update.task;
      return true;
    case "widget.root.updated":
      item.widget = update.widget;
      return true;
    default:
      return false;
  }
}
