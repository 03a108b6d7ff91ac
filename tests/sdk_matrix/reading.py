"""Reads the documents of one release through the store, in every way there is."""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from chatkit_pgstore import PostgresStore, UnreadableItemError
from chatkit_pgstore._codec import Codec
from tests.sdk_matrix.documents import Documents
from tests.sdk_matrix.outcomes import LEFT_OUT, WRONG, outcome_of
from tests.sdk_matrix.samples import CODECS, THREAD_ID

PAGE_SIZE = 7
LEFT_OUT_ID = re.compile(r"^Left out of a page of thread '.+?': \w+ '(.+?)' cannot be read by openai-chatkit .+: .+")


@dataclass
class Reading:
    """What one release found of the documents of another.

    Attributes:
        outcomes: By kind and name.
        unreadable_pages: The errors of listings that could not be read.
    """

    outcomes: dict[str, dict[str, str]]
    unreadable_pages: list[str] = field(default_factory=list)


class Warned(logging.Handler):
    """Collects the ids that the store warned of leaving out."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.ids |= set(LEFT_OUT_ID.findall(record.getMessage()))

    def __enter__(self) -> Self:
        logging.getLogger("chatkit_pgstore").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("chatkit_pgstore").removeHandler(self)


async def read_release(store: PostgresStore, user: str, documents: Documents) -> Reading:
    """Read all of *documents*, which are those of *user*: page by page, from both ends, and one by one."""
    context = {"user_id": user}
    reading = Reading(outcomes={})
    listings = {
        "threads": lambda after, order: store.load_threads(PAGE_SIZE, after, order, context),
        "items": lambda after, order: store.load_thread_items(THREAD_ID, after, PAGE_SIZE, order, context),
    }
    loads = {
        "threads": lambda each: store.load_thread(each, context),
        "items": lambda each: store.load_item(THREAD_ID, each, context),
        "attachments": lambda each: store.load_attachment(each, context),
    }
    for kind, named in documents.items():
        listed = [await _listed(listings[kind], order, reading) for order in ("asc", "desc") if kind in listings]
        reading.outcomes[kind] = {
            name: await _outcome(CODECS[kind], document, loads[kind], listed) for name, document in named.items()
        }
    return reading


@dataclass
class Listed:
    """What a listing gave, by id, and what it warned of."""

    found: dict[str, Any]
    warned: set[str]


async def _listed(listing: Callable[[str | None, str], Awaitable[Any]], order: str, reading: Reading) -> Listed:
    found, after = {}, None
    with Warned() as warned:
        while True:
            try:
                page = await listing(after, order)
            except Exception as error:  # noqa: BLE001 - whatever it is, the page could not be read
                reading.unreadable_pages.append(f"{order} behind {after}: {type(error).__name__}: {error}")
                break
            found.update({each.id: each for each in page.data})
            after = page.after
            if not page.has_more:
                break
    return Listed(found, warned.ids)


async def _outcome(
    codec: Codec[Any], document: dict[str, Any], load: Callable[[str], Awaitable[Any]], listed: Sequence[Listed]
) -> str:
    row_id = document["id"]
    try:
        found = await load(row_id)
    except UnreadableItemError:
        silent = any(row_id in each.found or row_id not in each.warned for each in listed)
        return WRONG if silent else LEFT_OUT
    saved_again = codec.encode(found)[1]
    if saved_again != found or any(each.found.get(row_id) != found for each in listed):
        return WRONG
    return outcome_of(document, found)
