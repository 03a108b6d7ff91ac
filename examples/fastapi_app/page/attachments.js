// Files on their way: chosen, checked, registered, sent, shown with a preview, and taken back if need be.

import { get, request, upload } from "./api.js";
import { $, button, element, iconButton } from "./dom.js";
import { Failure } from "./failure.js";

const WAIT = "Wait until your files are sent, or remove them.";

export class Attachments {
  #limits;
  #files = new Set();

  // `limits`: the size in bytes and the types that the server takes.
  constructor(limits) {
    this.#limits = limits;
    $("file").accept = limits.mime_types.join(",");
  }

  // The ids of all that is ready to go with a message.
  ids() {
    const files = [...this.#files];
    if (files.some(({ state }) => state === "sending")) throw new Failure(WAIT, { retry: null });
    return files.filter(({ state }) => state === "ready").map(({ id }) => id);
  }

  // Forgets what went with a message.
  clear() {
    for (const file of this.#files) this.#forget(file);
  }

  async add(chosen) {
    await Promise.all([...chosen].map((file) => this.#addOne(file)));
  }

  async #addOne(file) {
    const entry = { file, controller: new AbortController() };
    this.#files.add(entry);
    this.#show(entry);
    const refusal = this.#refusal(file);
    if (refusal) this.#fail(entry, refusal, false);
    else await this.#send(entry);
  }

  #refusal({ name, size, type }) {
    const { max_bytes: most, mime_types: types } = this.#limits;
    if (size > most) return `${name} has ${inWords(size)}; at most ${inWords(most)} can be sent.`;
    if (!size) return `${name} is empty.`;
    if (types.some((each) => fits(type, each))) return null;
    return `${name} is of the type ${type || "unknown"}, which cannot be sent.`;
  }

  async #send(entry) {
    const { file, controller } = entry;
    this.#setState(entry, "sending", "Sending…");
    try {
      const created = await request("attachments.create", { name: file.name, size: file.size, mime_type: file.type });
      entry.id = created.id;
      if (controller.signal.aborted) await this.#delete(entry);
      else await this.#sendBytes(entry, created.upload_descriptor);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof Failure)) throw error;
      this.#fail(entry, error.message, error.retry !== null);
    }
  }

  async #sendBytes(entry, descriptor) {
    if (descriptor) await upload(descriptor, entry.file, entry.controller.signal, (part) => (entry.bar.value = part));
    this.#setState(entry, "ready", inWords(entry.file.size));
  }

  #show(entry) {
    const { file } = entry;
    entry.bar = element("progress", { max: 1, value: 0 });
    entry.bar.setAttribute("aria-label", `Sending ${file.name}`);
    entry.note = element("span", { className: "note" });
    const remove = iconButton("close", `Remove ${file.name}`, () => this.#remove(entry));
    const words = element("div", {}, element("span", { className: "name" }, file.name), entry.note, entry.bar);
    entry.li = element("li", {}, ...this.#preview(entry), words, remove);
    $("files").append(entry.li);
  }

  #preview(entry) {
    if (!entry.file.type.startsWith("image/")) return [];
    entry.previewAddress = URL.createObjectURL(entry.file);
    const image = element("img", { src: entry.previewAddress, alt: "" });
    image.onerror = () => image.remove();
    return [image];
  }

  #setState(entry, state, words) {
    entry.state = state;
    entry.li.className = state;
    entry.note.textContent = words;
    entry.bar.hidden = state !== "sending";
  }

  #fail(entry, words, canRetry) {
    this.#setState(entry, "failed", words);
    $("announcer").textContent = words;
    if (canRetry) entry.note.append(" ", button("Try again", () => this.#again(entry), "link"));
  }

  async #again(entry) {
    entry.bar.value = 0;
    await this.#discard(entry);
    await this.#send(entry);
  }

  async #remove(entry) {
    entry.controller.abort();
    this.#forget(entry);
    $("text").focus();
    await this.#discard(entry);
  }

  #forget(entry) {
    this.#files.delete(entry);
    entry.li.remove();
    if (entry.previewAddress) URL.revokeObjectURL(entry.previewAddress);
  }

  // What cannot be deleted now is swept away by the server: no message names it.
  async #discard(entry) {
    if (entry.id) await this.#delete(entry).catch((error) => error instanceof Failure || Promise.reject(error));
  }

  async #delete({ id }) {
    await request("attachments.delete", { attachment_id: id });
  }
}

// Saves a file of a message, by an address that is good for a short time only.
export async function openFile({ id, name }) {
  const { url } = await get(`/attachments/${encodeURIComponent(id)}/download-url`);
  element("a", { href: url, download: name }).click();
}

function fits(type, pattern) {
  return pattern.endsWith("/*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

function inWords(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(0)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
