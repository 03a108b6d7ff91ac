"""Agents of the Agents SDK with a chat-completions model, through ChatKit: what the page sees is what is stored."""

import asyncio
import re
from pathlib import Path

import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    OpenAIChatCompletionsModel,
    RunContextWrapper,
    Runner,
    StopAtTools,
    function_tool,
    input_guardrail,
    output_guardrail,
    set_tracing_disabled,
)
from chatkit.agents import AgentContext, ClientToolCall, ThreadItemConverter, stream_agent_response
from chatkit.server import ChatKitServer
from openai import AsyncOpenAI

from chatkit_pgstore import unique_item_ids
from tests.support.chat_page import ChatPage, text_of
from tests.support.model_server import ModelServer, Reply
from tests.support.samples import items_of

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "agents.md"
ID = re.compile(r"[a-z]+_[0-9a-f]{32}")


@pytest.fixture(autouse=True)
def no_tracing():
    set_tracing_disabled(True)


@pytest.fixture
async def model():
    async with ModelServer() as server:
        yield server


@pytest.fixture
async def agent_with(model):
    """``agent_with(tools=[...])``: an agent whose model is the scripted one."""
    async with AsyncOpenAI(base_url=model.url, api_key="none", max_retries=0) as client:
        yield lambda **options: Agent(name="Assistant", model=OpenAIChatCompletionsModel("scripted", client), **options)


class Converter(ThreadItemConverter):
    async def assistant_message_to_input(self, item):
        # The SDK's own form, with parts of the type output_text, is refused by chat-completions models.
        return {"role": "assistant", "content": "".join(part.text for part in item.content)}


class AgentServer(ChatKitServer):
    def __init__(self, store, agent):
        super().__init__(store)
        self.agent = agent

    async def respond(self, thread, input_user_message, context):
        items = await items_of(self.store, thread.id, context)
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        result = Runner.run_streamed(self.agent, await Converter().to_agent_input(items), context=agent_context)
        events = stream_agent_response(agent_context, result)
        async for event in unique_item_ids(events, self.store, thread, context):
            yield event


async def assert_kept(page):
    """The thread in the store is what the page shows, item for item, under ids of the store's."""
    await page.assert_kept()
    assert all(ID.fullmatch(item_id) for item_id in page.items)


@pytest.fixture
def open_page(store, agent_with):
    return lambda **options: ChatPage(AgentServer(store, agent_with(**options)))


async def test_the_replies_of_two_turns_are_both_kept(model, open_page):
    model.will_say(Reply("Hello to you"), Reply("Once more"))
    page = open_page()
    await page.say("Hello")
    await page.say("Again")
    assert page.texts() == ["Hello", "Hello to you", "Again", "Once more"]
    await assert_kept(page)
    assert [(each["role"], text_of(each["content"])) for each in model.requests[1]["messages"]] == [
        ("user", "Hello"),
        ("assistant", "Hello to you"),
        ("user", "Again"),
    ]


async def test_the_replies_around_a_tool_call_are_both_kept(model, open_page):
    @function_tool
    def look() -> str:
        return "green"

    model.will_say(Reply("Let me look.", tool="look"), Reply("It is green."))
    page = open_page(tools=[look])
    await page.say("Which colour?")
    assert page.texts() == ["Which colour?", "Let me look.", "It is green."]
    await assert_kept(page)


async def test_a_thought_and_its_reply_are_both_kept(model, open_page):
    model.will_say(Reply("Yes", thought="Let me think"), Reply("No", thought="Let me think again"))
    page = open_page()
    await page.say("Really?")
    await page.say("Really?")
    assert page.texts() == ["Really?", "Yes", "Really?", "No"]
    assert len(page.ids("workflow")) == 2
    await assert_kept(page)


async def test_a_call_of_the_browsers_tool_is_answered_under_its_own_id(model, open_page):
    @function_tool
    async def where(context: RunContextWrapper[AgentContext]) -> None:
        context.context.client_tool_call = ClientToolCall(name="where", arguments={})

    model.will_say(Reply("I ask your browser.", tool="where"), Reply("You are here."))
    page = open_page(tools=[where], tool_use_behavior=StopAtTools(stop_at_tool_names=["where"]))
    await page.say("Where am I?")
    [call] = page.ids("client_tool_call")
    assert call.startswith("tc_")
    await assert_kept(page)
    await page.answer_tool({"place": "here"})
    assert page.texts() == ["Where am I?", "I ask your browser.", "You are here."]
    await assert_kept(page)


async def test_an_output_guardrail_withdraws_all_replies_of_its_run(model, open_page):
    @function_tool
    def look() -> str:
        return "green"

    @output_guardrail
    async def no_secrets(context, agent, output):
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered="secret" in output)

    model.will_say(Reply("No harm done"), Reply("I look it up.", tool="look"), Reply("The secret is out"))
    page = open_page(tools=[look], output_guardrails=[no_secrets])
    await page.say("Hello")
    await page.say("Tell me the secret")
    removed = [event["item_id"] for event in page.events if event["type"] == "thread.item.removed"]
    assert len(removed) == len(set(removed)) == 2
    assert page.texts() == ["Hello", "No harm done", "Tell me the secret"]
    await assert_kept(page)


async def test_an_input_guardrail_withdraws_a_reply_that_has_begun(model, open_page):
    shown = asyncio.Event()

    @input_guardrail
    async def not_this(context, agent, question):
        await shown.wait()
        model.go_on()  # with its next word the Agents SDK sees that the guardrail has tripped
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    model.will_say(Reply("This should not be", halts=True))
    page = open_page(input_guardrails=[not_this])
    asking = asyncio.create_task(page.say("May I?"))
    await page.until("This should not")
    shown.set()
    await asking
    assert page.texts() == ["May I?"]
    await assert_kept(page)


async def test_a_guardrail_that_trips_after_a_tool_call_alone_has_nothing_to_withdraw(model, open_page, caplog):
    @function_tool
    def look() -> str:
        return "secret"

    @output_guardrail
    async def nothing_at_all(context, agent, output):
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    model.will_say(Reply(tool="look"))
    page = open_page(tools=[look], tool_use_behavior="stop_on_first_tool", output_guardrails=[nothing_at_all])
    await page.say("Look")
    assert page.texts() == ["Look"]
    assert [event["type"] for event in page.events if "removed" in event["type"]] == []
    assert page.events[-1]["type"] == "error"
    assert [record for record in caplog.records if record.name == "chatkit_pgstore"] == []


async def test_a_reply_that_is_stopped_half_way_is_kept_under_the_id_the_page_knows(model, open_page):
    model.will_say(Reply("Half of a whole", halts=True), Reply("As you like"))
    page = open_page()
    asking = asyncio.create_task(page.say("Tell me"))
    await page.until("Half of a")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await assert_kept(page)
    assert page.texts() == ["Tell me", "Half of a"]
    assert (await items_of(page.server.store, page.thread_id))[-1].type == "sdk_hidden_context"
    await page.say("Never mind")
    assert page.texts() == ["Tell me", "Half of a", "Never mind", "As you like"]
    await assert_kept(page)


async def test_the_server_of_the_how_to_page_keeps_both_replies(model, database_url, monkeypatch, made_stores):
    monkeypatch.setenv("MODEL_URL", model.url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    [code] = re.findall(r"^```python\n(.*?)^```$", HOW_TO.read_text(), re.MULTILINE | re.DOTALL)
    names = {}
    exec(compile(code, HOW_TO, "exec"), names)
    made_stores.append(names["store"])
    model.will_say(Reply("Hello to you"), Reply("Once more"))
    page = ChatPage(names["server"])
    await page.say("Hello")
    await page.say("Again")
    assert page.texts() == ["Hello", "Hello to you", "Again", "Once more"]
    await assert_kept(page)
    await names["client"].close()
