"""What the scripted assistant can show, by the word that asks for it: every type of item that ChatKit keeps."""

from collections.abc import AsyncIterator, Callable

from chatkit.errors import CustomStreamError
from chatkit.types import (
    Annotation,
    CustomSummary,
    CustomTask,
    DurationSummary,
    EntitySource,
    FileSource,
    FileTask,
    ImageTask,
    NoticeEvent,
    SearchTask,
    StructuredInputFreeform,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    ThoughtTask,
    ThreadStreamEvent,
    URLSource,
    UserMessageItem,
    Workflow,
)

from .counter import counter_card
from .picture import drawing
from .tools import CLIENT_TOOL
from .turn import Turn

Scene = Callable[[Turn, UserMessageItem], AsyncIterator[ThreadStreamEvent]]

MANUAL = URLSource(url="https://www.postgresql.org/docs/current/", title="PostgreSQL manual", attribution="PostgreSQL")
HANDBOOK = FileSource(filename="handbook.pdf", title="The handbook", description="Chapter 2")
AUTHOR = EntitySource(id="person_1", title="Ada", icon="profile", inline_label="Ada", data={"role": "author"})
CITED = (("A file says so, ", HANDBOOK), ("so does a page, ", MANUAL), ("and so does somebody you can ask.", AUTHOR))

FAILED = "failed_message"
"""Where the metadata of a thread names the message that was not answered, so that a retry is."""


async def show_sources(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Say something with a file, a page and a person behind it."""
    text = ""
    annotations: list[Annotation] = []
    for words, source in CITED:
        text += words
        annotations.append(Annotation(source=source, index=len(text.rstrip())))
    async for event in turn.say(text, *annotations):
        yield event


async def call_tool(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Let the browser run a tool."""
    async for event in turn.say("Let me ask your browser for the time."):
        yield event
    async for event in turn.call_client_tool(CLIENT_TOOL):
        yield event


async def ask(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Show a form."""
    async for event in turn.say("Two questions, both optional."):
        yield event
    colours = [StructuredInputMultipleChoiceOption(value=colour) for colour in ("Green", "Blue", "Red")]
    async for event in turn.ask(
        StructuredInputMultipleChoice(id="colour", question="Which colour do you like?", options=colours),
        StructuredInputFreeform(id="reason", question="Why?", description="One sentence will do."),
    ):
        yield event


async def show_widget(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Show a card with buttons."""
    async for event in turn.show(counter_card(0)):
        yield event


async def work(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Show steps of three kinds, and what came of them."""
    workflow = Workflow(type="custom", tasks=[], summary=CustomSummary(title="Took three steps"), expanded=True)
    tasks = (
        CustomTask(title="Read the question", content="It has one word that matters.", icon="notebook"),
        SearchTask(title="Searched", title_query="workflow", queries=["what is a workflow"], sources=[MANUAL]),
        ThoughtTask(title="Thought about it", content="The manual will do."),
    )
    async for event in turn.work(workflow, tasks):
        yield event
    async for event in turn.say("Done. The steps above are kept with the conversation."):
        yield event


async def think(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Show thoughts, as a model that reasons does."""
    workflow = Workflow(type="reasoning", tasks=[], summary=DurationSummary(duration=2))
    thoughts = (ThoughtTask(content="What is asked for?"), ThoughtTask(content="A thought. This is one."))
    async for event in turn.work(workflow, thoughts):
        yield event
    async for event in turn.say("I thought twice."):
        yield event


async def do_tasks(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Show steps that belong to no workflow, with nothing said after them."""
    for task in (FileTask(title="Opened a file", sources=[HANDBOOK]), ImageTask(title="Looked at its pictures")):
        async for event in turn.do(task):
            yield event
    async for event in turn.end():
        yield event


async def draw(turn: Turn, message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Draw something, coarse at first."""
    async for event in turn.draw(*(drawing(message.id, cells=cells) for cells in (2, 8))):
        yield event
    async for event in turn.say("No two messages get the same picture."):
        yield event


async def remember(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Put something into the thread that the page never gets."""
    async for event in turn.remember("The user wanted to see how something is hidden."):
        yield event
    async for event in turn.say("I have made a note here that only an assistant can read."):
        yield event


async def tell_progress(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Say what is going on before the reply."""
    async for event in turn.tell_progress("Looking for the right words", "Putting them in order"):
        yield event
    async for event in turn.say("These words were worth the wait."):
        yield event


async def notify(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Show a notice beside the conversation."""
    yield NoticeEvent(level="warning", title="A notice", message="It belongs to this moment, and is **not** kept.")
    async for event in turn.say("The notice was for you alone. After a reload it is gone."):
        yield event


async def fail(turn: Turn, message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Fail in a way that can be tried again, and do better then."""
    if turn.thread.metadata.get(FAILED) != message.id:
        # ChatKit saves what has changed about a thread, after an error too.
        turn.thread.metadata[FAILED] = message.id
        raise CustomStreamError("This went wrong, as you asked. Try it again.", allow_retry=True)
    async for event in turn.say("The second time it went well."):
        yield event


async def say_much(turn: Turn, _message: UserMessageItem) -> AsyncIterator[ThreadStreamEvent]:
    """Say more than anybody wants to hear."""
    sentences = [f"This is sentence {number} of sixty, and you may stop me." for number in range(1, 61)]
    async for event in turn.say(" ".join(sentences)):
        yield event


SCENES: dict[str, Scene] = {
    "sources": show_sources,
    "tool": call_tool,
    "ask": ask,
    "widget": show_widget,
    "workflow": work,
    "think": think,
    "task": do_tasks,
    "image": draw,
    "hide": remember,
    "progress": tell_progress,
    "notice": notify,
    "fail": fail,
    "long": say_much,
}
HELP = f"Say {', '.join(SCENES)}, or title and some words, or send a file, to see what ChatKit can keep."
