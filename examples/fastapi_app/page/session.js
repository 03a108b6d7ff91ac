// Who is signed in, for as long as this tab is open.

const stored = (key) => JSON.parse(sessionStorage.getItem(key) ?? "null");
const store = (key, value) => sessionStorage.setItem(key, JSON.stringify(value));

let isEnding = false;

export const token = () => stored("session")?.token ?? null;
export const userName = () => stored("session")?.name ?? "";

export function beginSession(newToken, name) {
  store("session", { token: newToken, name });
}

// Forgets the token and everything on the page, and leads back to the sign-in. `reason` is shown there.
export function endSession(reason = "") {
  // Several requests may be told so at once.
  if (isEnding) return;
  isEnding = true;
  const draft = { name: userName(), text: document.getElementById("text")?.value ?? "" };
  sessionStorage.clear();
  if (reason) {
    store("reason", reason);
    store("draft", draft);
  } else {
    window.history.replaceState(null, "", "/");
  }
  location.reload();
}

export const reasonOfEnd = () => taken("reason") ?? "";

// What the same user was writing when the token expired.
export function keptDraft() {
  const draft = taken("draft");
  return draft?.name === userName() ? draft.text : "";
}

function taken(key) {
  const value = stored(key);
  sessionStorage.removeItem(key);
  return value;
}

// The name in a token, to be shown and nothing else: only the server can tell whether the token is true.
export function nameIn(text) {
  try {
    const payload = text.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return String(JSON.parse(atob(payload)).sub ?? "");
  } catch {
    return "";
  }
}
