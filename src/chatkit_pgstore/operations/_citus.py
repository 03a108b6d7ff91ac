"""What Citus knows of the tables, read from its catalog, and its functions as statements.

https://docs.citusdata.com/en/stable/develop/api_metadata.html
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from chatkit_pgstore._layout import Layout, threads_in
from chatkit_pgstore._users import TABLES
from chatkit_pgstore.errors import ConfigurationError

ALONE = "none"
"""Citus would else put a table beside any other that is distributed by a column of the same type."""

CREATE_DISTRIBUTED_TABLE = text(
    "SELECT create_distributed_table(CAST(CAST(:table AS text) AS regclass), 'user_id', "
    "colocate_with => CAST(:beside AS text))"
)
CREATE_REFERENCE_TABLE = text("SELECT create_reference_table(CAST(CAST(:table AS text) AS regclass))")
CREATE_DISTRIBUTED_FUNCTION = text(
    "SELECT create_distributed_function(CAST(CAST(:function AS text) AS regprocedure), CAST(:argument AS text), "
    "colocate_with => CAST(:beside AS text))"
)
TRUNCATE_LOCAL_DATA = text(
    "SELECT truncate_local_data_after_distributing_table(CAST(CAST(:table AS text) AS regclass))"
)
LOCAL_BYTES = text("SELECT pg_relation_size(CAST(CAST(:table AS text) AS regclass))")

HAS_CITUS = text("SELECT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus')")
IS_COORDINATOR = text("SELECT groupid = 0 FROM pg_catalog.pg_dist_local_group")

PLACE = text("""
SELECT quote_ident(n.nspname) FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.oid = to_regclass(:threads)
""")

HOW_DISTRIBUTED = text("""
SELECT partmethod = 'h' AS by_hash, repmodel = 't' AS everywhere, colocationid AS beside,
       CASE partmethod WHEN 'h' THEN column_to_column_name(logicalrelid, partkey) END AS by
  FROM pg_catalog.pg_dist_partition
 WHERE logicalrelid = to_regclass(:table)
""")

FUNCTION_IS_DISTRIBUTED = text("""
SELECT 1 FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_dist_object AS o ON o.classid = 'pg_catalog.pg_proc'::regclass AND o.objid = p.oid
  JOIN pg_catalog.pg_dist_partition AS d ON d.colocationid = o.colocationid
 WHERE p.oid = to_regprocedure(:function) AND p.prosrc = :body AND d.logicalrelid = to_regclass(:threads)
   AND o.distribution_argument_index = 0
""")

PLACES = text("""
SELECT count(DISTINCT s.shardid), count(DISTINCT p.groupid)
  FROM pg_catalog.pg_dist_shard AS s JOIN pg_catalog.pg_dist_placement AS p ON p.shardid = s.shardid
 WHERE s.logicalrelid = to_regclass(:table)
""")

HAS_ROW_SECURITY = text("SELECT relrowsecurity FROM pg_catalog.pg_class WHERE oid = to_regclass(:table)")

KEYS = text("""
SELECT CAST(c.conrelid AS regclass)::text AS from_table, CAST(c.confrelid AS regclass)::text AS to_table,
       quote_ident(c.conname) AS name, pg_get_constraintdef(c.oid) AS definition,
       c.conrelid = ANY (ours.oids) AS from_ours, c.confrelid = ANY (ours.oids) AS to_ours,
       quote_ident(a.attname) AS to_column
  FROM pg_catalog.pg_constraint AS c
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = c.confkey[1],
       (SELECT array_agg(CAST(to_regclass(name) AS oid)) AS oids FROM unnest(CAST(:tables AS text[])) AS name) AS ours
 WHERE c.contype = 'f' AND (c.conrelid = ANY (ours.oids) OR c.confrelid = ANY (ours.oids))
 ORDER BY c.conrelid, c.conname
""")


@dataclass(frozen=True, slots=True)
class Tables:
    """Where the tables of users' rows are, and which of them are distributed."""

    schema: str
    """As SQL writes it."""
    names: tuple[str, ...]
    """The one that the others refer to first."""
    distributed: frozenset[str]

    @property
    def threads(self) -> str:
        """The first of them."""
        return self.names[0]


@dataclass(frozen=True, slots=True)
class Others:
    """Tables that are not ours, to which ours have foreign keys."""

    referred_to: tuple[str, ...]
    beside: str
    """What Citus is to put ours beside."""


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key of one of our tables, to be taken away and added again."""

    table: str
    name: str
    definition: str


def tables(connection: Connection, layout: Layout) -> Tables:
    """Return how the tables are distributed.

    Raises:
        ConfigurationError: There is no Citus, this is not its coordinator, or a table is distributed in another way.
    """
    if not connection.execute(HAS_CITUS).scalar_one():
        raise ConfigurationError(
            "This database has no Citus, which distributes tables over several machines. Install it on all of them, "
            "run CREATE EXTENSION citus in the database on each, and let the coordinator know the others with "
            "citus_add_node(). See docs/how-to/citus.md."
        )
    if not connection.execute(IS_COORDINATOR).scalar_one():
        raise ConfigurationError("This machine is not the coordinator of the Citus cluster. Use the coordinator's URL.")
    schema = connection.execute(PLACE, {"threads": threads_in(layout.schema)}).scalar_one()
    names = tuple(f"{schema}.{table.name}" for table in TABLES)
    found = {name: connection.execute(HOW_DISTRIBUTED, {"table": name}).one_or_none() for name in names}
    group = None if (first := found[names[0]]) is None else first.beside
    return Tables(schema, names, frozenset(name for name in names if _is_distributed(name, found[name], group)))


def _is_distributed(name: str, found: Row[Any] | None, group: int | None) -> bool:
    # Citus keeps a list of local tables, too: those that have to do with a table that every machine has.
    if found is None or not (found.by_hash or found.everywhere):
        return False
    if found.by != "user_id" or found.beside != group:
        raise ConfigurationError(
            f"{name} is distributed in another way than by user_id beside the threads. Undo that first: "
            f"SELECT undistribute_table('{name}', cascade_via_foreign_keys => true)."
        )
    return True


def is_everywhere(connection: Connection, name: str) -> bool:
    """Whether every machine has a copy of the table."""
    found = connection.execute(HOW_DISTRIBUTED, {"table": name}).one_or_none()
    return found is not None and bool(found.everywhere)


def check(connection: Connection, tables: Tables) -> Others:
    """Return the tables that ours refer to, where Citus can have them so.

    Raises:
        ConfigurationError: It cannot.
    """
    if len(tables.distributed) == len(tables.names):
        return Others((), ALONE)
    if connection.execute(HAS_ROW_SECURITY, {"table": tables.threads}).scalar_one():
        raise ConfigurationError(
            "The tables have row security, whose setting Citus does not hand on to the machines that have the rows: "
            "nobody would see any. Turn it off first: ALTER TABLE ... DISABLE ROW LEVEL SECURITY on each of them."
        )
    keys = connection.execute(KEYS, {"tables": list(tables.names)}).all()
    if referring := [key for key in keys if not key.from_ours]:
        raise ConfigurationError(
            f"{_listed(key.from_table for key in referring)} refers to the tables by a foreign key, which Citus does "
            "not have from a table that is not distributed. Drop the key first."
        )
    return _others([key for key in keys if not key.to_ours], connection)


def _others(keys: list[Row[Any]], connection: Connection) -> Others:
    beside = ALONE
    for key in keys:
        found = connection.execute(HOW_DISTRIBUTED, {"table": key.to_table}).one_or_none()
        if found is None or not (found.everywhere or (found.by_hash and found.by == key.to_column)):
            raise ConfigurationError(
                f"{key.from_table} refers to {key.to_table}, whose rows have to be on the same machine. Run "
                f"SELECT create_reference_table('{key.to_table}'), which gives a copy to every machine, or "
                f"SELECT create_distributed_table('{key.to_table}', '{key.to_column}'), which distributes it, too."
            )
        if found.by_hash:
            beside = key.to_table
    return Others(tuple(key.to_table for key in keys), beside)


def keys_of(connection: Connection, tables: Tables) -> list[Key]:
    """Return all foreign keys of our tables.

    Where they refer to a table that every machine has, Citus may have made them local tables of its own, whose keys
    stand in the way.
    """
    keys = connection.execute(KEYS, {"tables": list(tables.names)}).all()
    return [Key(key.from_table, key.name, key.definition) for key in keys]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))
