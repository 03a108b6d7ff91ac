"""What a scripted model says, and how each of OpenAI's two APIs streams it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

Chunk = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the model says next.

    Attributes:
        text: Comes in one delta for each word.
        thought: Comes before the text, as models that reason in the open send it. Chat completions alone.
        tool: The tool that the model calls after the text.
        arguments: The tool's.
        halts: Whether the model falls silent before its last word, until it is told to go on or its client goes.
        breaks: Whether the connection ends before the last word.
        status: The HTTP status; any other than 200 comes instead of the reply.
    """

    text: str = ""
    thought: str = ""
    tool: str | None = None
    arguments: Mapping[str, Any] | None = None
    halts: bool = False
    breaks: bool = False
    status: int = 200

    def words(self) -> list[str]:
        """Return the deltas of the text."""
        words = self.text.split(" ") if self.text else []
        return [f" {word}" if number else word for number, word in enumerate(words)]


def as_chat_completion(reply: Reply) -> tuple[list[bytes], list[bytes]]:
    """Return the stream of *reply*: what comes before its last word or tool call, and from there on."""
    deltas: list[Chunk] = [{"role": "assistant"}]
    if reply.thought:
        deltas.append({"reasoning_content": reply.thought})
    deltas += [{"content": word} for word in reply.words()]
    if reply.tool:
        function = {"name": reply.tool, "arguments": json.dumps(dict(reply.arguments or {}))}
        deltas.append({"tool_calls": [{"index": 0, "id": _new_id("call"), "type": "function", "function": function}]})
    chunks = [_completion_chunk(delta) for delta in deltas]
    end = [_completion_chunk({}, "tool_calls" if reply.tool else "stop"), b"data: [DONE]\n\n"]
    return chunks[:-1], chunks[-1:] + end


def as_response(reply: Reply) -> tuple[list[bytes], list[bytes]]:
    """Return the stream of *reply*: what comes before its last word or tool call, and from there on."""
    response = {"id": _new_id("resp"), "object": "response", "created_at": 0, "model": "scripted"}
    response |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "output": []}
    output: list[Chunk] = []
    events: list[Chunk] = [{"type": "response.created", "response": {**response, "status": "in_progress"}}]
    for item_events in (_message_events(reply, 0), _call_events(reply, 1 if reply.text else 0)):
        events += item_events
        output += [event["item"] for event in item_events if event["type"] == "response.output_item.done"]
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    usage |= {"input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}}
    usage |= {"output_tokens_details": {"reasoning_tokens": 0}}
    completed = {**response, "status": "completed", "output": output, "usage": usage}
    events.append({"type": "response.completed", "response": completed})
    chunks = [_response_event(event, number) for number, event in enumerate(events)]
    last_word = max(number for number, event in enumerate(events) if event["type"].endswith(("delta", "created")))
    return chunks[:last_word], chunks[last_word:]


def _message_events(reply: Reply, index: int) -> Iterator[Chunk]:
    if not reply.text:
        return
    item = {"id": _new_id("msg"), "type": "message", "role": "assistant"}
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    part = {"type": "output_text", "annotations": []}
    yield _item_event("added", index, {**item, "status": "in_progress", "content": []})
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for word in reply.words():
        yield {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
    whole = {**part, "text": reply.text}
    yield {"type": "response.output_text.done", **place, "text": reply.text, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": whole}
    yield _item_event("done", index, {**item, "status": "completed", "content": [whole]})


def _call_events(reply: Reply, index: int) -> Iterator[Chunk]:
    if not reply.tool:
        return
    call = {"id": _new_id("fc"), "type": "function_call", "call_id": _new_id("call"), "name": reply.tool}
    arguments = json.dumps(dict(reply.arguments or {}))
    place = {"item_id": call["id"], "output_index": index}
    yield _item_event("added", index, {**call, "status": "in_progress", "arguments": ""})
    yield {"type": "response.function_call_arguments.delta", **place, "delta": arguments}
    yield {"type": "response.function_call_arguments.done", **place, "name": reply.tool, "arguments": arguments}
    yield _item_event("done", index, {**call, "status": "completed", "arguments": arguments})


def _item_event(what: str, index: int, item: Chunk) -> Chunk:
    return {"type": f"response.output_item.{what}", "output_index": index, "item": item}


def _new_id(kind: str) -> str:
    return f"{kind}_{uuid4().hex}"


def _completion_chunk(delta: Chunk, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "scripted"}
    return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n".encode()


def _response_event(event: Chunk, number: int) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': number})}\n\n".encode()
