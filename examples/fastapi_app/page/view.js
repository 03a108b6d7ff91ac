// What the page says about itself: what it is doing, what went wrong, what the assistant wants to be known.

import { $, button, element } from "./dom.js";
import { markdown } from "./markdown.js";

export function say(words) {
  $("status").textContent = words;
}

// Read out by screen readers, and shown to nobody: a reply, once it is whole.
export function announce(words) {
  $("announcer").textContent = words;
}

export function showError(words, retry) {
  const again = retry && button("Try again", retry);
  const parts = [element("p", {}, words), again, button("Close", clearError)];
  $("error").replaceChildren(...parts.filter(Boolean));
}

export function clearError() {
  $("error").replaceChildren();
}

export function showNotice({ level, title, message }) {
  const notice = element("div", { className: `notice ${level}` });
  const words = element("div", {}, title ? element("strong", {}, title) : null, ...markdown(message));
  notice.append(words, button("Close", () => notice.remove()));
  $("notices").append(notice);
}

export function clearNotices() {
  $("notices").replaceChildren();
}

// Whoever has scrolled up to read is left there; everybody else keeps seeing the newest words.
export function followConversation() {
  const scroller = $("scroller");
  let isAtEnd = true;
  scroller.onscroll = () => {
    isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  };
  // Pictures grow when they arrive, and a notice takes room away: more than new words moves the end.
  const follower = new ResizeObserver(() => isAtEnd && scrollToEnd());
  follower.observe(scroller);
  follower.observe($("messages"));
}

export function scrollToEnd() {
  $("scroller").scrollTop = $("scroller").scrollHeight;
}

// On a phone, a focused field would bring its keyboard over half of the conversation.
export function focusComposer() {
  if (!matchMedia("(pointer: coarse)").matches) $("text").focus({ preventScroll: true });
}

// Resolves to whether the dialog was confirmed. Escape closes it, and focus returns to where it was.
export function confirmed(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true });
  });
}
