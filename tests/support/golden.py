"""The SQL of every statement as it is kept in ``tests/golden``, to be read in review.

``python -m tests.golden.update`` writes the files anew.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from chatkit_pgstore._compiled import Statement, compiled_statements

FOLDER = Path(__file__).parent.parent / "golden"
INDENT = "    "
CLAUSES = (
    "SELECT|INSERT INTO|UPDATE|DELETE FROM|FROM|LEFT OUTER JOIN|WHERE|AND|ORDER BY|LIMIT|VALUES|UNION ALL"
    "|ON CONFLICT|DO UPDATE SET|SET|RETURNING|FOR KEY SHARE"
)
NEXT_IN_WITH = r"(?<=\), )\w+ AS(?: MATERIALIZED)?(?= \()"
STEPS = re.compile(rf"\s*(?P<clause>\b(?:{CLAUSES})\b|{NEXT_IN_WITH})|(?P<bracket>[()])|(?P<text>\s*[^\s()]+|\s+)")


def statements() -> list[Statement]:
    """Return every statement of a store."""
    found: list[Statement] = []
    compiled = compiled_statements()
    for field in fields(compiled):
        value = getattr(compiled, field.name)
        found += value.values() if isinstance(value, Mapping) else [value]
    return found


def golden_files() -> dict[str, str]:
    """Return what should stand in the folder: the text of each file by its name."""
    return {f"{statement.name}.sql": _file(statement) for statement in statements()}


def _file(statement: Statement) -> str:
    parameters = [f"${number} {name}" for number, name in enumerate(statement.parameters, 1)]
    return f"-- {', '.join(parameters)}\n{readable(statement.sql)}\n"


def readable(sql: str) -> str:
    """Return *sql* with each clause on a line of its own, indented by its brackets; only white space changes."""
    depth, text = 0, ""
    for step in STEPS.finditer(" ".join(sql.split())):
        if step["clause"]:
            text = f"{text.rstrip()}\n{INDENT * depth}{step['clause']}"
        else:
            depth += {"(": 1, ")": -1}.get(step[0], 0)
            text += step[0]
    return text.strip()
