"""The agent, with a model of either API: what it is told, what the page sees, and what is kept."""

import gc
import json
import logging
from unittest.mock import create_autospec

import pytest
from agents import TracingProcessor, set_trace_processors, set_tracing_disabled
from openai import AsyncOpenAI

from examples.fastapi_app.agent import AgentAssistant
from examples.fastapi_app.auth import User
from examples.fastapi_app.model_errors import LOST
from examples.fastapi_app.server import AppServer
from tests.support.chat_page import ChatPage
from tests.support.model_server import Reply
from tests.support.samples import items_of
from tests.support.waiting import eventually

BOTH_STORES = pytest.mark.parametrize("app_store", ["postgres", "buffered"], indirect=True)


@pytest.fixture
def page(agent_page):
    return agent_page()


@pytest.fixture
def heard(model, api):
    """``heard(number)``: what the model got as the conversation in a request, without the instructions."""

    def conversation(number: int = -1) -> list[dict]:
        body = model.requests[number]
        return body["input"] if api == "responses" else body["messages"][1:]

    return conversation


def said(conversation) -> list[tuple[str, str]]:
    return [(each["role"], text_of(each["content"])) for each in conversation]


def text_of(content) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@BOTH_STORES
async def test_the_replies_of_two_turns_are_kept_and_told_again(page, model, heard):
    model.will_say(Reply("Hello to you"), Reply("Once more"))
    await page.say("Hello")
    await page.say("Again")
    assert page.texts() == ["Hello", "Hello to you", "Again", "Once more"]
    assert said(heard()) == [("user", "Hello"), ("assistant", "Hello to you"), ("user", "Again")]
    await page.assert_kept()


async def test_earlier_conversations_are_found_by_their_titles_and_only_the_users_own(
    page, model, heard, script_page, api
):
    for user, text in (("alice", "Trip to Rome"), ("alice", "A trip to Oslo"), ("bob", "My trip to Rome")):
        await script_page(User(user)).say(text)
    call = Reply("Let me look.", tool="find_conversations", arguments={"words": "rome TRIP"})
    # The second time this conversation itself has a title with these words.
    for _ in range(2):
        model.will_say(call, Reply("There was one."))
        await page.say("Did we talk about a trip to Rome?")
        [output] = [each["output"] if api == "responses" else each["content"] for each in heard() if is_output(each)]
        assert [line.partition(": ")[2] for line in output.splitlines()] == ["Trip to Rome"]
    assert page.texts() == 2 * ["Did we talk about a trip to Rome?", "Let me look.", "There was one."]
    await page.assert_kept()


def is_output(message) -> bool:
    return message.get("type") == "function_call_output" or message.get("role") == "tool"


async def test_the_model_is_told_when_there_is_no_conversation_with_a_title(page, script_page, model, heard):
    await script_page().say("fail")
    model.will_say(Reply(tool="find_conversations", arguments={"words": ""}), Reply("There was none."))
    await page.say("Did we talk before?")
    [output] = [each for each in heard() if is_output(each)]
    assert "There is no such conversation." in output.values()
    assert page.texts() == ["Did we talk before?", "There was none."]


@BOTH_STORES
async def test_the_browsers_tool_ends_the_turn_and_its_answer_starts_the_next(page, model, heard):
    model.will_say(Reply("I ask your browser.", tool="get_local_time"), Reply("It is late."))
    await page.say("Is it late?")
    call = page.newest("client_tool_call")
    assert (call["name"], call["status"]) == ("get_local_time", "pending")
    assert page.texts() == ["Is it late?", "I ask your browser."]
    await page.assert_kept()
    await page.answer_tool({"local_time": "23:59"})
    assert page.texts() == ["Is it late?", "I ask your browser.", "It is late."]
    assert any(is_output(each) and "23:59" in json.dumps(each) for each in heard())
    assert call["call_id"] in json.dumps(heard())
    await page.assert_kept()


@BOTH_STORES
async def test_a_reply_that_is_stopped_keeps_what_was_said_and_its_model_is_let_go(page, model, heard, caplog):
    model.will_say(Reply("One two three", halts=True), Reply("Four"))
    await page.stop_after("One two", lambda: page.say("Count"))
    await eventually(model.deserted.is_set)
    await page.assert_kept()
    await page.say("Go on")
    assert page.texts() == ["Count", "One two", "Go on", "Four"]
    assert [role for role, _ in said(heard())] == ["user", "assistant", "user", "user"]
    assert "cancelled the stream" in str(heard())
    await page.assert_kept()
    gc.collect()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_another_reply_takes_the_place_of_the_first(page, model, heard):
    model.will_say(Reply("Heads"), Reply("Tails"))
    await page.say("Toss a coin")
    await page.retry()
    assert page.texts() == ["Toss a coin", "Tails"]
    assert said(heard()) == [("user", "Toss a coin")]
    await page.assert_kept()


@pytest.mark.parametrize(
    ("status", "words", "allow_retry"),
    [
        (400, "refuses this conversation", False),
        (401, "does not let this server in", False),
        (403, "is not for this server", False),
        (404, "does not exist", False),
        (429, "too much to do", True),
        (500, "could not finish", True),
    ],
)
async def test_an_error_of_the_model_is_told_in_words_and_without_what_it_quotes(
    page, model, caplog, *, status, words, allow_retry
):
    model.will_say(Reply(status=status), Reply("Now it works"))
    await page.say("Hello")
    [error] = page.errors()
    assert words in error["message"]
    assert error["allow_retry"] is allow_retry
    assert "Quokka" not in error["message"] + caplog.text
    assert f"status {status}" in caplog.text
    await page.assert_kept()
    await page.retry()
    assert page.texts() == ["Hello", "Now it works"]


async def test_a_model_that_breaks_off_is_an_error_that_can_be_tried_again(page, model):
    model.will_say(Reply("This will not be whole", breaks=True), Reply("This is whole"))
    await page.say("Hello")
    [error] = page.errors()
    assert "connection to the model failed" in error["message"]
    assert error["allow_retry"] is True
    await page.retry()
    assert page.texts() == ["Hello", "This is whole"]
    await page.assert_kept()


async def test_a_model_that_calls_its_tools_for_ever_is_ended(page, model):
    model.will_say(*[Reply(tool="find_conversations", arguments={"words": ""}) for _ in range(20)])
    await page.say("Hello")
    assert [error["message"] for error in page.errors()] == [LOST]


async def test_a_model_that_is_not_there_is_told_in_words(app_store, attachments, api):
    # Nothing listens on port 1.
    client = AsyncOpenAI(base_url="http://127.0.0.1:1/v1", api_key="none", max_retries=0)
    assistant = AgentAssistant(app_store, attachments, client=client, model="scripted", api=api)
    page = ChatPage(AppServer(app_store, attachments, assistant), User("alice"))
    await page.say("Hello")
    assert "connection to the model failed" in page.errors()[0]["message"]
    await assistant.aclose()


async def test_what_the_script_has_shown_can_be_told_to_a_model(app_store, script_page, page, model, heard):
    scripted = script_page()
    for word in ("sources", "widget", "workflow", "think", "task", "image", "hide", "ask"):
        await scripted.say(word)
    page.thread_id = scripted.thread_id
    model.will_say(Reply("I have read it all."))
    await page.say("Do you follow?")
    assert page.texts() == ["Do you follow?", "I have read it all."]
    assert "wanted to see how something is hidden" in str(heard())
    assert len(heard()) > len(await items_of(app_store, page.thread_id, page.context)) // 2


async def test_only_the_newest_items_of_a_long_conversation_are_told(page, model, heard):
    model.will_say(*[Reply(f"Reply {number}") for number in range(20)])
    for number in range(20):
        await page.say(f"Message {number}")
    assert len(heard()) == 30
    assert said(heard())[-1] == ("user", "Message 19")


async def test_conversations_are_not_handed_to_those_who_collect_traces(page, model, traces):
    model.will_say(Reply("Hello"))
    await page.say("Hello")
    assert page.texts() == ["Hello", "Hello"]
    assert traces.mock_calls == []


@pytest.fixture
def traces():
    processor = create_autospec(TracingProcessor)
    set_tracing_disabled(False)
    set_trace_processors([processor])
    yield processor
    set_trace_processors([])
    set_tracing_disabled(True)
