"""A conversation through every request type survives SIGKILL, whole, and stays its owner's alone."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, get_args

import pytest
from chatkit.types import ChatKitReq

from tests.acceptance.conversation import SECRETS, Conversation
from tests.acceptance.support import Browser, Demo, RefusedError, everything_of, message

NOTHING = {"data": [], "has_more": False}


@dataclass
class Story:
    """A conversation, the demo that was killed after it, and the one that runs since."""

    conversation: Conversation
    exercised: set[str]
    before: dict[str, Any]
    killed: Demo
    demo: Demo
    alice: Browser


@pytest.fixture(scope="module")
def story(data_folder) -> Iterator[Story]:
    with Demo(CHATKIT_DEMO_DATA=str(data_folder)) as killed, Browser(killed.address) as browser:
        conversation = Conversation(killed, browser)
        conversation.hold()
        before = everything_of(browser)
        killed.end(signal.SIGKILL)
    with (
        Demo(CHATKIT_DEMO_DATA=str(data_folder)) as demo,
        Browser(demo.address, browser.name) as alice,
    ):
        yield Story(conversation, browser.exercised, before, killed, demo, alice)


@pytest.fixture
def stranger(story) -> Iterator[Browser]:
    with Browser(story.demo.address) as browser:
        yield browser


def test_every_request_type_of_the_sdk_is_exercised(story):
    union = get_args(ChatKitReq)[0]
    assert story.exercised == {member.model_fields["type"].default for member in get_args(union)}


def test_a_killed_demo_finds_everything_as_it_was(story):
    assert everything_of(story.alice) == story.before


def test_the_conversation_holds_each_kind_of_item_in_the_order_it_happened(story):
    pages = story.before[f"{story.conversation.thread_id} asc"]
    kinds = [item["type"] for page in pages for item in page["data"]]
    exchange = ["user_message", "assistant_message"]
    assert kinds == [
        *exchange,
        *exchange,
        *["client_tool_call", "assistant_message"],
        *exchange,
        *["structured_input", "assistant_message"],
        *["user_message", "widget", "assistant_message"],
        *["user_message", "workflow", "assistant_message"],
        *exchange,
        *exchange,
    ]


def test_a_stopped_reply_is_kept_as_far_as_it_was_heard(story):
    newest = story.before[f"{story.conversation.thread_id} desc"][0]["data"][0]
    kept = newest["content"][0]["text"]
    assert kept.startswith(story.conversation.heard)
    assert "sentence 60" not in kept


def test_what_was_deleted_stays_deleted(story):
    listed = [thread["id"] for page in story.before["asc"] for thread in page["data"]]
    assert len(listed) == 4
    assert story.conversation.deleted_thread_id not in listed
    assert story.conversation.discarded["id"] not in str(story.before)


def test_the_title_that_was_asked_for_or_given_stays(story):
    titles = [thread["title"] for page in story.before["desc"] for thread in page["data"]]
    assert titles == ["3", "2", "0", SECRETS["title"]]


def test_another_visitor_finds_an_empty_history(stranger):
    assert stranger.ask("threads.list") == NOTHING


def test_every_guessed_id_is_as_if_it_did_not_exist(story, stranger):
    thread = story.conversation.thread_id
    guesses = sorted(set(ids_in(story.before)))
    assert {thread, story.conversation.widget_id, story.conversation.attachment_id} <= {*guesses}
    for guess in guesses:
        assert is_not_found(stranger, "threads.get_by_id", thread_id=guess)
        assert is_not_found(stranger, "threads.list", after=guess)
        assert is_not_found(stranger, "items.list", thread_id=thread, after=guess)
        assert stranger.ask("items.list", thread_id=guess) == NOTHING


@dataclass
class Ids:
    """What a stranger who has a thread of his own might combine with another visitor's ids."""

    thread_id: str
    item_id: str


REFUSED: dict[str, Callable[[Ids], dict[str, Any]]] = {
    "threads.update": lambda ids: {"thread_id": ids.thread_id, "title": "mine"},
    "threads.add_user_message": lambda ids: {"thread_id": ids.thread_id, "input": message("mine")},
    "threads.add_client_tool_output": lambda ids: {"thread_id": ids.thread_id, "result": "mine"},
    "threads.add_structured_input": lambda ids: {**vars(ids), "input": {"status": "skipped"}},
    "threads.custom_action": lambda ids: {**vars(ids), "action": {"type": "counter.finish"}},
    "threads.sync_custom_action": lambda ids: {**vars(ids), "action": {"type": "counter.add"}},
    "threads.retry_after_item": vars,
    "items.feedback": lambda ids: {
        "thread_id": ids.thread_id,
        "item_ids": [ids.item_id],
        "kind": "negative",
    },
}
"""Requests that name a thread, and most of them an item as well."""


@pytest.mark.parametrize("kind", REFUSED)
def test_a_guessed_thread_can_neither_be_used_nor_changed(story, stranger, kind):
    foreign = Ids(story.conversation.thread_id, story.conversation.widget_id)
    assert is_not_found(stranger, kind, **REFUSED[kind](foreign))
    assert everything_of(story.alice) == story.before


@pytest.mark.parametrize("kind", [kind for kind in REFUSED if "item" in str(REFUSED[kind](Ids("", "item")))])
def test_a_guessed_item_is_not_found_in_a_thread_of_ones_own(story, stranger, kind):
    own_thread = stranger.send("threads.create", input=message("title Mine"))[0]["thread"]["id"]
    combined = Ids(own_thread, story.conversation.widget_id)
    assert is_not_found(stranger, kind, **REFUSED[kind](combined))
    assert everything_of(story.alice) == story.before


def test_a_guessed_attachment_cannot_be_sent(story, stranger):
    events = stranger.send("threads.create", input=message("mine", story.conversation.attachment_id))
    assert [event["type"] for event in events] == ["thread.created", "error"]
    assert SECRETS["attachment name"] not in str(events)


def test_deleting_what_is_anothers_deletes_nothing(story, stranger):
    for thread_id in (thread["id"] for page in story.before["asc"] for thread in page["data"]):
        assert stranger.ask("threads.delete", thread_id=thread_id) == {}
    assert stranger.ask("attachments.delete", attachment_id=story.conversation.attachment_id) == {}
    assert everything_of(story.alice) == story.before
    attached = message("with attachment", story.conversation.attachment_id)
    events = story.alice.send("threads.create", input=attached)
    story.alice.ask("threads.delete", thread_id=events[0]["thread"]["id"])
    assert SECRETS["attachment name"] in str(events)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_content_is_in_the_log(story, secret):
    assert secret not in story.killed.log
    assert secret not in story.demo.log


def test_the_log_shows_each_store_call(story):
    alice, thread = story.alice, {"thread_id": story.conversation.thread_id}
    calls = story.demo.store_calls
    assert calls(lambda: alice.ask("threads.list")) == ["load_threads"]
    assert calls(lambda: alice.ask("items.list", **thread)) == ["load_thread_items"]
    assert calls(lambda: alice.ask("threads.get_by_id", **thread)) == ["load_thread", "load_thread_items"]
    assert calls(lambda: alice.ask("threads.update", **thread, title=SECRETS["title"])) == [
        "load_thread",
        "save_thread",
    ]


def is_not_found(browser: Browser, kind: str, /, **params: Any) -> bool:
    with pytest.raises(RefusedError) as refused:
        list(browser.stream(kind, **params))
    return refused.value.status == HTTPStatus.NOT_FOUND


def ids_in(document: Any) -> Iterator[str]:
    """Yield every id in what a visitor has read."""
    if isinstance(document, dict):
        if isinstance(document.get("id"), str):
            yield document["id"]
        document = list(document.values())
    if isinstance(document, list):
        for value in document:
            yield from ids_in(value)
