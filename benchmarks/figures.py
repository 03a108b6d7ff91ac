"""Figures of benchmarks: on the screen, in the documents, and beside those that were committed.

    python benchmarks/figures.py    draw and write anew what the documents show of benchmarks/results

A benchmark makes a `Measured` of what it found out. `show` prints it. `publish` keeps it in benchmarks/results, draws
its plots into docs/assets/figures, and writes its tables into the documents. `exceeded` holds its ratios against those
that were kept.
"""

import sys
from pathlib import Path

from pydantic import TypeAdapter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import pages
from benchmarks.measured import Measured, Plot, Point, Table
from benchmarks.surroundings import surroundings

__all__ = ["Measured", "Plot", "Point", "Table", "exceeded", "publish", "show", "surroundings"]

CHECKOUT = Path(__file__).resolve().parents[1]
TOLERANCE = 1.5
"""How many times its committed value a ratio may have: a machine alone makes less than that of it."""

AS_JSON = TypeAdapter(Measured)


def show(measured: Measured) -> None:
    """Print the tables as Markdown, and under them what they were measured on."""
    for table in measured.tables:
        print(f"{pages.text_of_table(table)}\n")
    print(f"{pages.text_of_surroundings(measured)}\n")


def publish(measured: Measured, checkout: Path = CHECKOUT) -> None:
    """Keep what was measured, and show it in the documents."""
    file = _file_of(measured.name, checkout)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(AS_JSON.dump_json(measured, indent=1) + b"\n")
    # As it is read from now on: numbers have lost what JSON does not tell.
    show_in_documents(AS_JSON.validate_json(file.read_bytes()), checkout)


def show_in_documents(measured: Measured, checkout: Path = CHECKOUT) -> None:
    """Write the tables between the markers of the documents, and draw the plots; print what has no place yet."""
    for marker in pages.fill_in(measured, checkout):
        print(f"{pages.DOCUMENTS[-1]} has no place for: {marker}\nAdd it, and run `python benchmarks/figures.py`.")
    if measured.plots:
        from benchmarks import plots  # noqa: PLC0415  # matplotlib is installed only where something is drawn

        for plot in measured.plots:
            plots.draw(plot, checkout / pages.drawing_of(measured, plot))


def committed(name: str, checkout: Path = CHECKOUT) -> Measured | None:
    """Return what was published of the benchmark called *name*; None before the first time."""
    file = _file_of(name, checkout)
    return AS_JSON.validate_json(file.read_bytes()) if file.exists() else None


def all_committed(checkout: Path = CHECKOUT) -> dict[str, Measured]:
    """Return all that was published, by name."""
    files = sorted(_file_of("*", checkout).parent.glob("*.json"))
    return {file.stem: AS_JSON.validate_json(file.read_bytes()) for file in files}


def exceeded(measured: Measured, checkout: Path = CHECKOUT) -> list[str]:
    """Return in words the ratios that are above `TOLERANCE` times the committed ones."""
    before = committed(measured.name, checkout)
    known = before.ratios if before else {}
    return [
        f"{name}: {ratio:.2f}, which is more than {TOLERANCE} times the committed {known[name]:.2f}"
        for name, ratio in measured.ratios.items()
        if name in known and ratio > TOLERANCE * known[name]
    ]


def _file_of(name: str, checkout: Path) -> Path:
    return checkout / "benchmarks" / "results" / f"{name}.json"


if __name__ == "__main__":
    for kept in all_committed().values():
        show_in_documents(kept)
