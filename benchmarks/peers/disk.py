"""What a message takes on disk, with everything that a contender keeps around it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

import asyncpg

from benchmarks.measured import Table
from benchmarks.peers.opening import Field, databases, opened, vacuumed
from benchmarks.peers.settings import Amount
from benchmarks.peers.workload import FILLING_AT_ONCE, USER, Ready

MESSAGES = 20
"""Of a conversation."""
WORDS = (40, 180)
"""Of a question and of an answer."""
COMMON = (
    "the of and a to in is you that it for on are with as this be at have from or one had by word but not what all "
    "were we when your can said there use an each which she do how their if will up other about out many then them"
)
SIZE = """
    SELECT sum(pg_table_size(oid))::bigint AS in_tables, sum(pg_indexes_size(oid))::bigint AS in_indexes
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


@dataclass(frozen=True)
class OnDisk:
    """Bytes of one message; its text's are among them."""

    messages: int
    text: float
    in_tables: float
    in_indexes: float

    @property
    def bytes(self) -> float:
        """All of them."""
        return self.in_tables + self.in_indexes


async def sizes(made: Field, amount: Amount) -> dict[str, OnDisk]:
    """Return what a message of each contender takes, in databases that hold nothing else."""
    apart = replace(made, purpose="disk")
    async with databases(apart):
        async with opened(apart) as contenders:
            filled = {each.name: await _fill(each, amount) for each in contenders}
        await vacuumed(apart)
        return {each.name: await _size(apart.url(each), *filled[each.name]) for each in apart.facts}


async def _fill(ready: Ready, amount: Amount) -> tuple[int, int]:
    """Write the conversations, and return how many messages and bytes of text that is."""
    dice = Random(1)  # noqa: S311  # no secret
    count = amount.of_whole_states if ready.facts.writes_whole_conversations else amount.conversations_on_disk
    conversations = [(f"thr_{number:08}", list(_texts(dice))) for number in range(count)]
    rest = iter(conversations)
    await asyncio.gather(*(_write(ready, rest) for _ in range(FILLING_AT_ONCE)))
    return count * MESSAGES, sum(len(text) for _, texts in conversations for text in texts)


async def _write(ready: Ready, conversations: Iterator[tuple[str, list[str]]]) -> None:
    for conversation, texts in conversations:
        # Where a message more costs the whole state, each has to come by itself, as it does in life.
        at_once = 1 if ready.facts.writes_whole_conversations else len(texts)
        await ready.contender.fill(USER, conversation, texts[:at_once])
        for text in texts[at_once:]:
            await ready.contender.append(USER, conversation, text)


async def _size(url: str, messages: int, bytes_of_text: int) -> OnDisk:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(SIZE)
    finally:
        await connection.close()
    return OnDisk(messages, bytes_of_text / messages, row["in_tables"] / messages, row["in_indexes"] / messages)


def _texts(dice: Random) -> Iterator[str]:
    for number in range(MESSAGES):
        yield f"{number}: {' '.join(dice.choices(COMMON.split(), k=WORDS[number % 2]))}"


def table(found: dict[str, OnDisk]) -> Table:
    """Return the bytes of a message."""
    return Table(
        name="disk",
        title="Bytes of a message on disk",
        columns=["", "messages written", "its text", "in tables", "in indexes", "together", "times its text"],
        rows=[[name, *_cells(each)] for name, each in found.items()],
        note=f"`pg_total_relation_size` of all that a contender keeps, after VACUUM, for conversations of {MESSAGES} "
        f"messages of {WORDS[0]} and {WORDS[1]} words in turn. langgraph keeps each state of a conversation, with all "
        "the messages before: what it takes grows with the square of their number, so fewer were written.",
    )


def _cells(each: OnDisk) -> list[str]:
    figures = (each.messages, each.text, each.in_tables, each.in_indexes, each.bytes)
    return [*(f"{figure:,.0f}" for figure in figures), f"{each.bytes / each.text:.2f}"]
