"""A whole turn of a chat through the SDK's server: the store beside the tutorial store."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median_low
from uuid import uuid4

from chatkit.server import StreamingResult
from chatkit.store import Store
from chatkit.types import FileAttachment, ThreadMetadata, ThreadStreamEvent, UserMessageItem

from benchmarks.growth_commands import Answering
from benchmarks.measured import Table
from benchmarks.peers.chatkit_messages import OnStore
from benchmarks.peers.facts import STORE, TUTORIAL
from benchmarks.peers.latency import FAR, NEAR
from benchmarks.peers.opening import Field, opened
from benchmarks.peers.proxy import DelayingProxy
from benchmarks.peers.settings import Amount
from benchmarks.peers.timing import Timed, alternating, in_words, warm_up
from benchmarks.peers.workload import USER, Ready

CONTEXT = {"user_id": USER}
CONVERSATION = "thr_of_turns"
COUNTED_TURNS = 9
ATTACHMENTS = (0, 1)


@dataclass(frozen=True)
class Turns:
    """What a turn takes, by its attachments: round trips by store, and times by distance."""

    round_trips: dict[int, dict[str, int]]
    timed: dict[int, dict[int, Timed]]


class Renaming(Answering):
    """Answers, and gives the conversation another title with each turn: that is the fifth call."""

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: dict[str, str]
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Answer."""
        async for event in super().respond(thread, input_user_message, context):
            yield event
        thread.title = f"What this is about, {uuid4()}"


class Chat:
    """One store's server, and the attachment that its user sends again and again."""

    def __init__(self, store: Store[dict[str, str]]) -> None:
        self._server = Renaming(store)
        self._store = store
        self._attachment = FileAttachment(id=f"atc_{uuid4().hex}", name="notes.pdf", mime_type="application/pdf")

    async def prepare(self) -> None:
        """Make the conversation, which has its title, and the attachment."""
        thread = ThreadMetadata(id=CONVERSATION, title="What this is about", created_at=datetime.now(UTC))
        await self._store.save_thread(thread, CONTEXT)
        await self._store.save_attachment(self._attachment, CONTEXT)

    async def turn(self, attachments: int) -> None:
        """Send a message, and hear the answer to its end."""
        content = [{"type": "input_text", "text": "Is it so?"}]
        message = {"content": content, "attachments": [self._attachment.id] * attachments, "inference_options": {}}
        params = {"thread_id": CONVERSATION, "input": message}
        answer = await self._server.process(json.dumps({"type": "threads.add_user_message", "params": params}), CONTEXT)
        if not isinstance(answer, StreamingResult):
            raise TypeError("the SDK answers a message with a stream")
        async for _event in answer:
            pass


async def turns(made: Field, proxy: DelayingProxy, amount: Amount) -> Turns:
    """Return what turns take."""
    through_proxy = {each.name: proxy.url(made.url(each)) for each in made.facts}
    found = Turns({}, {})
    proxy.delay(0)
    for attachments in ATTACHMENTS:
        async with opened(made) as contenders:
            chats = await _chats(contenders)
            found.timed[attachments] = {NEAR: await _timed(chats, attachments, amount)}
        async with opened(made, through_proxy) as contenders:
            chats = await _chats(contenders)
            found.round_trips[attachments] = {
                name: await _counted(chat, attachments, proxy) for name, chat in chats.items()
            }
            proxy.delay(FAR / 1000)
            found.timed[attachments][FAR] = await _timed(chats, attachments, amount, warm=False)
            proxy.delay(0)
    return found


async def _chats(contenders: Sequence[Ready]) -> dict[str, Chat]:
    chats = {each.name: Chat(each.contender.store) for each in contenders if isinstance(each.contender, OnStore)}
    for chat in chats.values():
        await chat.prepare()
    return chats


async def _counted(chat: Chat, attachments: int, proxy: DelayingProxy) -> int:
    counted: list[int] = []
    for _ in range(COUNTED_TURNS):  # in the first, and wherever another connection serves, statements are prepared
        proxy.counts()
        await chat.turn(attachments)
        counted.append(proxy.counts().round_trips)
    return median_low(counted)


async def _timed(chats: dict[str, Chat], attachments: int, amount: Amount, *, warm: bool = True) -> Timed:
    each = {name: _turns(chat, attachments) for name, chat in chats.items()}
    if warm:
        await warm_up(each.values(), amount.warm_up_calls)
    return await alternating(each, amount)


def _turns(chat: Chat, attachments: int) -> Iterator[Callable[[], Awaitable[None]]]:
    while True:
        yield lambda: chat.turn(attachments)


def table(found: Turns) -> Table:
    """Return what turns take, and the store's part of it."""
    return Table(
        name="turn",
        title="One message answered by ChatKitServer",
        columns=[
            "",
            "calls of the store",
            "round trips",
            *(f"milliseconds, {distance} ms away" for distance in (NEAR, FAR)),
            *(f"{STORE}'s part of it, {distance} ms" for distance in (NEAR, FAR)),
        ],
        rows=[_row(found, name, attachments) for attachments in ATTACHMENTS for name in (STORE, TUTORIAL)],
        note="The SDK's own `process()`, and an answer that is there at once: the thread is loaded, the question "
        "added, the newest items read, the answer added, the thread saved under another title; an attachment is "
        "loaded and saved. Times hold the SDK's own work, which is the same for both.",
    )


def _row(found: Turns, name: str, attachments: int) -> list[str]:
    timed = found.timed[attachments]
    return [
        f"{name}, {attachments} attachments" if attachments != 1 else f"{name}, 1 attachment",
        str(5 + 2 * attachments),
        str(found.round_trips[attachments][name]),
        *(f"{timed[distance].median(name) * 1000:.3g}" for distance in (NEAR, FAR)),
        *(in_words(timed[distance].ratios(STORE, name)) for distance in (NEAR, FAR)),
    ]
