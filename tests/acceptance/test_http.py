"""What the example answers to browsers, and to those who pretend to be one."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from tests.acceptance.support import DEMO, Browser, Demo, RefusedError, done, message

PAGE = DEMO.parent / "fastapi_app" / "page"
COMPONENT_ORIGIN = "https://cdn.platform.openai.com"
LISTING = {"type": "threads.list", "params": {}}


@pytest.fixture(scope="module")
def demo(data_folder) -> Iterator[Demo]:
    with Demo(CHATKIT_DEMO_DATA=str(data_folder)) as demo:
        yield demo


@pytest.fixture
def browser(demo) -> Iterator[Browser]:
    with Browser(demo.address) as browser:
        yield browser


def test_a_user_named_in_the_request_is_not_believed(browser, demo):
    with Browser(demo.address) as alice:
        opened = alice.send("threads.create", input=message("title Mine"))[0]["thread"]
    user_id = alice.name
    claims = {"user_id": user_id, "user": user_id, "sub": user_id}
    listing = browser.post(LISTING | claims | {"metadata": claims}, params=claims, headers={"X-User-Id": user_id})
    assert opened["id"] not in listing.text
    assert listing.json()["data"] == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("Quokka", id="no object"),
        pytest.param({"type": "Quokka", "params": {}}, id="unknown type"),
        pytest.param({"type": "threads.get_by_id", "params": {"Quokka": 1}}, id="missing parameter"),
        pytest.param({"type": "threads.list", "params": {"limit": "Quokka"}}, id="wrong parameter"),
    ],
)
def test_a_malformed_request_is_explained_in_words(browser, body):
    response = browser.post(body)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert isinstance(response.json()["detail"], str)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("threads.get_by_id", {"thread_id": "thr_unknown"}),
        ("threads.add_user_message", {"thread_id": "thr_unknown", "input": message("hello")}),
        ("threads.retry_after_item", {"thread_id": "thr_unknown", "item_id": "msg_unknown"}),
    ],
)
def test_an_unknown_thread_is_not_found_whether_or_not_the_answer_streams(browser, kind, params):
    with pytest.raises(RefusedError) as refused:
        browser.send(kind, **params)
    assert refused.value.status == HTTPStatus.NOT_FOUND


def test_an_unknown_message_is_not_answered_again(browser):
    thread_id = browser.send("threads.create", input=message("hello"))[0]["thread"]["id"]
    with pytest.raises(RefusedError) as refused:
        browser.send("threads.retry_after_item", thread_id=thread_id, item_id="msg_unknown")
    assert refused.value.status == HTTPStatus.NOT_FOUND


def test_what_does_not_fit_the_conversation_is_refused(browser):
    thread_id = browser.send("threads.create", input=message("hello"))[0]["thread"]["id"]
    with pytest.raises(RefusedError) as refused:
        browser.send("threads.add_client_tool_output", thread_id=thread_id, result="nobody asked")
    assert refused.value.status == HTTPStatus.BAD_REQUEST
    with pytest.raises(RefusedError) as refused:
        browser.ask("threads.list", limit=-1)
    assert refused.value.status == HTTPStatus.BAD_REQUEST


def test_a_widget_is_not_changed_by_an_action_it_does_not_have(browser, demo):
    events = browser.send("threads.create", input=message("widget"))
    widget = done(events, "widget")
    target = {"thread_id": widget["thread_id"], "item_id": widget["id"]}
    for action in ({"type": "counter.reset"}, {"type": "counter.add", "payload": {"count": "Quokka"}}):
        with pytest.raises(RefusedError) as refused:
            browser.ask("threads.sync_custom_action", **target, action=action)
        assert refused.value.status == HTTPStatus.BAD_REQUEST
    [page] = browser.pages("items.list", thread_id=widget["thread_id"])
    assert widget in page["data"]
    assert "Quokka" not in demo.log


def test_the_app_tells_when_it_is_ready(demo):
    assert httpx.get(f"{demo.address}/health/ready").json() == {"status": "ready"}


@pytest.mark.parametrize("path", sorted(PAGE.iterdir()), ids=lambda path: path.name)
def test_the_page_is_served_whole_and_needs_nobody_elses_server_but_for_the_official_component(demo, path: Path):
    served = httpx.get(f"{demo.address}/page/{path.name}")
    assert served.content == path.read_bytes()
    others = set(re.findall(r"https?://[^/\"'` ]+", served.text))
    assert others - {"http://www.w3.org"} == ({COMPONENT_ORIGIN} if path.name == "component.js" else set())


def policy_of(demo, path) -> dict[str, str]:
    policy = httpx.get(demo.address + path).raise_for_status().headers["Content-Security-Policy"]
    return dict(directive.split(" ", 1) for directive in policy.split("; "))


def test_the_page_may_load_and_call_nothing_but_its_own_server(demo):
    policy = policy_of(demo, "/")
    assert policy["default-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' data: blob:"
    assert policy["frame-ancestors"] == "'none'"
    assert "http" not in str(policy)


def test_the_page_of_the_official_component_may_load_that_as_well(demo):
    policy = policy_of(demo, "/component")
    assert policy["script-src"] == f"'self' {COMPONENT_ORIGIN}"
    assert policy["frame-src"] == COMPONENT_ORIGIN
    assert policy["connect-src"] == "'self'"


def test_a_page_is_told_what_it_has_to_know_before_anybody_signs_in(demo):
    told = httpx.get(f"{demo.address}/client-settings").json()
    assert (told["sign_in"], told["assistant"]) == ("development", "scripted")
    assert told["uploads"]["max_bytes"] == 20 * 1024 * 1024
    assert "image/png" in told["uploads"]["mime_types"]


def test_a_file_that_is_not_taken_is_refused_in_words(browser):
    for size, kind, status in (
        (2**30, "image/png", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (9, "application/x-msdownload", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    ):
        with pytest.raises(RefusedError) as refused:
            browser.ask("attachments.create", name="Quokka", size=size, mime_type=kind)
        assert refused.value.status == status
        assert "file" in refused.value.detail.lower()


def test_an_attachment_is_uploaded_sent_and_opened_by_its_owner_alone(demo, browser):
    created = browser.ask("attachments.create", name="Quokka.txt", size=5, mime_type="text/plain")
    upload = created["upload_descriptor"]
    httpx.request(upload["method"], upload["url"], headers=upload["headers"], content=b"hello").raise_for_status()
    browser.send("threads.create", input=message("See this", created["id"]))
    path = f"/attachments/{created['id']}/download-url"
    link = browser.http.get(path).raise_for_status().json()["url"]
    assert link.startswith(f"{demo.address}/files/")
    assert httpx.get(link).content == b"hello"
    with Browser(demo.address) as stranger:
        assert stranger.http.get(path).status_code == HTTPStatus.NOT_FOUND
