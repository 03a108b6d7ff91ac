// The ChatKit protocol: one address, JSON for an answer, server-sent events for a reply.

export async function request(type, params) {
  return (await post(type, params)).json();
}

// Yields the events of a reply as they arrive.
export async function* stream(type, params, signal) {
  const response = await post(type, params, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) yield JSON.parse(event.slice("data: ".length));
  }
}

async function post(type, params, signal) {
  const response = await fetch("/chatkit", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ type, params }),
    signal,
  });
  if (!response.ok) throw new Error(await explain(response));
  return response;
}

async function explain(response) {
  if (response.status === 401) return "Your browser sent no valid cookie. Reload the page to get one.";
  const { detail } = await response.json().catch(() => ({}));
  return typeof detail === "string" ? detail : `The server refused this (${response.status}).`;
}
