"""The users, conversations and texts that every contender gets, and the calls of a job."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

from benchmarks.peers.contender import PAGE, Contender, Facts

USER = "user_of_the_benchmark"
OTHERS = tuple(f"user_{number}" for number in range(3))
CONVERSATIONS, OF_OTHERS = 200, 100
"""Of the user who is measured, and of each other one; with one message each."""
LONG, SHORT, TOGETHER = "thr_long", "thr_short", "thr_together"
MESSAGES = 200
SENTENCE = "What was said here is as long as a paragraph of an answer, and as dull. "
FILLING_AT_ONCE = 8

APPEND, NEWEST, WHOLE, FIRST_PAGE = JOBS = ("append", "newest", "short", "first_page")
TITLES = {
    APPEND: "append one message",
    NEWEST: f"read the newest {PAGE} of {MESSAGES} messages",
    WHOLE: f"read a conversation of {PAGE} messages",
    FIRST_PAGE: f"list the first {PAGE} of a user's conversations",
}

_numbers = count()


@dataclass(frozen=True)
class Ready:
    """A contender that is open, and what is known about it."""

    facts: Facts
    contender: Contender

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.facts.name

    def does(self, job: str) -> bool:
        """Tell whether there is a call for *job*."""
        return job != FIRST_PAGE or self.facts.lists_conversations


def text() -> str:
    """Return a text of a few hundred bytes, another one each time: some peers drop one that comes again."""
    return f"{next(_numbers):06}: {SENTENCE * 6}"


def conversation_of(user: str, number: int) -> str:
    """Return a name that no other user's conversation has."""
    return f"thr_{user}_{number:06}"


async def fill(contender: Contender) -> None:
    """Give every user the conversations."""
    await contender.fill(USER, LONG, [text() for _ in range(MESSAGES)])
    await contender.fill(USER, SHORT, [text() for _ in range(PAGE)])
    mine = [(USER, number) for number in range(CONVERSATIONS)]
    theirs = [(user, number) for user in OTHERS for number in range(OF_OTHERS)]
    wanted = iter([*theirs, *mine])

    async def fill_some() -> None:
        for user, number in wanted:
            await contender.fill(user, conversation_of(user, number), [text()])

    await asyncio.gather(*(fill_some() for _ in range(FILLING_AT_ONCE)))


def calls(contender: Contender, job: str) -> Iterator[Callable[[], Awaitable[Any]]]:
    """Return the calls of a job, without end; appends go to one conversation after the other."""
    if job == APPEND:
        names = cycle([conversation_of(USER, number) for number in range(CONVERSATIONS)])
        return (lambda name=name: contender.append(USER, name, text()) for name in names)
    if job == FIRST_PAGE:
        return cycle([lambda: contender.first_page(USER)])
    name = LONG if job == NEWEST else SHORT
    return cycle([lambda: contender.newest(USER, name)])


def mixed(contender: Contender) -> Iterator[Callable[[], Awaitable[Any]]]:
    """Return the calls of turns: each reads the newest messages and appends a question and an answer."""
    appends, reads = calls(contender, APPEND), calls(contender, NEWEST)
    while True:
        yield next(reads)
        yield next(appends)
        yield next(appends)
