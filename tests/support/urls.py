"""What asyncpg makes of a parsed database URL, asked of asyncpg's own parser."""

import inspect
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg.connect_utils import SSLMode, _parse_connect_arguments

from chatkit_pgstore._url import ConnectionTarget, parse_url
from chatkit_pgstore.errors import ConfigurationError

ENCRYPTION = {
    SSLMode.disable: "none",
    SSLMode.allow: "if the server insists",
    SSLMode.prefer: "if the server can",
}


@dataclass(frozen=True)
class Connection:
    """How asyncpg would connect. ``tls`` is one of the words in `ENCRYPTION`, or encrypted, CA checked, full."""

    addresses: list[Any]
    user: str
    password: str | None
    database: str
    tls: str = "if the server can"
    settings: dict[str, str] | None = None
    target_session_attrs: str = "any"
    others: dict[str, Any] = field(default_factory=dict)


def connection_of(database_url: str) -> Connection:
    """Parse a URL with this package, and what comes out of it with asyncpg."""
    return read_by_asyncpg(parse_url(database_url))


def read_by_asyncpg(target: ConnectionTarget) -> Connection:
    addresses, parameters, configuration = asyncpg_arguments(target)
    return Connection(
        addresses=addresses,
        user=parameters.user,
        password=parameters.password,
        database=parameters.database,
        tls=_tls(parameters),
        settings=parameters.server_settings,
        target_session_attrs=parameters.target_session_attrs.value,
        others={} if configuration.statement_cache_size == 100 else configuration._asdict(),
    )


def asyncpg_arguments(target: ConnectionTarget) -> tuple[Any, ...]:
    """Return addresses, parameters and configuration as `asyncpg.connect` makes them before it connects."""
    accepted = inspect.signature(asyncpg.connect).parameters
    assert set(target.connect_arguments) <= set(accepted)
    names = inspect.signature(_parse_connect_arguments).parameters
    arguments = {name: accepted[name].default for name in names} | {"dsn": target.dsn}
    return _parse_connect_arguments(**(arguments | dict(target.connect_arguments)))


def _tls(parameters: Any) -> str:
    context = parameters.ssl
    if not context:
        return "none"
    if context.verify_mode == ssl.CERT_REQUIRED:
        return "full" if context.check_hostname else "CA checked"
    return ENCRYPTION.get(parameters.sslmode, "encrypted")


def forget_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Hide the PGHOST and the like, and the certificates at home, of whoever runs the tests."""
    for name in os.environ:
        if name.startswith("PG"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))


def refusal_of(database_url: object) -> str:
    """Return what `parse_url` says against a URL: everything that a log of the error would show."""
    with pytest.raises(ConfigurationError) as caught:
        parse_url(database_url)
    said: list[str] = []
    error: BaseException | None = caught.value
    while error is not None:
        said += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(said)
