"""A primary and a synchronous standby that takes its place, both real servers."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from examples.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, _give_to_server_user
from tests.support.waiting import eventually_true

WHERE_COMMITS_MATTER = {"synchronous_commit": "on", "wal_level": "replica"}


class Standby(EmbeddedPostgres):
    """A server whose data is a copy of *primary*'s, and follows it.

    Args:
        primary: Running.
        port: Where to listen, as the server did whose place it takes; 0: anywhere.
    """

    def __init__(self, primary: EmbeddedPostgres, *, port: int = 0) -> None:
        super().__init__(settings=WHERE_COMMITS_MATTER)
        self._primary = primary
        self.port = port

    def _initialise_data(self) -> None:
        self.data.mkdir(mode=0o700)
        _give_to_server_user(self.data)
        source = f"host=127.0.0.1 port={self._primary.port} user=postgres application_name=standby"
        copying = self._spawn("pg_basebackup", "-d", source, "-D", str(self.data), "-R", "-c", "fast")
        if copying.wait() != 0:
            raise EmbeddedPostgresError(f"pg_basebackup failed:\n{self._end_of_log()}")


class Pair:
    """Two places for servers, of which one is the primary.

    Attributes:
        primary: Takes writes.
        standby: Has to have what the primary acknowledges.
    """

    def __init__(self) -> None:
        self.primary: EmbeddedPostgres = EmbeddedPostgres(settings=WHERE_COMMITS_MATTER)
        self.standby: EmbeddedPostgres = Standby(self.primary)

    def start(self) -> None:
        self.primary.start()
        self.standby.start()
        self._ports = self.primary.port, self.standby.port

    def url(self) -> str:
        """Return a URL that names both places, always in the same order."""
        first, second = self._ports
        return f"postgresql://postgres@127.0.0.1:{first},127.0.0.1:{second}/postgres"

    async def be_synchronous(self) -> None:
        """Have the primary acknowledge nothing that the standby has not."""
        await _execute(self.primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        connection = await asyncpg.connect(self.primary.url())
        try:
            synchronous = "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            await eventually_true(lambda: connection.fetchval(synchronous))
        finally:
            await connection.close()

    async def fail_over(self) -> None:
        """Kill the primary, and promote the standby; the place of the old primary stays empty."""
        self.primary.kill()
        # It has no standby to wait for yet.
        await _execute(
            self.standby,
            "ALTER SYSTEM RESET synchronous_standby_names",
            "SELECT pg_reload_conf()",
            "SELECT pg_promote()",
        )
        dead, self.primary = self.primary, self.standby
        dead.stop()

    def rebuild(self) -> None:
        """Start a standby in the place of the old primary."""
        (port,) = set(self._ports) - {self.primary.port}
        self.standby = Standby(self.primary, port=port)
        self.standby.start()

    def stop(self) -> None:
        for server in {self.primary, self.standby}:
            server.stop()


@contextmanager
def running_pair() -> Iterator[Pair]:
    pair = Pair()
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()


async def _execute(server: EmbeddedPostgres, *statements: str) -> None:
    connection = await asyncpg.connect(server.url())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
