"""A host's table of users, of each type that ids can have, and databases that refer to it."""

from dataclasses import dataclass

from tests.support.tables import fetch

USERS = "app.users"


@dataclass(frozen=True, slots=True)
class Ids:
    """A type of ids, three that it has, and texts that are none of it."""

    type: str
    column_type: str
    alice: str
    bob: str
    nobody: str
    impossible: tuple[str, ...]

    def __str__(self) -> str:
        return self.type


UUIDS = Ids(
    "uuid",
    "uuid",
    "7f0c5a2e-54a1-4b3e-9d3f-0f6f2f3d8a01",
    "00000000-0000-0000-0000-000000000000",
    "7f0c5a2e-54a1-4b3e-9d3f-0f6f2f3d8a02",
    ("alice", "7f0c5a2e-54a1-4b3e-9d3f-0f6f2f3d8a0", "1", "' OR true --"),
)
NOT_CANONICAL = ("05", "+5", " 5", "5.0", "5_0", "-0", "\u0665", "1e3", "alice", "' OR true --")
INTEGERS = Ids("integer", "integer", "5", "-7", "6", (*NOT_CANONICAL, str(2**31), str(-(2**31) - 1), "9" * 500))
BIGINTS = Ids("bigint", "bigint", str(2**63 - 1), "0", "6", (*NOT_CANONICAL, str(2**63), "9" * 500))
TEXTS = Ids("text", "text", "alice", "bob", "nobody", ())
VARCHARS = Ids("character varying(40)", "text", "alice", "bob", "nobody", ())

ALL_IDS = (UUIDS, INTEGERS, BIGINTS, TEXTS, VARCHARS)


async def create_users(database_url: str, ids: Ids) -> None:
    """Create the host's table with alice and bob in it."""
    await fetch(database_url, "CREATE SCHEMA app")
    await fetch(database_url, f"CREATE TABLE {USERS} (id {ids.type} PRIMARY KEY, name text)")
    for user_id in (ids.alice, ids.bob):
        await fetch(database_url, f"INSERT INTO {USERS} (id) VALUES ('{user_id}')")
