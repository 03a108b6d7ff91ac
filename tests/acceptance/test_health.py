"""What the app tells a load balancer, and how it ends."""

import signal
from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest

from examples.embedded_postgres import EmbeddedPostgres
from tests.acceptance.support import App, Browser, done, message
from tests.support.databases import execute
from tests.support.samples import items_of

SENTENCES = 60
SIGNED_IN = {"CHATKIT_DEVELOPMENT_SIGN_IN": "on"}


@pytest.fixture(scope="module")
def server(data_folder) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(data_folder / "postgres", durable=True) as server:
        yield server


def get(app, path) -> tuple[int, dict]:
    answer = httpx.get(app.address + path, timeout=60)
    return answer.status_code, answer.json()


def lets_in(app) -> bool:
    try:
        get(app, "/health/ready")
    except httpx.ConnectError:
        return False
    return True


def opened(browser) -> tuple[str, Iterator[dict]]:
    """Begin a long reply; return its thread, and what is still to come of it."""
    reply = browser.stream("threads.create", input=message("long"))
    thread_id = next(reply)["thread"]["id"]
    heard = ""
    while "sentence 1" not in heard:
        heard += next(reply).get("update", {}).get("delta", "")
    return thread_id, reply


def test_an_app_without_its_database_is_alive_and_not_ready_until_it_is_back(server):
    with App(DATABASE_URL=server.url()) as app:
        assert get(app, "/health/ready") == (HTTPStatus.OK, {"status": "ready"})
        server.stop()
        not_ready = {"detail": "The database does not answer."}
        assert get(app, "/health/ready") == (HTTPStatus.SERVICE_UNAVAILABLE, not_ready)
        assert get(app, "/health/live") == (HTTPStatus.OK, {"status": "live"})
        server.start()
        assert get(app, "/health/ready") == (HTTPStatus.OK, {"status": "ready"})


async def test_an_app_whose_schema_is_not_there_says_so(database_url):
    with App(DATABASE_URL=database_url) as app:
        await execute(database_url, "UPDATE chatkit_schema_version SET version_num = '0001'")
        status, answer = get(app, "/health/ready")
        assert status == HTTPStatus.SERVICE_UNAVAILABLE
        assert "revision of the schema" in answer["detail"]
        app.wait_for("is at revision 0001")
        assert get(app, "/health/live")[0] == HTTPStatus.OK


def test_with_a_journal_an_app_is_ready_while_its_database_is_away(server, tmp_path):
    with App(DATABASE_URL=server.url(), CHATKIT_JOURNAL=str(tmp_path / "journal"), **SIGNED_IN) as app:
        with Browser(app.address) as browser:
            server.stop()
            browser.send("threads.create", input=message("hello"))
        assert get(app, "/health/ready") == (HTTPStatus.OK, {"status": "ready"})
        server.start()


async def test_a_reply_on_its_way_is_finished_before_the_app_ends_and_nobody_else_is_let_in(database_url, store):
    with App(DATABASE_URL=database_url, **SIGNED_IN) as app, Browser(app.address) as browser:
        thread_id, rest = opened(browser)
        app.send(signal.SIGTERM)
        app.wait_for("Shutting down")
        assert not lets_in(app)
        said = done(list(rest), "assistant_message")["content"][0]["text"]
        app.wait()
    assert f"sentence {SENTENCES}" in said
    [_, reply] = await items_of(store, thread_id, {"user_id": browser.name})
    assert reply.content[0].text == said
