"""Writes figures between the markers of the documents.

``<!-- figures peers.append -->`` and ``<!-- end figures -->`` enclose the table and the plot that "peers" calls
"append"; ``peers.surroundings`` is what all of "peers" was measured on, and ``peers.behind`` where others are better.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from posixpath import dirname, relpath

from benchmarks.measured import Measured, Plot, Table

DOCUMENTS = ("README.md", "docs/explanation/performance.md")
DRAWINGS = "docs/assets/figures"
SURROUNDINGS, BEHIND = "surroundings", "behind"
BLOCK = re.compile(r"^(<!-- figures ([\w-]+)\.([\w-]+) -->)\n(.*?)^(<!-- end figures -->)$", re.MULTILINE | re.DOTALL)


def fill_in(measured: Measured, checkout: Path) -> list[str]:
    """Write all that was measured between the markers of its name, and return the markers that no document has."""
    for document in DOCUMENTS:
        path = checkout / document
        text = path.read_text() if path.exists() else ""
        anew = with_figures(text, {measured.name: measured}, document)
        if anew != text:
            path.write_text(anew)
    without_place = names_in(measured) - places(measured.name, checkout)
    return [f"<!-- figures {measured.name}.{name} -->" for name in sorted(without_place)]


def with_figures(text: str, all_measured: Mapping[str, Measured], document: str) -> str:
    """Return the text of *document* with what was measured between its markers; blocks of others stay."""
    return BLOCK.sub(_filled(all_measured, document), text)


def names_in(measured: Measured) -> set[str]:
    """Return what has to be shown of it, by the names of markers; `BEHIND` may be."""
    return {table.name for table in measured.tables} | {plot.name for plot in measured.plots} | {SURROUNDINGS}


def places(name: str, checkout: Path) -> set[str]:
    """Return what documents have a place for, of the benchmark called *name*."""
    texts = [path.read_text() for document in DOCUMENTS if (path := checkout / document).exists()]
    found = {block[3] for text in texts for block in BLOCK.finditer(text) if block[2] == name}
    return found - {BEHIND}


def drawing_of(measured: Measured, plot: Plot) -> str:
    """Return where the drawing of a plot is, in the checkout."""
    return f"{DRAWINGS}/{measured.name}-{plot.name}.svg"


def text_of_table(table: Table) -> str:
    """Return a table as Markdown, between its title and its note."""
    alignments = ["---", *(_alignment(cells) for cells in list(zip(*table.rows, strict=True))[1:])]
    rows = [table.columns, alignments, *table.rows]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    parts = [f"**{table.title}**" if table.title else "", "\n".join(lines), table.note]
    return "\n\n".join(filter(None, parts))


def text_of_surroundings(measured: Measured) -> str:
    """Return what was measured on what, as a list."""
    known = {"command": f"`{measured.command}`", **measured.surroundings}
    return "\n".join(f"- {name}: {what}" for name, what in known.items())


def text_of_behind(measured: Measured) -> str:
    """Return the ratios by which another one is better, the worst of them first."""
    behind = sorted((ratio, name) for name, ratio in measured.ratios.items() if ratio > 1)
    if not behind:
        return "None of the guarded ratios is above one."
    rows = [[name, f"{ratio:.2f}"] for ratio, name in reversed(behind)]
    return text_of_table(Table(BEHIND, "Ratios above one", ["what", "ratio"], rows))


def _alignment(cells: Iterable[str]) -> str:
    """Return that of a column: numbers stand on the right, also where some are missing, and words on the left."""
    are_numbers = [cell[0].isdigit() for cell in cells if cell]
    return "---" if sum(are_numbers) * 2 < len(are_numbers) else "--:"


def _filled(all_measured: Mapping[str, Measured], document: str) -> Callable[[re.Match[str]], str]:
    def filled(block: re.Match[str]) -> str:
        measured = all_measured.get(block[2])
        if measured is None:
            return block[0]
        return f"{block[1]}\n{_content(measured, block[3], document)}{block[5]}"

    return filled


def _content(measured: Measured, name: str, document: str) -> str:
    """Return what stands between the markers of one name; nothing where nothing of that name was measured."""
    parts = [text_of_table(table) for table in measured.tables if table.name == name]
    parts += [_image(measured, plot, document) for plot in measured.plots if plot.name == name]
    if name in BY_ITSELF:
        parts.append(BY_ITSELF[name](measured))
    return "\n\n".join(parts) + ("\n" if parts else "")


BY_ITSELF = {SURROUNDINGS: text_of_surroundings, BEHIND: text_of_behind}


def _image(measured: Measured, plot: Plot, document: str) -> str:
    address = relpath(drawing_of(measured, plot), dirname(document) or ".")
    return f"![{plot.title}. {plot.caption}]({address})"
