"""The SQL that the store sends is the SQL in ``tests/golden``; ``python -m tests.golden.update`` writes it anew."""

import pytest

from tests.support.golden import FOLDER, golden_files, readable, statements


@pytest.mark.parametrize("name", golden_files())
def test_a_statement_is_the_one_that_was_reviewed(name):
    assert (FOLDER / name).read_text() == golden_files()[name]


def test_no_file_is_left_over():
    assert {path.name for path in FOLDER.glob("*.sql")} == set(golden_files())


@pytest.mark.parametrize("statement", statements(), ids=lambda statement: statement.name)
def test_the_layout_changes_nothing_but_white_space(statement):
    assert "".join(readable(statement.sql).split()) == "".join(statement.sql.split())


@pytest.mark.parametrize("statement", statements(), ids=lambda statement: statement.name)
def test_every_level_of_a_statement_binds_the_user(statement):
    """As many times as a table is read or written, apart from the rows that another level has already bound."""
    place = f"${statement.parameters.index('user_id') + 1}::VARCHAR"
    touched = sum(statement.sql.count(f"{verb} chatkit_") for verb in ("FROM", "UPDATE", "INTO"))
    inserted_from_thread = statement.sql.count("SELECT thread.user_id")
    assert statement.sql.count(place) == touched - inserted_from_thread
