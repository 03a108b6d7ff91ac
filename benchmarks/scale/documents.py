"""Documents of items as the store writes them, made by the million.

Each kind is written once by the SDK's models and the store's codec. The marks in it then give way to ids, times and
texts: that takes a microsecond where pydantic would take thirty, and the result is the same letter by letter.
"""

import pydoc_data.topics
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageItem,
    ClientToolCallItem,
    CustomTask,
    EndOfTurnItem,
    FileAttachment,
    HiddenContextItem,
    InferenceOptions,
    TaskItem,
    ThoughtTask,
    ThreadItem,
    ThreadMetadata,
    URLSource,
    UserMessageItem,
    UserMessageTextContent,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import Card, Text

from chatkit_pgstore._codec import attachment_values, item_values, thread_values

MOMENT = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
ID, THREAD, TEXT, FILE = "<id>", "<thread>", "<text>", "<file>"
MARKS = {
    "2001-02-03T04:05:06.000789Z": "%(at)s",
    ID: "%(id)s",
    THREAD: "%(thread)s",
    TEXT: "%(text)s",
    FILE: "%(file)s",
}
PIECES = 8192
WITH_FILE, WITH_SOURCE, PLAIN, LARGE_PASTED = 0.05, 0.1, 0.6, 0.125
"""The parts of turns that have a file, have a source, are nothing but text, or begin with a pasted document."""
BETWEEN = ("tool call", "workflow", "widget", "task", "hidden context", "workflow")
PASTED = 100_000
"""The bytes of a document that somebody pasted into a message."""


@dataclass(frozen=True)
class Kind:
    """One kind of item.

    Attributes:
        type: Of the item, in its column.
        status: Of the item, in its column.
        document: With places for ``id``, ``thread``, ``at``, ``text``, ``file``.
        lengths: Of its texts, to be drawn from.
    """

    type: str
    status: str | None
    document: str
    lengths: Sequence[int]


@cache
def prose() -> str:
    """Return the reference manual of Python as one line: real words, in real sentences, without what JSON escapes."""
    text = " ".join(pydoc_data.topics.topics.values())
    return " ".join(re.sub(r"""[^ -~\n]|["\\]|(?<=\W)[*=~+-]{3,}""", " ", text).split())


def piece(dice: Random, length: int) -> str:
    """Return a stretch of the manual, from anywhere in it."""
    text = prose()
    start = int(dice.random() * (len(text) - length))
    return text[start : start + length]


def lengths(median: int, spread: float, shortest: int, longest: int, pasted_one_in: int = 0) -> Sequence[int]:
    """Return lengths whose logarithm is distributed normally, as those of messages about are."""
    dice = Random(median)  # noqa: S311  # no secret
    drawn = [int(median * 2.718281828 ** dice.gauss(0, spread)) for _ in range(PIECES)]
    if pasted_one_in:
        drawn[::pasted_one_in] = [PASTED] * len(drawn[::pasted_one_in])
    return [each if each == PASTED else min(max(each, shortest), longest) for each in drawn]


def _base() -> dict[str, Any]:
    return {"id": ID, "thread_id": THREAD, "created_at": MOMENT}


def _question(**more: Any) -> ThreadItem:
    content = [UserMessageTextContent(text=TEXT)]
    return UserMessageItem(content=content, inference_options=InferenceOptions(), **more, **_base())


def _answer(*annotations: Annotation) -> ThreadItem:
    content = [AssistantMessageContent(text=TEXT, annotations=list(annotations))]
    return AssistantMessageItem(content=content, **_base())


def _file() -> FileAttachment:
    return FileAttachment(id=FILE, thread_id=THREAD, name="report.pdf", mime_type="application/pdf")


def _tool_call() -> ThreadItem:
    called = {"call_id": "call_1", "name": "search_documents", "status": "completed"}
    return ClientToolCallItem(arguments={"query": "open orders", "limit": 20}, output=TEXT, **called, **_base())


def _workflow() -> ThreadItem:
    tasks = [ThoughtTask(content=TEXT), CustomTask(title="Compare the offers", status_indicator="complete")]
    return WorkflowItem(workflow=Workflow(type="reasoning", tasks=tasks), **_base())


def _source() -> Annotation:
    return Annotation(source=URLSource(title="Reference", url="https://docs.example.com/reference"), index=40)


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every kind of item, by name."""
    question, answer, some = lengths(110, 0.9, 8, 4000), lengths(420, 0.8, 20, 16_000), lengths(250, 0.8, 20, 4000)
    made: dict[str, tuple[ThreadItem, Sequence[int]]] = {
        "question": (_question(), lengths(111, 0.9, 8, 16_000, pasted_one_in=1024)),
        "question with a file": (_question(attachments=[_file()]), question),
        "answer": (_answer(), answer),
        "answer with a source": (_answer(_source()), answer),
        "tool call": (_tool_call(), lengths(500, 1.2, 20, 16_000)),
        "workflow": (_workflow(), some),
        "widget": (WidgetItem(widget=Card(children=[Text(value=TEXT)]), copy_text="Offer", **_base()), some),
        "task": (TaskItem(task=CustomTask(title="Done", content=TEXT), **_base()), question),
        "hidden context": (HiddenContextItem(content={"page": TEXT}, **_base()), some),
        "end of turn": (EndOfTurnItem(**_base()), [0]),
        "small question": (_question(), lengths(110, 0.9, 8, 700)),
        "small answer": (_answer(), lengths(420, 0.6, 20, 760)),
        "pasted": (_question(), [PASTED]),
        "long answer": (_answer(), lengths(6000, 0.5, 2000, 16_000)),
    }
    return {name: _kind(item, drawn) for name, (item, drawn) in made.items()}


def _kind(item: ThreadItem, drawn: Sequence[int]) -> Kind:
    values = item_values(item)
    return Kind(values["type"], values["status"], _with_places(values["item"]), drawn)


@cache
def thread_document() -> str:
    """Return the document of a thread, with its places."""
    thread = ThreadMetadata(id=ID, created_at=MOMENT, title=TEXT, metadata={"agent": "billing"})
    return _with_places(thread_values(thread)["thread"])


@cache
def attachment_document() -> str:
    """Return the document of an attachment, with its places."""
    return _with_places(attachment_values(_file())["attachment"])


def _with_places(document: str) -> str:
    document = document.replace("%", "%%")
    for mark, place in MARKS.items():
        document = document.replace(mark, place)
    return document


Turn = Callable[[Random], Sequence[str]]


def mixed_turn(dice: Random) -> Sequence[str]:
    """Return the kinds of items of one turn of a conversation."""
    question = "question with a file" if dice.random() < WITH_FILE else "question"
    answer = "answer with a source" if dice.random() < WITH_SOURCE else "answer"
    if dice.random() < PLAIN:
        return question, answer
    between = dice.choice(BETWEEN)
    return (question, between, "answer", "end of turn") if between == "workflow" else (question, between, answer)


def small_turn(_dice: Random) -> Sequence[str]:
    """Return a turn of which each document is shorter than 1 kB."""
    return "small question", "small answer"


def large_turn(dice: Random) -> Sequence[str]:
    """Return a turn of documents that PostgreSQL stores out of line; one in 16 of 100 kB."""
    return ("pasted", "long answer") if dice.random() < 1 / 8 else ("long answer", "long answer")


TURNS: Mapping[str, Turn] = {"mixed": mixed_turn, "small": small_turn, "large": large_turn}
