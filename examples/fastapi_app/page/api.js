// The server: the ChatKit protocol at one address, a few others beside it, and errors in words.

import { Failure } from "./failure.js";
import { endSession, token } from "./session.js";

const UNREACHABLE = "The server cannot be reached. Is it still running?";
const BROKEN_OFF = "The connection broke off in the middle of the reply.";
const SIGNED_OUT = "Your sign-in has expired or is not valid any more. Please sign in again.";

export const get = async (path) => (await send(path, {})).json();
export const post = async (path, body) => (await send(path, { body })).json();
export const request = (type, params) => post("/chatkit", { type, params });

// Yields the events of a reply as they arrive.
export async function* stream(type, params, signal) {
  const response = await send("/chatkit", { body: { type, params }, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(explainLoss(BROKEN_OFF));
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) yield JSON.parse(event.slice("data: ".length));
  }
}

// Sends the bytes of a file where an upload descriptor says, and tells how far it is, from 0 to 1.
export function upload({ url, method, headers }, file, signal, onProgress) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const sending = new XMLHttpRequest();
  sending.open(method, url);
  for (const [name, value] of Object.entries(headers ?? {})) sending.setRequestHeader(name, value);
  sending.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
  sending.onload = () => (sending.status < 300 ? resolve() : reject(refusal(sending.status, sending.responseText)));
  sending.onerror = () => reject(new Failure("The file could not be sent: the connection broke off."));
  sending.onabort = () => reject(new DOMException("The upload was taken back.", "AbortError"));
  signal.addEventListener("abort", () => sending.abort());
  sending.send(file);
  return promise;
}

async function send(path, { body, signal }) {
  const bearer = token();
  const headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
  const options = body === undefined ? { headers } : withJson(headers, body);
  const response = await fetch(path, { ...options, signal }).catch(explainLoss(UNREACHABLE));
  if (response.ok) return response;
  if (response.status === 401 && bearer) endSession(SIGNED_OUT);
  throw refusal(response.status, await response.text().catch(explainLoss(UNREACHABLE)));
}

function withJson(headers, body) {
  return { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

function explainLoss(words) {
  return (error) => {
    throw error.name === "AbortError" ? error : new Failure(words);
  };
}

function refusal(status, text) {
  return new Failure(detailOf(text) ?? `The server refused this (status ${status}).`, { status });
}

function detailOf(text) {
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail : null;
  } catch {
    return null;
  }
}
