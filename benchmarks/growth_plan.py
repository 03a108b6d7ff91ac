"""Rows, bytes and commands for so many users, out of what was measured and what is assumed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from benchmarks.growth_bytes import Size

SECONDS_A_DAY = 86_400
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True)
class Assumptions:
    """What users are like."""

    threads_per_user: int
    turns_per_thread: int
    attachments_per_turn: float
    turns_per_day: float
    turns_per_visit: float
    peak: float

    ARGUMENTS: ClassVar[Sequence[tuple[str, int | float, str]]] = (
        ("threads-per-user", 20, "threads that a user keeps"),
        ("turns-per-thread", 10, "messages of the user in a thread, each with its reply"),
        ("attachments-per-turn", 0.05, "attachments per message"),
        ("turns-per-day", 1.0, "messages of a user per day, those who stay away included"),
        ("turns-per-visit", 4.0, "messages between one opening of the page and the next"),
        ("peak", 5.0, "how many times the day's average the busiest hour has"),
    )


def print_sizes(sizes: "Mapping[str, Size]") -> None:
    """Print what was measured of rows."""
    _print_row("table", "rows", "bytes a row", "of these in indexes")
    _print_row("---", *["--:"] * 3)
    for table, size in sizes.items():
        _print_row(f"`{table}`", f"{size.rows:,}", f"{size.bytes:,.0f}", f"{size.in_indexes / size.rows:,.0f}")


def print_commands(commands: Mapping[str, int]) -> None:
    """Print what was counted."""
    print()
    _print_row("what a user does", "commands")
    _print_row("---", "--:")
    for name, count in commands.items():
        _print_row(name, str(count))


def print_assumptions(assumptions: Assumptions) -> None:
    """Print what the plan takes for granted."""
    print()
    _print_row("assumption", "argument", "value")
    _print_row("---", "---", "--:")
    for name, _, text in Assumptions.ARGUMENTS:
        _print_row(text, f"`--{name}`", f"{getattr(assumptions, name.replace('-', '_')):g}")


def plan(users: Sequence[int], sizes: "Mapping[str, Size]", commands: Mapping[str, int], assumed: Assumptions) -> None:
    """Print the plan: a column for each number of users."""
    turns = assumed.threads_per_user * assumed.turns_per_thread
    items_per_turn = sizes["chatkit_thread_items"].rows / (sizes["chatkit_threads"].rows * assumed.turns_per_thread)
    rows = {
        "chatkit_threads": float(assumed.threads_per_user),
        "chatkit_thread_items": turns * items_per_turn,
        "chatkit_attachments": turns * assumed.attachments_per_turn,
    }
    stored = sum(rows[table] * size.bytes for table, size in sizes.items())
    per_turn = _commands_per_turn(commands, assumed)
    turns_a_second = assumed.turns_per_day * assumed.peak / SECONDS_A_DAY
    lines: dict[str, Callable[[int], str]] = {
        **{f"rows of `{table}`": lambda n, each=each: f"{n * each:,.0f}" for table, each in rows.items()},  # type: ignore[misc]  # mypy knows no default of a lambda
        "bytes in all": lambda n: _size(n * stored),
        "bytes more a day": lambda n: _size(n * stored * assumed.turns_per_day / turns),
        "turns a second, at the peak": lambda n: f"{n * turns_a_second:,.2f}",
        "commands a second, at the peak": lambda n: f"{n * turns_a_second * per_turn:,.1f}",
    }
    print()
    _print_row("users", *(f"{n:,}" for n in users))
    _print_row("---", *["--:"] * len(users))
    for name, told in lines.items():
        _print_row(name, *(told(n) for n in users))


def _commands_per_turn(commands: Mapping[str, int], assumed: Assumptions) -> float:
    first, later, attachment, visit = commands.values()
    turn = later + (first - later) / assumed.turns_per_thread
    return turn + attachment * assumed.attachments_per_turn + visit / assumed.turns_per_visit


def _size(count: float) -> str:
    unit = 0
    while count >= 1000 and unit + 1 < len(UNITS):  # noqa: PLR2004 - decimal units
        count, unit = count / 1000, unit + 1
    return f"{count:.1f} {UNITS[unit]}"


def _print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)
