"""What becomes of each parameter of a database URL: handed to asyncpg, translated, already true, or refused.

asyncpg sends a parameter that it does not know to the server, as a setting: nothing may reach it unlooked at.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatkit_pgstore.errors import ConfigurationError

__all__ = ["HonouredParameters", "honour_parameters", "name_to_show"]

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")

# Handed to asyncpg, which reads each of them in the URL since 0.30. None: any value, or looked at elsewhere.
_HANDED_ON: Mapping[str, tuple[str, ...] | None] = {
    "gsslib": ("gssapi", "sspi"),
    "krbsrvname": None,
    "passfile": None,
    "ssl_max_protocol_version": None,
    "ssl_min_protocol_version": None,
    "sslcert": None,
    "sslcrl": None,
    "sslkey": None,
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslpassword": None,
    "sslrootcert": None,
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}

_SERVER_KEEPALIVES = (
    "asyncpg leaves it to the operating system; the server can do it: options=-c%20tcp_keepalives_idle%3D60"
)

# What asyncpg always does, or never does, and what to do about another value.
_ALREADY_TRUE: Mapping[str, tuple[tuple[str, ...], str]] = {
    "async_fallback": (("false", "False", "0"), "this package is asynchronous throughout"),
    "client_encoding": (("auto", "UTF8", "utf8", "UTF-8", "utf-8"), "asyncpg always speaks UTF-8"),
    "gssdelegation": (("0",), "asyncpg does not delegate GSSAPI credentials"),
    "gssencmode": (("disable", "prefer"), "asyncpg does not encrypt with GSSAPI; use sslmode=verify-full"),
    "keepalives": (("0",), _SERVER_KEEPALIVES),
    "keepalives_count": (("0",), _SERVER_KEEPALIVES),
    "keepalives_idle": (("0",), _SERVER_KEEPALIVES),
    "keepalives_interval": (("0",), _SERVER_KEEPALIVES),
    "load_balance_hosts": (("disable",), "asyncpg tries the hosts in the order they are given"),
    "max_protocol_version": (("3.0", "3.2", "latest"), "asyncpg speaks protocol 3.0"),
    "min_protocol_version": (("3.0",), "asyncpg speaks protocol 3.0"),
    "replication": (
        ("false", "off", "no", "0"),
        "conversations cannot be kept over a replication connection",
    ),
    "sslcertmode": (
        ("allow",),
        "asyncpg sends a client certificate when it has one and the server asks for it",
    ),
    "sslcompression": (("0",), "compressed TLS is unsafe, and asyncpg does without"),
    "sslsni": (("1",), "asyncpg always names the host in the TLS handshake"),
    "supa": (("base-pooler.x",), "it marks the URLs that a provider prints, and no other mark is known"),
    "tcp_user_timeout": (("0",), _SERVER_KEEPALIVES),
    "uselibpqcompat": (("true",), "the TLS parameters always mean here what they mean to libpq"),
    "workaround": (("supabase-pooler.vercel",), "it marks the URLs that a provider prints, and no other mark is known"),
}

_REFUSED: Mapping[str, str] = {
    "connection_limit": "it sets up another tool's pool; pass PostgresStore(..., pool_size=...) instead",
    "hostaddr": "asyncpg looks the host up by itself; write the address as the host",
    "pool_timeout": "it sets up another tool's pool; pass PostgresStore(..., retry_seconds=...) instead",
    "prepared_statement_cache_size": (
        "it belongs to an engine of SQLAlchemy's: pass your own engine, or use asyncpg's statement_cache_size"
    ),
    "require_auth": "asyncpg cannot restrict how the server asks for the password; use sslmode=verify-full",
    "requirepeer": "asyncpg cannot check the owner of a Unix socket",
    "schema": "it is another tool's; pass PostgresStore(..., schema=...) instead",
    "service": "write what the service file says into the URL",
    "sslaccept": "it is another tool's; use sslmode=verify-full, or sslmode=require for accept_invalid_certs",
    "sslcrldir": "asyncpg reads one file of revoked certificates; use sslcrl",
}


@dataclass(frozen=True, slots=True)
class HonouredParameters:
    """Parameters in the forms in which they take effect.

    Attributes:
        query: For the URL that asyncpg gets; those of TLS still as the user wrote them.
        connect_arguments: For `asyncpg.connect`.
        connect_timeout_seconds: None when the URL asks for no limit, or says nothing about it.
        binds_channel: Whether the URL says `channel_binding=require`.
        pgbouncer: What the URL says of a transaction pooler; None when it says nothing.
    """

    query: Mapping[str, str] = field(repr=False)
    connect_arguments: Mapping[str, Any] = field(repr=False)
    connect_timeout_seconds: float | None
    binds_channel: bool
    pgbouncer: bool | None


def honour_parameters(parameters: Mapping[str, str]) -> HonouredParameters:
    """Sort the decoded parameters of a URL into the forms in which they take effect.

    Raises:
        ConfigurationError: One is unknown, has an impossible value, or asks for what asyncpg cannot do.
    """
    rest = dict(parameters)
    timeout = _connect_timeout_seconds(rest.pop("connect_timeout", None))
    arguments = _server_settings(rest) | _statement_cache_size(rest)
    binds_channel = _take_channel_binding(rest)
    pgbouncer = _take_pgbouncer(rest)
    _translate_ssl(rest)
    query = {name: _value_for_asyncpg(name, rest.pop(name)) for name in list(rest) if name in _HANDED_ON}
    for name, value in rest.items():
        _check_already_true(name, value)
    return HonouredParameters(query, arguments, timeout, binds_channel, pgbouncer)


def name_to_show(name: str) -> str:
    """Return a parameter's name for a message, or a stand-in for what looks more like a piece of a secret."""
    return name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]{0,62}", name) else "(with an odd name)"


def _wrong(name: str, complaint: str) -> ConfigurationError:
    return ConfigurationError(f"The database URL's parameter {name_to_show(name)} {complaint}.")


def _one_of(values: tuple[str, ...]) -> str:
    return f"has to be {' or '.join(values)}"


def _connect_timeout_seconds(value: str | None) -> float | None:
    if value is None:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", value):
        raise _wrong("connect_timeout", "has to be a whole number of seconds, 0 for the store's own limit")
    return float(value) if int(value) > 0 else None


def _server_settings(rest: dict[str, str]) -> dict[str, Any]:
    fallback = rest.pop("fallback_application_name", None)
    settings = {name: rest.pop(name) for name in ("application_name", "options") if name in rest}
    if fallback is not None:
        settings.setdefault("application_name", fallback)
    return {"server_settings": settings} if settings else {}


def _statement_cache_size(rest: dict[str, str]) -> dict[str, Any]:
    value = rest.pop("statement_cache_size", None)
    if value is None:
        return {}
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise _wrong("statement_cache_size", "has to be a whole number, 0 for no cache")
    return {"statement_cache_size": int(value)}


def _take_channel_binding(rest: dict[str, str]) -> bool:
    value = rest.pop("channel_binding", "prefer")
    if value not in ("disable", "prefer", "require"):
        raise _wrong("channel_binding", _one_of(("disable", "prefer", "require")))
    return value == "require"


def _take_pgbouncer(rest: dict[str, str]) -> bool | None:
    value = rest.pop("pgbouncer", None)
    if value not in (None, "true", "false"):
        raise _wrong("pgbouncer", _one_of(("true", "false")))
    return None if value is None else value == "true"


def _translate_ssl(rest: dict[str, str]) -> None:
    if "ssl" not in rest:
        return
    if "sslmode" in rest:
        raise _wrong("ssl", "means the same as sslmode, which is there too: keep sslmode")
    # libpq takes JDBC's ssl=true for sslmode=require; every other value is SQLAlchemy's spelling of a mode.
    value = rest.pop("ssl")
    rest["sslmode"] = "require" if value == "true" else _value_for_asyncpg("sslmode", value, shown_as="ssl")


def _value_for_asyncpg(name: str, value: str, *, shown_as: str | None = None) -> str:
    allowed = _HANDED_ON[name]
    if allowed is not None and value not in allowed:
        raise _wrong(shown_as or name, _one_of(allowed))
    if name in _FILES and (name, value) != ("sslrootcert", "system"):
        _check_readable(name, value)
    return value


def _check_readable(name: str, path: str) -> None:
    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise _wrong(name, f"names a file that cannot be read ({error.strerror}): correct its path") from error


def _check_already_true(name: str, value: str) -> None:
    if name in _REFUSED:
        raise _wrong(name, f"cannot be honoured: {_REFUSED[name]}")
    if name not in _ALREADY_TRUE:
        raise _wrong(
            name,
            "is unknown, so it cannot be honoured: remove it (options=-c%20name%3Dvalue sets what the server knows)",
        )
    values, advice = _ALREADY_TRUE[name]
    if value not in values:
        raise _wrong(name, f"{_one_of(values)}: {advice}")
