"""The arithmetic of `make growth`, which docs/explanation/growth.md prints."""

from benchmarks.growth_bytes import Size
from benchmarks.growth_commands import ATTACHMENT, FIRST, TURN, VISIT
from benchmarks.growth_plan import Assumptions, plan

SIZES = {
    "chatkit_threads": Size(rows=10, in_table=8_000, in_indexes=2_000),
    "chatkit_thread_items": Size(rows=100, in_table=90_000, in_indexes=10_000),
    "chatkit_attachments": Size(rows=5, in_table=4_000, in_indexes=1_000),
}
COMMANDS = {FIRST: 5, TURN: 4, ATTACHMENT: 2, VISIT: 3}
ASSUMED = Assumptions(
    threads_per_user=2,
    turns_per_thread=5,
    attachments_per_turn=0.5,
    turns_per_day=86.4,
    turns_per_visit=3,
    peak=10,
)


def told(capsys):
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if " | " in line]
    return {name: values for name, *values in lines}


def test_rows_bytes_and_commands_follow_from_what_was_measured_and_assumed(capsys):
    plan((1, 1000), SIZES, COMMANDS, ASSUMED)
    assert told(capsys) == {
        "users": ["1", "1,000"],
        "---": ["--:", "--:"],
        "rows of `chatkit_threads`": ["2", "2,000"],
        # Ten items a thread were measured, in five turns.
        "rows of `chatkit_thread_items`": ["20", "20,000"],
        "rows of `chatkit_attachments`": ["5", "5,000"],
        # 2 threads, 20 items and 5 attachments of 1,000 bytes each.
        "bytes in all": ["27.0 kB", "27.0 MB"],
        "bytes more a day": ["233.3 kB", "233.3 MB"],
        "turns a second, at the peak": ["0.01", "10.00"],
        # 4 + 1/5 of the first, 2 for half an attachment, 3 for a third of a visit: 6.2 a turn.
        "commands a second, at the peak": ["0.1", "62.0"],
    }
