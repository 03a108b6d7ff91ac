"""What each contender does and does not do, and who could not be measured."""

from benchmarks.measured import Table
from benchmarks.peers.contender import Facts
from benchmarks.peers.facts import ALL
from benchmarks.peers.opening import Field

HEAD = (
    "",
    "package",
    "append",
    "newest 20",
    "first page of conversations",
    "users",
    "pages",
    "order when many append at once",
    "one message",
)


def table(made: Field) -> Table:
    """Return a row for every contender, those that are missing too."""
    return Table(
        name="facts",
        title="What each does",
        columns=HEAD,
        rows=[[each.name, f"{each.package} {made.versions[each.name]}", *_cells(each, made)] for each in ALL],
        note="Each is used by its documentation, with pools of ten connections and its own defaults otherwise. "
        "langgraph's saver holds a lock of its own during every call: its pool never has more than one to do. "
        "openai-agents makes its tables and their SQL anew with each session object; a program that keeps one for each "
        "conversation is spared some of that.",
    )


def _cells(facts: Facts, made: Field) -> list[str]:
    if reason := made.missing.get(facts.name):
        return [f"not measured: {reason}", *([""] * (len(HEAD) - 3))]
    return [
        facts.append,
        facts.newest,
        facts.first_page or "there is no such call",
        facts.users,
        facts.pages,
        facts.order,
        facts.single,
    ]
