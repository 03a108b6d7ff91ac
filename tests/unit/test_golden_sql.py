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
