"""The figures of the matrix, and whether they are as they have to be."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.sdk_matrix.documents import Documents
from tests.sdk_matrix.expected import EXPECTED, expected_outcomes
from tests.sdk_matrix.outcomes import EQUAL, LEFT_OUT, OUTCOMES


@dataclass
class Results:
    """What came of it all.

    Attributes:
        readings: By reader and writer, what `reading.Reading` holds.
        touched: The releases whose reading changed a row.
    """

    readings: dict[str, dict[str, Any]] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)

    def outcomes(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Yield reader, writer, kind, name and outcome of everything that was read."""
        for reader, written in self.readings.items():
            for writer, reading in written.items():
                for kind, named in reading["outcomes"].items():
                    for name, outcome in named.items():
                        yield reader, writer, kind, name, outcome

    def unreadable_pages(self) -> list[str]:
        """Return which pages could not be read, and why."""
        return [
            f"{reader} reading {writer}: {page}"
            for reader, written in self.readings.items()
            for writer, reading in written.items()
            for page in reading["unreadable_pages"]
        ]


def printed(results: Results, written: dict[str, Documents]) -> int:
    """Print the figures and return the exit status: 1 when anything is other than it has to be."""
    _print_table(results)
    faults = list(_faults(results))
    counts = Counter(outcome for *_, outcome in results.outcomes())
    say("")
    say(f"releases {len(results.readings)}, pairs {len(results.readings) * len(written)}")
    say(f"documents {sum(len(named) for kept in written.values() for named in kept.values())}")
    say(f"read {counts.total()}: " + ", ".join(f"{outcome} {counts[outcome]}" for outcome in OUTCOMES))
    missing, back = _left_out_and_back(results)
    say(f"left out by one release or more {missing}, back and equal in the release that wrote them {back}")
    say(f"unreadable pages {len(results.unreadable_pages())}, rows changed by reading {len(results.touched)}")
    for fault in faults:
        say(f"FAULT: {fault}")
    return 1 if faults or missing != back else 0


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _faults(results: Results) -> Iterator[str]:
    yield from (f"unreadable page: {page}" for page in results.unreadable_pages())
    yield from (f"reading by {reader} changed a row" for reader in results.touched)
    met = set()
    for reader, writer, kind, name, outcome in results.outcomes():
        met |= {each for each in EXPECTED if each.covers(name, reader, writer)}
        expected = expected_outcomes(name, reader, writer)
        if outcome not in expected:
            yield f'{kind} "{name}" of {writer} read by {reader}: {outcome}, not {" or ".join(expected)}'
    yield from (f"expected, and never met: {each}" for each in EXPECTED if each not in met)


def _left_out_and_back(results: Results) -> tuple[int, int]:
    """Count the documents that any release left out, and those of them that came back to their writer as they were."""
    gone = {(writer, kind, name) for _, writer, kind, name, outcome in results.outcomes() if outcome == LEFT_OUT}
    back = {
        (writer, kind, name)
        for reader, writer, kind, name, outcome in results.outcomes()
        if reader == writer and outcome == EQUAL
    }
    return len(gone), len(gone & back)


def _print_table(results: Results) -> None:
    say("\nread by   " + "".join(f"{outcome:>32}" for outcome in OUTCOMES))
    for reader in results.readings:
        counts = Counter(outcome for name, *_, outcome in results.outcomes() if name == reader)
        say(f"{reader:<10}" + "".join(f"{counts[outcome]:>32}" for outcome in OUTCOMES))
