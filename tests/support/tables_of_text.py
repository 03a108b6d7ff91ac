"""Figures as they are kept in ``tests/golden``: a line of what they were taken with, then a table for a reader."""

from collections.abc import Mapping, Sequence

BETWEEN = "  "


def written_table(taken_with: Mapping[str, str], columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """Return the text; the first column holds the names of the rows, aligned to the left, the others to the right."""
    first, *others = columns
    width = max(map(len, (first, *rows)))
    widths = [max(len(each) for each in column) for column in zip(others, *rows.values(), strict=True)]
    lines = [f"# {', '.join(f'{name} {value}' for name, value in taken_with.items())}"]
    for name, cells in {first: others, **rows}.items():
        aligned = [cell.rjust(size) for cell, size in zip(cells, widths, strict=True)]
        lines.append(BETWEEN.join([name.ljust(width), *aligned]))
    return "\n".join(lines) + "\n"


def read_table(text: str) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Return what such a text was taken with, and its rows by their names."""
    head, columns, *lines = text.splitlines()
    taken_with = dict(each.rsplit(" ", 1) for each in head.removeprefix("# ").split(", "))
    cells = len(columns.split()) - 1
    rows = [line.rsplit(maxsplit=cells) for line in lines]
    return taken_with, {name.rstrip(): tuple(figures) for name, *figures in rows}
