"""The API for other programs: the same conversations as in the chat, page by page, and nobody else's."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from uuid import uuid4

import httpx
import jwt
import pytest

from examples.fastapi_app.settings import MOST_BODY_BYTES
from tests.acceptance.support import App, Browser, done, message
from tests.acceptance.tokens import claims
from tests.support.databases import execute

NOT_FOUND = {"detail": "There is no such conversation, message or attachment here."}


@pytest.fixture(scope="module")
def app(database) -> Iterator[App]:
    with App(DATABASE_URL=database, CHATKIT_DEVELOPMENT_SIGN_IN="on") as app:
        yield app


def client_of(app, user_id=None) -> httpx.Client:
    """Return another program, with a token of its own for its user."""
    token = jwt.encode(claims(sub=user_id or f"user-{uuid4().hex}"), App.SECRET, "HS256")
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{app.address}/api", headers=headers, timeout=60)


@pytest.fixture
def alice(app) -> Iterator[httpx.Client]:
    with client_of(app) as client:
        yield client


@pytest.fixture
def bob(app) -> Iterator[httpx.Client]:
    with client_of(app) as client:
        yield client


def begin(client, **fields) -> str:
    response = client.post("/conversations", json=fields)
    assert response.status_code == HTTPStatus.CREATED
    return response.json()["id"]


def say(client, conversation, content, role="user") -> str:
    response = client.post(f"/conversations/{conversation}/messages", json={"role": role, "content": content})
    assert response.status_code == HTTPStatus.CREATED
    return response.json()["id"]


def said_in(client, conversation, **wanted) -> list[tuple[str, str]]:
    listed = client.get(f"/conversations/{conversation}/messages", params=wanted).raise_for_status().json()["data"]
    return [(each["role"], each["content"]) for each in listed]


def test_what_is_written_is_read_in_the_order_it_happened(alice):
    begun = alice.post("/conversations", json={"title": "Quokkas"})
    assert begun.status_code == HTTPStatus.CREATED
    assert set(begun.json()) == {"id", "title", "created_at"}
    conversation = begun.json()["id"]
    first = alice.post(f"/conversations/{conversation}/messages", json={"role": "user", "content": "Where?"}).json()
    assert (first["role"], first["content"]) == ("user", "Where?")
    say(alice, conversation, "On Rottnest Island.", "assistant")
    say(alice, conversation, " kept as it came:\n\0\U0001f4be ")
    page = alice.get(f"/conversations/{conversation}/messages").json()
    assert page["data"][0] == first
    assert [each["role"] for each in page["data"]] == ["user", "assistant", "user"]
    assert page["data"][2]["content"] == " kept as it came:\n\0\U0001f4be "
    assert (page["has_more"], page["after"]) == (False, None)
    [listed] = alice.get("/conversations").json()["data"]
    assert listed == begun.json() | {"items": 3}


def test_a_page_has_fifty_rows_unless_another_number_is_wanted_and_the_pages_are_all_there_is(alice):
    conversation = begin(alice)
    everything = [str(number) for number in range(53)]
    for content in everything:
        say(alice, conversation, content)
    assert [content for _, content in said_in(alice, conversation)] == everything[:50]
    assert [content for _, content in said_in(alice, conversation, limit=10**30)] == everything
    pages, after = [], {}
    while True:
        page = alice.get(f"/conversations/{conversation}/messages", params={"limit": 20} | after).json()
        pages.append([each["content"] for each in page["data"]])
        after = {"after": page["after"]}
        if not page["has_more"]:
            break
    assert pages == [everything[:20], everything[20:40], everything[40:]]


def test_conversations_are_listed_oldest_first_page_by_page(alice):
    begun = [begin(alice, title=f"{number}") for number in range(3)]
    first = alice.get("/conversations", params={"limit": 2}).json()
    second = alice.get("/conversations", params={"limit": 2, "after": first["after"]}).json()
    assert [each["id"] for each in first["data"] + second["data"]] == begun
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert [each["items"] for each in first["data"]] == [0, 0]


def test_an_empty_conversation_is_an_empty_page(alice):
    assert said_in(alice, begin(alice)) == []


def test_what_was_said_in_the_chat_is_read_here_and_what_is_no_message_is_left_out(app):
    with Browser(app.address) as browser, client_of(app, browser.name) as client:
        events = browser.send("threads.create", input=message("widget"))
        conversation = done(events, "widget")["thread_id"]
        [user, *_] = said_in(client, conversation)
        assert user == ("user", "widget")
        [listed] = client.get("/conversations").json()["data"]
        assert listed["items"] == len([each for each in events if each["type"] == "thread.item.done"])
        kept = client.get(f"/conversations/{conversation}/messages").json()["data"]
        assert done(events, "widget")["id"] not in [each["id"] for each in kept]
        say(client, conversation, "From another program", "assistant")
        shown = browser.ask("items.list", thread_id=conversation, limit=1)["data"]
        assert shown[0]["content"][0]["text"] == "From another program"


def test_feedback_is_told_and_its_latest_kind(app, bob):
    with Browser(app.address) as browser, client_of(app, browser.name) as client:
        reply = done(browser.send("threads.create", input=message("hello")), "assistant_message")
        rated = {"thread_id": reply["thread_id"], "item_ids": [reply["id"]]}
        path = f"/conversations/{reply['thread_id']}/feedback"
        assert client.get(path).json() == {"feedback": {}}
        for kind in ("positive", "negative"):
            browser.ask("items.feedback", **rated, kind=kind)
            assert client.get(path).json() == {"feedback": {reply["id"]: kind}}
        assert bob.get(path).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("path", ["messages", "feedback"])
def test_another_users_conversation_is_as_if_it_did_not_exist(alice, bob, path):
    theirs = begin(alice)
    item = say(alice, theirs, "Mine")
    for conversation in (theirs, "thr_unknown", "a" * 513, "%00", "ü" * 300):
        for wanted in ({}, {"after": item} if path == "messages" else {}):
            refused = bob.get(f"/conversations/{conversation}/{path}", params=wanted)
            assert (refused.status_code, refused.json()) == (HTTPStatus.NOT_FOUND, NOT_FOUND)
    refused = bob.post(f"/conversations/{theirs}/messages", json={"role": "user", "content": "Mine, too"})
    assert (refused.status_code, refused.json()) == (HTTPStatus.NOT_FOUND, NOT_FOUND)
    assert said_in(alice, theirs) == [("user", "Mine")]
    assert bob.get("/conversations").json()["data"] == []


def test_a_place_that_is_not_in_the_list_is_not_found(alice, bob):
    conversation, others = begin(alice), begin(bob)
    for after in ("msg_unknown", say(bob, others, "Mine"), "", "a" * 513, "\0"):
        assert (
            alice.get(f"/conversations/{conversation}/messages", params={"after": after}).status_code
            == HTTPStatus.NOT_FOUND
        )
    for after in ("thr_unknown", others):
        assert alice.get("/conversations", params={"after": after}).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5", ""])
def test_a_limit_below_one_or_that_is_none_is_refused(alice, limit):
    for path in ("/conversations", f"/conversations/{begin(alice)}/messages"):
        assert alice.get(path, params={"limit": limit}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


BAD_MESSAGES = {
    "another role": {"role": "system", "content": "Hello"},
    "no role": {"content": "Hello"},
    "empty": {"role": "user", "content": ""},
    "blanks": {"role": "user", "content": " \t\n\u00a0\u2003"},
    "no content": {"role": "user"},
    "content that is no text": {"role": "user", "content": ["Hello"]},
    "half a character": {"role": "user", "content": "\ud800"},
    "an unknown field": {"role": "user", "content": "Hello", "user_id": "bob"},
    "a list": [],
    "nothing": None,
}


@pytest.mark.parametrize("body", BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_a_message_that_is_none_is_refused_in_words_and_not_kept(alice, body):
    conversation = begin(alice)
    refused = alice.post(f"/conversations/{conversation}/messages", content=json.dumps(body))
    assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert isinstance(refused.json()["detail"], str)
    assert said_in(alice, conversation) == []


@pytest.mark.parametrize("content", ["", "{", "\udcff"], ids=["empty", "broken", "no text"])
def test_a_body_that_is_no_json_is_refused(alice, content):
    refused = alice.post("/conversations", content=content.encode(errors="surrogateescape"))
    assert refused.status_code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.BAD_REQUEST)
    assert isinstance(refused.json()["detail"], str)


def test_a_body_that_is_too_large_is_refused(app):
    refused = httpx.post(f"{app.address}/api/conversations", content=b" " * (MOST_BODY_BYTES + 1))
    assert refused.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_an_unknown_parameter_is_refused(alice):
    assert alice.get("/conversations", params={"limits": 1}).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_whoever_is_not_signed_in_learns_nothing_of_a_request(app):
    for path in (f"/{'a' * 513}/messages", "?limit=0"):
        response = httpx.get(f"{app.address}/api/conversations{path}")
        assert response.status_code == HTTPStatus.UNAUTHORIZED


async def test_a_failure_is_told_in_general_and_logged_in_particular(database_url):
    with App(DATABASE_URL=database_url) as app, client_of(app) as client:
        conversation = begin(client)
        await execute(database_url, "ALTER TABLE chatkit_thread_items RENAME TO quokkas")
        for path in (f"/conversations/{conversation}/messages", "/conversations"):
            failed = client.get(path)
            assert failed.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
            assert failed.json() == {"detail": "The server could not do this. The cause is in its log."}
        assert client.post("/conversations", json={}).status_code == HTTPStatus.CREATED
        app.wait_for('relation "chatkit_thread_items" does not exist')
