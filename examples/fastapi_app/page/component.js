// The same server, seen through the official ChatKit web component. That comes from the network; all else does not.

import { get } from "./api.js";
import { $, element } from "./dom.js";
import { Failure } from "./failure.js";
import { endSession, token } from "./session.js";

const COMPONENT = "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js";
// The component asks for one. Where it is loaded from anything but localhost, register your domain for a key.
const DOMAIN_KEY = "local-dev";
const OFFLINE = "The ChatKit web component could not be loaded: it needs the network. This server's own page does not:";
const SIGN_IN = "Sign in first. Afterwards, come back here in the same tab:";

async function start() {
  if (!token()) return say(SIGN_IN);
  const settings = await get("/client-settings");
  if (!(await load(COMPONENT))) return say(OFFLINE);
  await customElements.whenDefined("openai-chatkit");
  $("chat").setOptions(options(settings));
  $("chat").hidden = false;
  $("words").hidden = true;
}

function options({ uploads }) {
  return {
    api: { url: "/chatkit", domainKey: DOMAIN_KEY, fetch: fetchAsUser, uploadStrategy: { type: "two_phase" } },
    history: { enabled: true, showDelete: true, showRename: true },
    threadItemActions: { feedback: true, retry: true },
    composer: { attachments: { enabled: true, maxSize: uploads.max_bytes, accept: accepted(uploads.mime_types) } },
    onClientTool: ({ name }) => (name === "get_local_time" ? { local_time: new Date().toLocaleTimeString() } : {}),
  };
}

function accepted(types) {
  return Object.fromEntries(types.map((type) => [type, []]));
}

// Every request carries the token, except to another server: a bucket that takes files must not learn it.
async function fetchAsUser(resource, init = {}) {
  const request = new Request(resource, init);
  if (new URL(request.url).origin !== location.origin) return fetch(request);
  request.headers.set("Authorization", `Bearer ${token()}`);
  const response = await fetch(request);
  if (response.status === 401) endSession();
  return response;
}

// Resolves to whether the script came.
function load(source) {
  return new Promise((resolve) => {
    const script = element("script", { src: source, async: true });
    script.onload = () => resolve(true);
    script.onerror = () => resolve(false);
    document.head.append(script);
  });
}

function say(words) {
  $("words").replaceChildren(words, " ", element("a", { href: "/" }, "the conversations"), ".");
}

start().catch((error) => {
  if (!(error instanceof Failure)) throw error;
  say(error.message);
});
