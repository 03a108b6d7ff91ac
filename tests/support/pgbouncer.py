"""A PgBouncer of a test's own, which gives a server connection to another client after each transaction."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from examples.embedded_postgres import _as_server_user, _free_port

REQUIRED_VARIABLE = "CHATKIT_PGSTORE_REQUIRE_PGBOUNCER"
SERVER_CONNECTIONS = 2
PATIENCE_SECONDS = 10.0

CONFIGURATION = """
[databases]
* = host={host} port={server_port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
logfile =
"""


@contextmanager
def running_pgbouncer(server_url: str) -> Iterator[str]:
    """Start it before a server that trusts its users, as an unprivileged user, and yield the URL that leads there."""
    program = find_pgbouncer()
    server, port = urlsplit(server_url), _free_port()
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/tmp"))
    folder.chmod(0o755)
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            host=server.hostname,
            server_port=server.port,
            user=server.username,
            port=port,
            connections=SERVER_CONNECTIONS,
        )
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, configuration], stderr=log, stdout=log, cwd="/", **_as_server_user())
    try:
        _wait_until_it_listens(process, port, folder / "log")
        yield server._replace(netloc=f"{server.username}@127.0.0.1:{port}").geturl()
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def find_pgbouncer() -> str:
    """Return the program; where it is not installed the test says so, and is a failure where it has to be."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        missing = "pgbouncer is not installed: `apt-get install pgbouncer`, or the like, for the tests of poolers"
        if os.environ.get(REQUIRED_VARIABLE):
            pytest.fail(missing)
        pytest.skip(missing)
    return program


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    pytest.fail(f"pgbouncer did not start:\n{log.read_text()}")
