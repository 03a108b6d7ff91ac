"""What a benchmark found out, before anybody decides how it is shown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Literal


@dataclass(frozen=True)
class Point:
    """One figure of a series, with its spread where it has one."""

    x: str | float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Table:
    """A table of the documents.

    Attributes:
        name: The marker on the page is ``<!-- figures peers.append -->`` for the table "append" of "peers".
        columns: The first is that of the rows' names.
        rows: Cells as they are shown.
        note: A sentence under the table.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Plot:
    """A drawing of the documents: bars stand side by side for each x, lines go from point to point.

    Attributes:
        name: The marker's, as that of a table; a table and a plot of one name stand in one place.
        series: Points, by what the legend calls them.
        caption: What there is to see in it, for those who do not see it.
    """

    name: str
    title: str
    kind: Literal["bars", "lines"]
    x_label: str
    y_label: str
    series: Mapping[str, Sequence[Point]]
    log_x: bool = False
    log_y: bool = False
    caption: str = ""

    def digest(self) -> str:
        """Return what no other plot has; its drawing carries it, so that it can be told from one of older figures."""
        return sha256(json.dumps(asdict(self)).encode()).hexdigest()


@dataclass(frozen=True)
class Measured:
    """All that one benchmark found out.

    Attributes:
        name: That of its file in benchmarks/results.
        command: What has to be typed to measure it again.
        surroundings: What it was measured on, and how.
        ratios: Those that are guarded, by name; lower is better.
        raw: The numbers behind it all, as JSON has them.
    """

    name: str
    command: str
    surroundings: Mapping[str, str]
    tables: Sequence[Table]
    plots: Sequence[Plot]
    ratios: Mapping[str, float]
    raw: Any = None
