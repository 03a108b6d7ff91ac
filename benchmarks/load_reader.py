"""One person who has one conversation after the other, as a browser would ask for it."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from chatkit.store import NotFoundError
from chatkit.types import ThreadItem

from benchmarks.load_figures import Figures
from benchmarks.load_server import RecordedStore, ScriptedServer, Visitor

TURNS = (3, 9)
PAGE = 20
WHOLE_PAGE = 100
GIVES_UP = 0.15
"""The part of replies that their reader does not wait for."""
ATTACHES = 0.1
DELETES = 0.3
"""The part of conversations that are deleted in the end."""


class UnexpectedAnswerError(Exception):
    """The server answered something it should not."""


class Reader:
    """A reader, and what has become of the conversation.

    Args:
        server: Answers the reader.
        store: The server's.
        figures: Where it is told what was done.
        user_id: Who the reader is, and what every message begins with.
        seed: What the reader's dice are thrown with.
        think_seconds: The mean pause between two things the reader does.

    Attributes:
        thread_id: The conversation under way, if there is one.
        neighbour: Another reader, at whose conversation this one tries to look.
    """

    def __init__(
        self,
        server: ScriptedServer,
        store: RecordedStore,
        figures: Figures,
        *,
        user_id: str,
        seed: str,
        think_seconds: float,
    ) -> None:
        self.thread_id = ""
        self.neighbour = self
        self._server = server
        self._store = store
        self._figures = figures
        self._dice = Random(seed)  # noqa: S311 - a load, no secret
        self._context = Visitor(user_id, Random(f"{seed} script"))  # noqa: S311 - a load, no secret
        self._think_seconds = think_seconds
        self._questions = 0
        self._newest_message = ""
        self._cut_off: Counter[str] = Counter()

    async def converse_until(self, is_over: Callable[[], bool]) -> None:
        """Have conversations, with pauses, until *is_over*; the one under way is then brought to its end."""
        await asyncio.sleep(self._dice.uniform(0, self._think_seconds))
        while not is_over():
            try:
                await self._conversation(is_over)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what a load looks for
                self._figures.errors[f"{type(error).__name__}: {error}"] += 1
                self.thread_id = ""
                await asyncio.sleep(self._think_seconds)

    async def _conversation(self, is_over: Callable[[], bool]) -> None:
        self._cut_off.clear()
        await self._say("threads.create")
        for _ in range(self._dice.randint(*TURNS) - 1):
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) * self._think_seconds)
            if is_over():
                break
            await self._next_thing()
        await self._leave_it()

    async def _next_thing(self) -> None:
        things: dict[Callable[[], Awaitable[None]], float] = {
            self._go_on: 70,
            self._come_back: 15,
            self._rename: 5,
            self._try_again: 5,
            self._pry: 5,
        }
        [thing] = self._dice.choices(list(things), list(things.values()))
        await thing()

    async def _go_on(self) -> None:
        await self._say("threads.add_user_message", thread_id=self.thread_id)

    async def _come_back(self) -> None:
        """Open the page anew: the list of threads, this one, and its newest items; then say something."""
        threads = await self._ask("threads.list", limit=PAGE, order="desc")
        if self.thread_id not in {thread["id"] for thread in threads["data"]}:
            raise UnexpectedAnswerError("the conversation is not among the newest threads")
        thread = await self._ask("threads.get_by_id", thread_id=self.thread_id)
        newest = await self._ask("items.list", thread_id=self.thread_id, limit=PAGE, order="desc")
        for item in thread["items"]["data"] + newest["data"]:
            if self._context.user_id not in json.dumps(item):
                self._figures.findings.of_another_user += 1
        self._figures.done["page loads"] += 1
        await self._go_on()

    async def _rename(self) -> None:
        title = f"{self._context.user_id}: title {self._questions}"
        await self._ask("threads.update", thread_id=self.thread_id, title=title)
        thread = await self._ask("threads.get_by_id", thread_id=self.thread_id)
        if thread["title"] != title:
            raise UnexpectedAnswerError("the title is another one")
        self._figures.done["titles"] += 1

    async def _try_again(self) -> None:
        """Ask for another reply to the last message: what came after it is deleted."""
        del self._cut_off[self._newest_message]
        await self._follow("threads.retry_after_item", thread_id=self.thread_id, item_id=self._newest_message)
        self._figures.done["retries"] += 1

    async def _pry(self) -> None:
        """Ask for another reader's conversation, whose id has leaked."""
        stranger = self.neighbour.thread_id
        if not stranger or self.neighbour is self:
            return
        items = await self._ask("items.list", thread_id=stranger, limit=PAGE, order="desc")
        self._figures.findings.of_another_user += len(items["data"])
        try:
            await self._ask("threads.get_by_id", thread_id=stranger)
        except NotFoundError:
            self._figures.done["looks at another's, refused"] += 1
        else:
            raise UnexpectedAnswerError("another user's thread was shown")

    async def _leave_it(self) -> None:
        """Compare the conversation with what was acknowledged, and delete it or leave it for the end."""
        ledger = self._store.ledger.thread(self._context.user_id, self.thread_id)
        items = await items_of(self._store, self.thread_id, self._context)
        self._figures.findings.add(ledger.compared(items))
        markers = sum(item.type == "sdk_hidden_context" for item in items)
        self._figures.markers_missing += self._cut_off.total() - markers
        ledger.settle(items)
        thread_id, self.thread_id = self.thread_id, ""
        if self._dice.random() < DELETES:
            await self._ask("threads.delete", thread_id=thread_id)
            self._figures.done["deletes"] += 1
        self._figures.done["conversations"] += 1

    async def _say(self, kind: str, **params: Any) -> None:
        self._questions += 1
        attachments = [await self._attach()] if self._dice.random() < ATTACHES else []
        text = f"{self._context.user_id}: question {self._questions}"
        message = {
            "content": [{"type": "input_text", "text": text}],
            "attachments": attachments,
            "inference_options": {},
        }
        await self._follow(kind, input=message, **params)

    async def _attach(self) -> str:
        attachment = await self._ask("attachments.create", name="notes.txt", size=1, mime_type="text/plain")
        self._figures.done["attachments"] += 1
        return str(attachment["id"])

    async def _ask(self, kind: str, **params: Any) -> Any:
        result: Any = await self._server.process(json.dumps({"type": kind, "params": params}), self._context)
        return json.loads(result.json)

    async def _follow(self, kind: str, **params: Any) -> None:
        """Read a reply, to its end or until the reader has gone, which cancels it."""
        deltas = self._dice.randint(1, 5) if self._dice.random() < GIVES_UP else None
        reading = asyncio.create_task(self._read(json.dumps({"type": kind, "params": params}), deltas))
        await asyncio.wait([reading])
        if reading.cancelled():
            self._figures.done["replies cut off"] += 1
            self._cut_off[self._newest_message] += 1
        else:
            reading.result()
        self._figures.done["turns"] += 1

    async def _read(self, request: str, deltas: int | None) -> None:
        seen = 0
        async for line in await self._server.process(request, self._context):
            event = json.loads(line.removeprefix(b"data: "))
            self._see(event)
            seen += event["type"] == "thread.item.updated"
            if seen == deltas:
                reading: Any = asyncio.current_task()
                reading.cancel()

    def _see(self, event: Any) -> None:
        match event:
            case {"type": "thread.created", "thread": {"id": thread_id}}:
                self.thread_id = thread_id
            case {"type": "thread.item.done", "item": {"type": "user_message", "id": item_id}}:
                self._newest_message = item_id
            case {"type": "error"}:
                raise UnexpectedAnswerError(f"the reply ended with {event}")


async def items_of(store: RecordedStore, thread_id: str, context: Visitor) -> list[ThreadItem]:
    """Return all items of a thread, oldest first."""
    items: list[ThreadItem] = []
    after = None
    while True:
        page = await store.load_thread_items(thread_id, after, WHOLE_PAGE, "asc", context)
        items += page.data
        if not page.has_more:
            return items
        after = page.after
