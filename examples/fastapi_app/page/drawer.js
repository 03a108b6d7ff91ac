// On a narrow screen the history is a drawer: opened by a button, closed by Escape, a choice, or a press beside it.

import { $ } from "./dom.js";

const narrow = matchMedia("(width < 48rem)");

export function installDrawer() {
  $("open-history").onclick = openDrawer;
  $("close-history").onclick = closeDrawer;
  $("curtain").onclick = closeDrawer;
  $("conversations").onkeydown = ({ key }) => {
    if (key === "Escape") closeDrawer();
  };
  narrow.onchange = closeDrawer;
}

function openDrawer() {
  show(true);
  $("close-history").focus();
}

export function closeDrawer() {
  const wasOpen = $("app").classList.contains("drawer-open");
  show(false);
  if (wasOpen && narrow.matches) $("open-history").focus();
}

function show(isOpen) {
  $("app").classList.toggle("drawer-open", isOpen);
  $("open-history").setAttribute("aria-expanded", String(isOpen));
  // What lies behind the drawer can be reached neither by the tab key nor by a screen reader.
  $("main").inert = isOpen;
}
