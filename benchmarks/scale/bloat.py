"""What running replies leave behind in the tables, under the storage parameters there are and under others."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from benchmarks.scale import replies, server
from benchmarks.scale.loading import load
from benchmarks.scale.traffic import stretches

DATABASE = "scale_bloat"
ITEMS, THREADS = "chatkit_thread_items", "chatkit_threads"
AS_MIGRATED = "as migrated"


def _items(parameters: str) -> str:
    return f"ALTER TABLE {ITEMS} SET ({parameters})"


def _threads(parameters: str) -> str:
    return f"ALTER TABLE {THREADS} SET ({parameters})"


ALTERNATIVES: Mapping[str, Sequence[str]] = {
    AS_MIGRATED: (),
    "items: fillfactor 90": (_items("fillfactor = 90"),),
    "items: fillfactor 85": (_items("fillfactor = 85"),),
    "items: fillfactor 70": (_items("fillfactor = 70"),),
    "threads: fillfactor 100": (_threads("fillfactor = 100"),),
    "threads: fillfactor 70": (_threads("fillfactor = 70"),),
    "both: vacuum at 5 %": (
        _items("autovacuum_vacuum_scale_factor = 0.05"),
        _threads("autovacuum_vacuum_scale_factor = 0.05"),
    ),
    "both: vacuum at 2 %": (
        _items("autovacuum_vacuum_scale_factor = 0.02"),
        _threads("autovacuum_vacuum_scale_factor = 0.02"),
    ),
    "both: vacuum at 2 %, without delay": (
        _items("autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0"),
        _threads("autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0"),
    ),
    "items: fillfactor 85, both: vacuum at 5 %": (
        _items("fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05"),
        _threads("autovacuum_vacuum_scale_factor = 0.05"),
    ),
}
# Updates come in a minute that would take days: autovacuum has to look as often.
SQUEEZED = (
    "ALTER SYSTEM SET autovacuum = on",
    "ALTER SYSTEM SET autovacuum_naptime = '1s'",
    "SELECT pg_reload_conf()",
)
QUIET = (
    "ALTER SYSTEM SET autovacuum = off",
    "SELECT pg_reload_conf()",
)
LOG = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
COUNTS = """
    SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot, autovacuum_count AS vacuums,
           pg_table_size(relid) AS in_table, pg_indexes_size(relid) AS in_indexes
    FROM pg_stat_user_tables WHERE relname = $1
"""


@dataclass(frozen=True)
class Growth:
    """What updates did to one table.

    Attributes:
        updates: How many there were.
        hot: How many of them left the indexes alone.
        vacuums: How often autovacuum came.
        in_table: The table's bytes afterwards.
        in_indexes: Those of its indexes.
        packed_table: What the same rows take when they are written anew, without room for updates.
        packed_indexes: What their indexes then take.
    """

    updates: int
    hot: int
    vacuums: int
    in_table: int
    in_indexes: int
    packed_table: int
    packed_indexes: int

    @property
    def hot_share(self) -> float:
        """The part of the updates that left the indexes alone."""
        return self.hot / max(self.updates, 1)

    @property
    def growth(self) -> float:
        """How many times the bytes of packed rows are there, indexes included."""
        return (self.in_table + self.in_indexes) / (self.packed_table + self.packed_indexes)


@dataclass(frozen=True)
class Bloat:
    """What running replies left, under some storage parameters.

    Attributes:
        parameters: Which.
        updates: How many were made.
        seconds: They took.
        log: The bytes written ahead, autovacuum's too.
        items: What became of their table.
        threads: What became of theirs.
    """

    parameters: str
    updates: int
    seconds: float
    log: int
    items: Growth
    threads: Growth


async def bloat(pool: Executor, url: str, name: str, items: int, updates: int) -> Bloat:
    """Load items, make updates under the parameters called *name*, and return what they left."""
    await server.drop_database(url, DATABASE)
    made = await server.make_database(url, DATABASE)
    await server.execute(made, *ALTERNATIVES[name])
    load(pool, made, stretches(0, items), f"to be updated, {name}")
    await server.settle(made)
    await server.execute(made, *SQUEEZED)
    before = await server.fetch_value(made, LOG)
    seconds = await replies.run(made, updates)
    log = await server.fetch_value(made, LOG) - before
    await server.execute(made, *QUIET)
    grown = {table: await _counts(made, table) for table in (ITEMS, THREADS)}
    await server.execute(made, *(f"ALTER TABLE {table} RESET (fillfactor)" for table in grown))
    await server.execute(made, *(f"VACUUM (FULL) {table}" for table in grown))
    packed = {table: await _counts(made, table) for table in grown}
    await server.drop_database(url, DATABASE)
    growths = {table: _growth(grown[table], packed[table]) for table in grown}
    return Bloat(name, updates, seconds, int(log), growths[ITEMS], growths[THREADS])


async def _counts(url: str, table: str) -> Mapping[str, int]:
    async with server.connected(url) as connection:
        return dict(await connection.fetchrow(COUNTS, table))


def _growth(grown: Mapping[str, int], packed: Mapping[str, int]) -> Growth:
    return Growth(**grown, packed_table=packed["in_table"], packed_indexes=packed["in_indexes"])
