"""What the example answers to browsers, and to those who pretend to be one."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from tests.acceptance.support import DEMO, Browser, Demo, RefusedError, done, message

PAGE = DEMO.parent / "fastapi_app" / "page"
LISTING = {"type": "threads.list", "params": {}}


@pytest.fixture(scope="module")
def demo(data_folder) -> Iterator[Demo]:
    with Demo(CHATKIT_DEMO_DATA=str(data_folder)) as demo:
        yield demo


@pytest.fixture
def browser(demo) -> Iterator[Browser]:
    with Browser(demo.address) as browser:
        yield browser


def test_the_page_gives_a_cookie_that_no_script_reads_and_no_other_site_sends(demo):
    [cookie] = httpx.get(demo.address).headers.get_list("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_a_known_visitor_keeps_the_cookie(demo, browser):
    again = httpx.get(demo.address, cookies=browser.cookies)
    assert "set-cookie" not in again.headers


def test_without_a_cookie_there_is_no_user(demo):
    response = httpx.post(f"{demo.address}/chatkit", json=LISTING)
    assert response.status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda _own: "", id="empty"),
        pytest.param(lambda own: own.partition(".")[0], id="unsigned"),
        pytest.param(lambda own: f"{own.partition('.')[0]}.", id="empty signature"),
        pytest.param(lambda own: f"x{own}", id="another user, own signature"),
        pytest.param(lambda own: f"{own}0", id="longer signature"),
        pytest.param(lambda own: f".{own.partition('.')[2]}", id="no user"),
    ],
)
def test_a_forged_cookie_is_no_user(demo, browser, forge):
    [(name, own)] = browser.cookies.items()
    assert httpx.post(f"{demo.address}/chatkit", json=LISTING, cookies={name: own}).is_success
    forged = httpx.post(f"{demo.address}/chatkit", json=LISTING, headers={"Cookie": f"{name}={forge(own)}"})
    assert forged.status_code == HTTPStatus.UNAUTHORIZED


def test_a_user_named_in_the_request_is_not_believed(browser, demo):
    with Browser(demo.address) as alice:
        opened = alice.send("threads.create", input=message("title Mine"))[0]["thread"]
        user_id = alice.cookies["chatkit_demo_visitor"].partition(".")[0]
    claims = {"user_id": user_id, "user": user_id}
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
def test_a_malformed_request_is_explained_and_not_repeated(browser, body):
    response = browser.post(body)
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert response.json()["detail"][0]["type"]
    assert "input" not in response.json()["detail"][0]


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
def test_the_page_is_served_whole_and_needs_nobody_elses_server(demo, path: Path):
    served = httpx.get(f"{demo.address}/page/{path.name}")
    assert served.content == path.read_bytes()
    assert "//" not in served.text.replace("// ", "").replace("//\n", "")
