"""Conversations go on while PostgreSQL is stopped for 30 seconds, and are whole afterwards.

One demo lives through the outage; another, with a journal of its own, is killed in the middle of it.
"""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from examples.embedded_postgres import EmbeddedPostgres
from tests.acceptance.support import Browser, Demo, everything_of, message

OUTAGE_SECONDS = 30.0


@dataclass
class Talk:
    """What one visitor said and was told, thread by thread, as the page showed it."""

    browser: Browser
    shown: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def begin(self, text: str) -> str:
        events = self.browser.send("threads.create", input=message(text))
        thread_id = events[0]["thread"]["id"]
        self._keep(thread_id, events)
        return thread_id

    def say(self, thread_id: str, text: str) -> None:
        self._keep(thread_id, self.browser.send("threads.add_user_message", thread_id=thread_id, input=message(text)))

    def _keep(self, thread_id: str, events: list[dict[str, Any]]) -> None:
        assert not [event for event in events if event["type"] == "error"]
        done = [event["item"] for event in events if event["type"] == "thread.item.done"]
        assert [item["type"] for item in done] == ["user_message", "assistant_message"]
        self.shown.setdefault(thread_id, []).extend(done)

    def move_to(self, demo: Demo) -> None:
        """Go on at another address, as the same visitor."""
        with self.browser as before:
            self.browser = Browser(demo.address, before.name)

    def now(self, thread_id: str) -> list[dict[str, Any]]:
        """Return the thread as the app shows it now."""
        pages = self.browser.pages("items.list", thread_id=thread_id, limit=7, order="asc")
        return [item for page in pages for item in page["data"]]


@dataclass
class Story:
    """What was said before and during the outage, and what is in the database after it."""

    talks: list[Talk]
    read_during: list[bool]
    found: list[dict[str, Any]]
    logs: list[str]
    seconds: float


@pytest.fixture(scope="module")
def story(data_folder, tmp_path_factory) -> Iterator[Story]:
    journals = tmp_path_factory.mktemp("journals")
    secret = "a secret that all these demos share"
    with EmbeddedPostgres(data_folder / "postgres", durable=True) as server, ThreadPoolExecutor() as together:
        common = {"DATABASE_URL": server.url(), "CHATKIT_FILES_SECRET": secret, "CHATKIT_JWT_SECRET": secret}
        options = [common | {"CHATKIT_JOURNAL": str(journals / name)} for name in ("lives", "dies")]
        with Demo(**options[0]) as living, Demo(**options[1]) as dying:
            talks = [Talk(Browser(demo.address)) for demo in (living, dying)]
            threads = list(together.map(lambda talk: talk.begin("Before the outage"), talks))
            server.stop()
            stopped = time.monotonic()
            restarted = together.submit(die_and_come_back, dying, options[1], talks[1], threads[1], stopped)
            read_during = talk_until(talks[0], threads[0], stopped + OUTAGE_SECONDS)
            with restarted.result() as back:
                read_during += [talks[1].now(thread_id) == talks[1].shown[thread_id] for thread_id in talks[1].shown]
                seconds = time.monotonic() - stopped
                server.start()
                for demo in (living, back):
                    demo.wait_for("The journal is empty")
                logs = [living.log, back.log]
        with Demo(**common) as plain:
            found = []
            for talk in talks:
                talk.move_to(plain)
                with talk.browser as browser:
                    found.append(everything_of(browser))
        yield Story(talks, read_during, found, logs, seconds)


def talk_until(talk: Talk, thread_id: str, end: float) -> list[bool]:
    """Talk in a thread, and in a new one, and tell of each whether it reads as it was said."""
    new = talk.begin("title During the outage")
    while time.monotonic() < end:
        talk.say(thread_id, "And on we talk")
        talk.say(new, "Here as well")
    listed = talk.browser.ask("threads.get_by_id", thread_id=new)
    return [talk.now(each) == talk.shown[each] for each in (thread_id, new)] + [listed["title"] == "During the outage"]


def die_and_come_back(demo: Demo, options: dict[str, str], talk: Talk, thread_id: str, stopped: float) -> Demo:
    """Talk, be killed in the middle of the outage, come back with the same journal, and talk on."""
    talk_until(talk, thread_id, stopped + OUTAGE_SECONDS / 3)
    demo.end(signal.SIGKILL)
    again = Demo(**options).__enter__()
    talk.move_to(again)
    talk_until(talk, thread_id, stopped + OUTAGE_SECONDS)
    return again


def test_the_database_was_away_as_long_as_that(story):
    assert story.seconds >= OUTAGE_SECONDS
    assert all("The database is away" in log for log in story.logs)


def test_in_the_outage_everything_could_be_read_as_it_was_said(story):
    assert story.read_during
    assert all(story.read_during)


@pytest.mark.parametrize("who", [0, 1], ids=["the demo that lived", "the demo that was killed"])
def test_afterwards_the_database_has_every_conversation_whole_and_in_order(story, who):
    talk, found = story.talks[who], story.found[who]
    assert len(talk.shown) == who + 2
    for thread_id, shown in talk.shown.items():
        assert [item for page in found[f"{thread_id} asc"] for item in page["data"]] == shown
    print(f"{len(talk.shown)} threads, {sum(map(len, talk.shown.values()))} items, nothing missing")  # noqa: T201  # the figure


@pytest.mark.parametrize("who", [0, 1], ids=["the demo that lived", "the demo that was killed"])
def test_afterwards_every_thread_has_its_title(story, who):
    listed = [thread for page in story.found[who]["asc"] for thread in page["data"]]
    titles = ["Before the outage", *["During the outage"] * (who + 1)]
    assert [thread["title"] for thread in listed] == titles
