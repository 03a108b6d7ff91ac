"""The SQL of status, purge and erase: one pure function each, over the tables of `_tables`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    DateTime,
    Executable,
    Table,
    TableValuedAlias,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal,
    literal_column,
    select,
    text,
    true,
    tuple_,
)

from chatkit_pgstore._layout import USER_TYPES, Layout, table_in, threads_in
from chatkit_pgstore._tables import attachments, thread_items, threads

MOST_MILLISECONDS_IN_A_QUEUE = 20
"""How long a purge waits for a row that somebody else holds, while others wait for those it holds itself."""


def _text(name: str) -> BindParameter[str]:
    return bindparam(name, type_=Text())


def _texts(name: str) -> BindParameter[Any]:
    return bindparam(name, type_=ARRAY(Text()))


BEFORE: BindParameter[Any] = bindparam("before", type_=DateTime(timezone=True))

ROWS_LOOKED_AT = 1000
"""By a purge in one step, whether they are old or not."""


# Purge


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that a purge deletes once they are old: all of a table, or some."""

    table: Table
    some: ColumnElement[bool]
    rows: ColumnElement[int]
    """How many rows go with one of them, at most, as far as it tells without a look."""

    @property
    def is_old(self) -> ColumnElement[bool]:
        """Whether a row is to be deleted."""
        return and_(self.table.c.updated_at < BEFORE, self.some)


THREADS = Kind(threads, true(), threads.c.last_sort_key)
UNSENT = Kind(attachments, attachments.c.thread_id.is_(None), literal_column("0", BigInteger()))
"""Attachments that no message was ever sent with."""


def server_time() -> Executable:
    """The server's clock, by which it writes updated_at."""
    return select(func.now())


def estimated_rows(layout: Layout) -> Executable:
    """About how many threads and attachments there are, by the last ANALYZE; null where there was none."""
    look = """
        SELECT CASE WHEN min(reltuples) >= 0 THEN sum(reltuples)::bigint END FROM pg_catalog.pg_class
         WHERE oid IN (to_regclass(:threads), to_regclass(:attachments))
    """
    return text(look).bindparams(
        threads=table_in(layout.schema, threads.name), attachments=table_in(layout.schema, attachments.name)
    )


def page(kind: Kind, layout: Layout, user_id: str | None, *, behind: bool) -> Executable:
    """The next 1,000 rows in the order of the primary key, whether old or not; *behind* a key, or the first.

    So every step costs the same, whatever it finds, and no index on updated_at has to be kept for each append.
    """
    own, row_id = kind.table.c.user_id, kind.table.c.id
    rows = select(cast(own, Text).label("user"), row_id, kind.rows.label("rows"), kind.is_old.label("is_old"))
    if user_id is not None:
        rows = rows.where(own == layout.user(user_id))
        rows = rows.where(row_id > _text("after_id")) if behind else rows
    elif behind:
        after = tuple_(cast(_text("after_user"), USER_TYPES[layout.user_type]), _text("after_id"))
        rows = rows.where(tuple_(own, row_id) > after)
    # Written out, so that a plan that PostgreSQL keeps for all values knows it, too.
    return rows.order_by(own, row_id).limit(literal_column(str(ROWS_LOOKED_AT), BigInteger()))


def delete_old(kind: Kind, layout: Layout) -> Executable:
    """Deletes those of the rows ``users[n]``, ``ids[n]`` that are still old, and that nobody else holds.

    What goes with a thread is read first, from the disk if need be, and then the rows are locked: a join gives no
    row to lock before each of its sides was read. Nor does the commit wait for the disk. So others wait for little.
    """
    keys = _keys()
    own = _is_one_of(keys, kind.table.c.user_id, kind.table.c.id, layout)
    ready = select(*_manners(), *_read(kind, layout)).cte("ready").prefix_with("MATERIALIZED")
    old = (
        select(kind.table.c.user_id, kind.table.c.id)
        .select_from(ready.join(keys, true()).join(kind.table, own))
        .where(kind.is_old)
        .with_for_update(of=kind.table, skip_locked=True)
        .cte("old")
        .prefix_with("MATERIALIZED")
    )
    mine = and_(kind.table.c.user_id == old.c.user_id, kind.table.c.id == old.c.id)
    return delete(kind.table).where(mine, kind.is_old).returning(kind.table.c.id)


def delete_old_of(user_id: str, kind: Kind, layout: Layout) -> Executable:
    """The same for one user, in the words that Citus takes: it waits for whoever holds a row."""
    own = and_(kind.table.c.user_id == layout.user(user_id), kind.table.c.id == any_(_texts("ids")))
    return delete(kind.table).where(own, kind.is_old).returning(kind.table.c.id)


def be_brief() -> Executable:
    """Makes this transaction wait for little, and its commit for no disk."""
    return select(*_manners())


def delete_with_thread(table: Table, layout: Layout) -> Executable:
    """Deletes the rows of a table that belong to the threads ``users[n]``, ``ids[n]``."""
    return delete(table).where(_is_one_of(_keys(), table.c.user_id, table.c.thread_id, layout))


def _manners() -> tuple[ColumnElement[Any], ...]:
    wait = f"{MOST_MILLISECONDS_IN_A_QUEUE}ms"
    return (
        func.set_config("lock_timeout", wait, literal(value=True)).label("waiting"),
        func.set_config("synchronous_commit", "off", literal(value=True)).label("committing"),
    )


def _read(kind: Kind, layout: Layout) -> tuple[ColumnElement[Any], ...]:
    """Whole documents, so that those kept elsewhere (TOAST) are read too."""
    if kind is not THREADS:
        return ()
    sizes: list[ColumnElement[Any]] = []
    for table, document in ((thread_items, thread_items.c.item), (attachments, attachments.c.attachment)):
        keys = _keys()
        size = select(func.sum(func.length(cast(document, Text))))
        joined = keys.join(table, _is_one_of(keys, table.c.user_id, table.c.thread_id, layout))
        sizes.append(size.select_from(joined).scalar_subquery().label(table.name))
    return tuple(sizes)


def _keys() -> TableValuedAlias:
    given = func.unnest(_texts("users"), _texts("ids"))
    return given.table_valued(column("user", Text()), column("id", Text()), name="keys").render_derived()


def _is_one_of(keys: Any, user: Column[Any], row_id: Column[Any], layout: Layout) -> ColumnElement[bool]:
    return and_(user == cast(keys.c.user, USER_TYPES[layout.user_type]), row_id == keys.c.id)


# Erase


def lock_threads_of(user_id: str, layout: Layout) -> Executable:
    """Locks a user's threads, as every writer does before it touches an item; so nobody waits in a circle."""
    mine = select(threads.c.id).where(threads.c.user_id == layout.user(user_id)).with_for_update()
    return select(func.count()).select_from(mine.subquery())


def delete_all_of(user_id: str, table: Table, layout: Layout) -> Executable:
    """Deletes every row of a user in a table."""
    return delete(table).where(table.c.user_id == layout.user(user_id))


def any_of(user_id: str, table: Table, layout: Layout) -> Executable:
    """A row of a user in a table, if there is one."""
    return select(table.c.user_id).where(table.c.user_id == layout.user(user_id)).limit(1)


def number_of(user_id: str, table: Table, layout: Layout) -> Executable:
    """Counts the rows of a user in a table."""
    return select(func.count()).select_from(table).where(table.c.user_id == layout.user(user_id))


# Status and receipt


def place_and_time(layout: Layout) -> Executable:
    """The database, the schema of the tables in it, and the moment."""
    look = """
        SELECT current_database() AS database, n.nspname AS schema, clock_timestamp() AS moment
          FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE c.oid = to_regclass(:threads)
    """
    return text(look).bindparams(threads=threads_in(layout.schema))
