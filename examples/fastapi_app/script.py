"""What the scripted assistant says, and when."""

import re
from collections.abc import AsyncIterator, Callable

from chatkit.types import (
    AssistantMessageItem,
    ClientToolCallItem,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    ThreadItem,
    ThreadStreamEvent,
    UserMessageItem,
)

from .counter import counter_card
from .turn import Turn

CLIENT_TOOL = "get_local_time"
TITLE_LENGTH = 60
MESSAGES_COUNTED = 200
HELP = "Say tool, ask, widget, workflow, long, or title and some words, to see what ChatKit can keep."


def title_after(title: str | None, message: UserMessageItem) -> str | None:
    """Return the title a thread has after *message*: one asked for, the one it has, or the first words."""
    text = " ".join(text_of(message).split())
    wanted = re.match(r"title\s+(.+)", text, re.IGNORECASE)
    if wanted:
        return _shorten(wanted[1])
    return title or _shorten(text) or None


def text_of(message: UserMessageItem) -> str:
    """Return the words of a message, tags included."""
    return " ".join(part.text for part in message.content)


async def reply(turn: Turn, message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Play the scene whose name occurs in *message*, or else make conversation."""
    words = re.findall(r"\w+", text_of(message).lower())
    scene = next((SCENES[word] for word in words if word in SCENES), _make_conversation)
    async for event in scene(turn):
        yield event


async def follow_up(turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
    """Answer what the browser has just added to the thread: a tool's output or a form's answers."""
    newest = await turn.store.load_thread_items(turn.thread.id, None, 1, "desc", turn.context)
    async for event in turn.say(_comment_on(newest.data[0])):
        yield event


def _comment_on(item: ThreadItem) -> str:
    match item:
        case ClientToolCallItem(output={"local_time": str(time)}):
            return f"Your browser says that it is {time}."
        case ClientToolCallItem():
            return "Your browser answered something I do not understand."
        case StructuredInputItem(status="answered", inputs=inputs):
            answers = [", ".join(question.answer.values) for question in inputs if question.answer]
            return f"Noted: {'; '.join(answer or 'no answer' for answer in answers)}."
        case _:
            return "Then we leave it at that."


async def _call_tool(turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
    async for event in turn.say("Let me ask your browser for the time."):
        yield event
    async for event in turn.call_client_tool(CLIENT_TOOL):
        yield event


async def _ask(turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
    async for event in turn.say("Two questions, both optional."):
        yield event
    colours = [StructuredInputMultipleChoiceOption(value=colour) for colour in ("Green", "Blue", "Red")]
    async for event in turn.ask(
        StructuredInputMultipleChoice(id="colour", question="Which colour do you like?", options=colours),
        StructuredInputFreeform(id="reason", question="Why?", description="One sentence will do."),
    ):
        yield event


async def _show_widget(turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
    async for event in turn.show(counter_card(0)):
        yield event


async def _work(turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
    async for event in turn.work("Took three steps", "Read the question", "Think", "Check the result"):
        yield event
    async for event in turn.say("Done. The steps above are kept with the conversation."):
        yield event


async def _say_much(turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
    sentences = [f"This is sentence {number} of sixty, and you may stop me." for number in range(1, 61)]
    async for event in turn.say(" ".join(sentences)):
        yield event


async def _make_conversation(turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
    page = await turn.store.load_thread_items(turn.thread.id, None, MESSAGES_COUNTED, "asc", turn.context)
    messages = [item for item in page.data if isinstance(item, (UserMessageItem, AssistantMessageItem))]
    count = f"more than {len(messages)}" if page.has_more else str(len(messages))
    opening = next((text_of(item) for item in messages if isinstance(item, UserMessageItem)), "")
    memory = f"Messages in this conversation: {count}. It began with “{_shorten(opening)}”."
    async for event in turn.say(f"{memory} {HELP}"):
        yield event


def _shorten(text: str) -> str:
    return text if len(text) <= TITLE_LENGTH else f"{text[: TITLE_LENGTH - 1].rstrip()}…"


SCENES: dict[str, Callable[[Turn], AsyncIterator[ThreadStreamEvent]]] = {
    "tool": _call_tool,
    "ask": _ask,
    "widget": _show_widget,
    "workflow": _work,
    "long": _say_much,
}
