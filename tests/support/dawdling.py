"""A server that takes its time, so that a process can be met while it is at work."""

from tests.support.tables import fetch


async def slow_down(database_url: str, verb: str, table: str) -> None:
    """Let each statement of a kind, such as DELETE, on one of the tables take half a second."""
    await fetch(
        database_url,
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END'",
    )
    await fetch(
        database_url, f"CREATE TRIGGER dawdling AFTER {verb} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION dawdle()"
    )


async def speed_up(database_url: str) -> None:
    """Undo `slow_down`."""
    await fetch(database_url, "DROP FUNCTION dawdle CASCADE")
