"""The scripted model speaks as OpenAI's SDK says that models do, and the agent asks as it says they are asked."""

import base64

import pytest
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from openai.types.responses import ResponseInputItemParam, ResponseStreamEvent
from pydantic import TypeAdapter

from examples.fastapi_app.picture import drawing
from tests.support.model_replies import Reply, as_chat_completion, as_response

REPLIES = [
    Reply("It is green."),
    Reply("Word"),
    Reply(tool="look", arguments={"where": "there"}),
    Reply("Let me look.", tool="look"),
]


@pytest.mark.parametrize("reply", REPLIES, ids=["text", "one word", "tool", "text and tool"])
@pytest.mark.parametrize(
    ("streamed", "event"),
    [(as_response, ResponseStreamEvent), (as_chat_completion, ChatCompletionChunk)],
    ids=["responses", "chat_completions"],
)
def test_what_it_streams_is_what_the_sdk_declares(reply, streamed, event):
    before, last = streamed(reply)
    sent = [line.partition(b"data: ")[2] for line in before + last]
    for data in sent:
        assert data == b"[DONE]\n\n" or TypeAdapter(event).validate_json(data, strict=True)
    assert before
    assert (reply.tool or reply.text.split(" ")[-1]).encode() in b"".join(last)


@pytest.mark.parametrize("api", ["responses", "chat_completions"], indirect=True)
async def test_what_it_is_asked_is_what_the_sdk_declares(agent_page, script_page, attach, model, api):
    page, scripted = agent_page(), script_page()
    for word in ("sources", "tool", "widget", "workflow", "think", "task", "image", "hide", "ask"):
        await scripted.say(word)
        if word == "tool":
            await scripted.answer_tool({"local_time": "6:07"})
    page.thread_id = scripted.thread_id
    picture = base64.b64decode(drawing("Quokka", cells=2).partition(",")[2])
    model.will_say(Reply("Well. ", tool="find_conversations", arguments={"words": ""}), Reply("I have read it all."))
    await page.say("Do you follow?", await attach(page, "fox.png", "image/png", picture))
    assert page.errors() == []
    assert len(model.requests) == 2
    for body in model.requests:
        if api == "responses":
            TypeAdapter(list[ResponseInputItemParam]).validate_python(body["input"])
        else:
            TypeAdapter(list[ChatCompletionMessageParam]).validate_python(body["messages"])
