// The sign-in: a name where the server hands out tokens for development, else a token from wherever yours come from.

import { post } from "./api.js";
import { $ } from "./dom.js";
import { Failure } from "./failure.js";
import { beginSession, nameIn, reasonOfEnd } from "./session.js";

const NOTES = {
  development: "For development: anybody may be anybody. No password is asked for.",
  token: "Paste the token that your sign-in service gave you. It is kept for as long as this tab is open.",
};

// Resolves once somebody has signed in.
export function signedIn(mode) {
  const field = mode === "development" ? $("name") : $("token");
  field.parentElement.hidden = false;
  field.required = true;
  $("sign-in-note").textContent = NOTES[mode];
  $("sign-in-reason").textContent = reasonOfEnd();
  $("sign-in").hidden = false;
  field.focus();
  return new Promise((resolve) => {
    $("sign-in-form").onsubmit = (event) => {
      event.preventDefault();
      submit(mode, field.value.trim(), resolve);
    };
  });
}

async function submit(mode, entered, resolve) {
  $("sign-in-error").textContent = "";
  try {
    if (mode === "development") await askForToken(entered);
    else beginSession(entered, nameIn(entered));
    $("sign-in").hidden = true;
    resolve();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    $("sign-in-error").textContent = error.message;
  }
}

async function askForToken(name) {
  const { token, user_id: user } = await post("/sign-in", { name });
  beginSession(token, user);
}
