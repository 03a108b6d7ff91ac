"""Every level of every statement binds the user, and every key and index begins with it.

So nothing can cross from one user to another, and a machine of a cluster or a partition that holds other users is never
asked. Told twice: from the statements as a parser reads them, and from the plans that PostgreSQL makes of them.
"""

import json
import re
from contextlib import contextmanager
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint, event

from chatkit_pgstore import operations
from chatkit_pgstore._compiled import statements_by_name
from chatkit_pgstore._layout import USER_TYPES, Layout
from chatkit_pgstore._tables import metadata
from tests.support.calls import fill
from tests.support.citus import make_functions
from tests.support.levels import statements_of_functions, unbound_levels
from tests.support.plans import literal
from tests.support.tables import fetch

LAYOUTS = [Layout(user_type=user_type) for user_type in USER_TYPES] + [Layout("chat")]
IN_FUNCTIONS = statements_of_functions()
STATEMENTS = [statement for layout in LAYOUTS for statement in statements_by_name(layout).values()]
USER = "the user"
NOT_OF_USERS = {"chatkit_supported_revisions"}
USERS_TABLES = [table for table in metadata.tables.values() if table.name not in NOT_OF_USERS]


def number_of_the_user(statement):
    name = "of_user" if "of_user" in statement.parameters else "user_id"
    return statement.parameters.index(name) + 1


def is_a_call(statement):
    return re.match(r"SELECT chatkit_\w+\(", statement.sql)


# As a parser reads them


@pytest.mark.parametrize("statement", STATEMENTS + IN_FUNCTIONS, ids=lambda statement: statement.name)
def test_every_level_of_a_statement_binds_the_user(statement):
    assert unbound_levels(statement.sql, {number_of_the_user(statement)}) == []


def test_the_functions_have_the_statements_that_write_items():
    verbs = [(statement.name, statement.sql.split()[0]) for statement in IN_FUNCTIONS]
    assert verbs == [
        ("chatkit_append_item 1", "UPDATE"),
        ("chatkit_append_item 2", "INSERT"),
        ("chatkit_replace_item 1", "UPDATE"),
        ("chatkit_replace_item 2", "UPDATE"),
        ("chatkit_replace_item 3", "INSERT"),
    ]


def test_a_call_of_a_function_has_the_user_first():
    """The argument that `distribute` distributes it by."""
    statements = statements_by_name(Layout(distributed=True))
    calls = {each.name: each.parameters[0] for each in statements.values() if is_a_call(each)}
    assert calls == {"append_item": "user_id", "replace_item": "user_id"}


UNBOUND = {
    "no condition": "SELECT thread FROM chatkit_threads WHERE id = $1",
    "no WHERE": "DELETE FROM chatkit_attachments",
    "another parameter": "SELECT thread FROM chatkit_threads WHERE user_id = $1 AND id = $2",
    "weakened by OR": "DELETE FROM chatkit_threads WHERE user_id = $2 OR id = $1",
    "a table beside": "SELECT t.id FROM chatkit_threads t, chatkit_thread_items i WHERE t.user_id = $2 AND i.id = t.id",
    "by the other table": "SELECT t.id FROM chatkit_threads t JOIN chatkit_thread_items i ON i.user_id = t.user_id "
    "WHERE t.user_id = $2",
    "a subquery": "DELETE FROM chatkit_threads AS t WHERE t.user_id = $2 AND NOT EXISTS "
    "(SELECT FROM chatkit_thread_items AS i WHERE i.user_id = t.user_id AND i.thread_id = t.id)",
    "a WITH": "WITH t AS (SELECT user_id, id FROM chatkit_threads WHERE id = $1) SELECT id FROM t",
    "a lateral": "SELECT page.id FROM chatkit_threads AS t LEFT JOIN LATERAL "
    "(SELECT i.id FROM chatkit_thread_items AS i WHERE i.thread_id = t.id) AS page ON true WHERE t.user_id = $2",
    "an inserted user": "INSERT INTO chatkit_threads (user_id, id) VALUES ($1, $2)",
    "an inserted row of another": "INSERT INTO chatkit_attachments (user_id, id) SELECT t.user_id, $1 "
    "FROM chatkit_threads AS t WHERE t.user_id = $2",
    "a conflict": "INSERT INTO chatkit_threads (user_id, id) VALUES ($2, $1) ON CONFLICT (id) DO NOTHING",
}


@pytest.mark.parametrize("sql", UNBOUND.values(), ids=UNBOUND.keys())
def test_a_level_that_does_not_is_found(sql):
    assert unbound_levels(sql, {2})


# Of operations that are about one user, where the tables are distributed


async def export(store):
    return [line async for line in operations.export_users(store, USER)]


async def export_and_import(store):
    lines = await export(store)
    await operations.erase(store, USER)

    async def exported():
        for line in lines:
            yield line

    await operations.import_users(store, exported())


OF_ONE_USER = {
    "export": export,
    "erase": lambda store: operations.erase(store, USER),
    "import": export_and_import,
    "purge": lambda store: operations.purge(store, timedelta(microseconds=1), user_id=USER),
}


@pytest.mark.parametrize("operation", OF_ONE_USER.values(), ids=OF_ONE_USER.keys())
async def test_an_operation_about_one_user_binds_it_on_every_level(operation, store, database_url):
    await make_functions(database_url)
    await fill(store, {"user_id": USER})
    with sent_by(store.engine) as sent:
        await operation(store)
    assert len(sent) > 2
    for sql, parameters in sent:
        user = {number for number, value in enumerate(parameters, 1) if value == USER}
        assert unbound_levels(sql, user) == []


@contextmanager
def sent_by(engine):
    """Yield the statements on our tables that go by SQLAlchemy, with their parameters."""
    sent = []

    def note(_connection, _cursor, sql, parameters, *_):
        if re.search(rf"\b({'|'.join(table.name for table in USERS_TABLES)})\b", sql):
            sent.append((sql, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine.sync_engine, "before_cursor_execute", note)


# As PostgreSQL plans them


@pytest.fixture(scope="module")
def values():
    """Any will do: the plan is made for all."""
    times = dict.fromkeys(("created_at", "item_time", "after_time"), "2026-01-02T03:04:05Z")
    numbers = dict.fromkeys(("limit", "given"), 1)
    documents = dict.fromkeys(("thread", "item", "attachment", "item_document", "metadata"), "{}")
    documents |= dict.fromkeys(("item_ids", "thread_ids"), "{1}")
    return {**times, **numbers, **documents, "type": "end_of_turn"}


async def plan_of(statement, values, connection):
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE statement AS {statement.sql}")
    arguments = ", ".join(literal(values.get(name, "1")) for name in statement.parameters)
    explained = await connection.fetchval(f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE statement ({arguments})")
    return json.loads(explained)[0]["Plan"]


def nodes_of(node):
    yield node
    for child in node.get("Plans", ()):
        yield from nodes_of(child)


def reads_unbound(node, number):
    """Whether a plan reads one of our tables by anything but the user."""
    conditions = " ".join(str(node.get(name)) for name in ("Index Cond", "Recheck Cond", "Filter"))
    return (
        "Relation Name" in node
        and node["Node Type"].endswith("Scan")
        and (" OR " in conditions or not re.search(rf"\buser_id\)*(::text)? = \(*\${number}\)", conditions))
    )


def outer(node):
    return next(child for child in node["Plans"] if child["Parent Relationship"] == "Outer")


def inserts_unbound(node, number):
    if node.get("Operation") != "Insert":
        return False
    rows = source = outer(node)
    while source["Node Type"] == "Result" and "Plans" in source:  # all of them, or none
        source = outer(source)
    if source["Node Type"] == "CTE Scan":  # whose own plan is another of the nodes
        return rows["Output"][0] != f"{source['Alias']}.user_id"
    return not re.fullmatch(rf"\(*\${number}\)*(::\w+\)*)*", rows["Output"][0])


def unbound_nodes(plan, number):
    return [node for node in nodes_of(plan) if reads_unbound(node, number) or inserts_unbound(node, number)]


@pytest.mark.parametrize(
    "statement", [*statements_by_name(Layout()).values(), *IN_FUNCTIONS], ids=lambda statement: statement.name
)
async def test_postgresql_reads_and_writes_by_the_user(statement, values, database_url):
    connection = await asyncpg.connect(database_url)
    try:
        plan = await plan_of(statement, values, connection)
    finally:
        await connection.close()
    touched = [node for node in nodes_of(plan) if "Relation Name" in node]
    assert touched
    assert unbound_nodes(plan, number_of_the_user(statement)) == []


FOLLOWS = {"by the other table", "a subquery", "a conflict"}
"""Where the condition follows from another: PostgreSQL sees that by itself, Citus may not, nor does the parser."""


@pytest.mark.parametrize("name", sorted(UNBOUND.keys() - FOLLOWS))
async def test_a_plan_that_does_not_is_found(name, database_url):
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "ALTER TABLE chatkit_threads ALTER thread DROP NOT NULL; SET plan_cache_mode = force_generic_plan;"
            f"PREPARE statement (text, text) AS {UNBOUND[name]}"
        )
        explained = await connection.fetchval("EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE statement ('a', 'b')")
    finally:
        await connection.close()
    assert unbound_nodes(json.loads(explained)[0]["Plan"], 2)


# Keys and indexes


@pytest.mark.parametrize("table", USERS_TABLES, ids=lambda table: table.name)
def test_every_key_and_index_of_the_metadata_begins_with_the_user(table):
    keys = [each for each in table.constraints if isinstance(each, (PrimaryKeyConstraint, UniqueConstraint))]
    references = [each for each in table.constraints if isinstance(each, ForeignKeyConstraint)]
    assert table.primary_key in keys
    for each in (*keys, *table.indexes):
        assert next(iter(each.columns)).name == "user_id", each.name
    for each in references:
        assert each.column_keys[0] == "user_id", each.name
        assert each.elements[0].column.name == "user_id", each.name


INDEXES = """
    SELECT i.indexrelid::regclass::text AS name, a.attname AS first
    FROM pg_index AS i LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = ANY ($1::text[]::regclass[])
"""
FOREIGN_KEYS = """
    SELECT c.conname AS name, a.attname AS first, b.attname AS referred
    FROM pg_constraint AS c
    JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    JOIN pg_attribute AS b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
    WHERE c.contype = 'f' AND c.conrelid = ANY ($1::text[]::regclass[])
"""


async def test_every_key_and_index_of_the_database_does_too(database_url):
    names = [table.name for table in USERS_TABLES]
    indexes = await fetch(database_url, INDEXES, names)
    keys = await fetch(database_url, FOREIGN_KEYS, names)
    assert len(indexes) >= len(names)
    assert keys
    assert {row["first"] for row in indexes} == {"user_id"}
    assert {(row["first"], row["referred"]) for row in keys} == {("user_id", "user_id")}
