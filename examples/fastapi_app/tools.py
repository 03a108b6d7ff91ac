"""What the agent can do besides talking: one tool runs here, on the store, the other one in the browser."""

from agents import RunContextWrapper, function_tool
from chatkit.agents import AgentContext, ClientToolCall
from chatkit.types import ThreadMetadata

from .auth import User

CLIENT_TOOL = "get_local_time"
THREADS_SEARCHED = 500
THREADS_FOUND = 10
PAGE_SIZE = 100

Context = RunContextWrapper[AgentContext[User]]


@function_tool
async def find_conversations(context: Context, words: str) -> str:
    """Find earlier conversations of this user by their titles.

    Args:
        words: What the title holds, in any order; an empty text finds the newest conversations.
    """
    wanted = words.casefold().split()
    found = [thread for thread in await _newest_threads(context.context) if _is_about(thread, wanted)]
    lines = [f"{thread.created_at:%Y-%m-%d}: {thread.title}" for thread in found[:THREADS_FOUND]]
    return "\n".join(lines) or "There is no such conversation."


@function_tool(name_override=CLIENT_TOOL)
async def get_local_time(context: Context) -> None:
    """Ask the user's browser for the date and time where the user is."""
    # Ends this turn. The browser's answer starts the next one, with the call and its output in the thread.
    context.context.client_tool_call = ClientToolCall(name=CLIENT_TOOL, arguments={})


async def _newest_threads(context: AgentContext[User]) -> list[ThreadMetadata]:
    """Return the other threads of the user who is asking: nothing that a model says can change who that is."""
    threads: list[ThreadMetadata] = []
    after = None
    while len(threads) < THREADS_SEARCHED:
        page = await context.store.load_threads(PAGE_SIZE, after, "desc", context.request_context)
        threads += page.data
        after = page.after
        if not page.has_more:
            break
    return [thread for thread in threads if thread.id != context.thread.id]


def _is_about(thread: ThreadMetadata, wanted: list[str]) -> bool:
    title = (thread.title or "").casefold()
    return bool(title) and all(word in title for word in wanted)
