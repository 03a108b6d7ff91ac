"""A database URL as its provider prints it, turned into what asyncpg takes.

The URL is read the way libpq reads it, because providers test theirs with libpq. asyncpg gets a URL in which every
piece is percent-encoded: it would otherwise read a plus sign as a space and stumble over brackets. What becomes of
the parameters is decided in `_url_parameters` and `_url_tls`. No message repeats text that could be part of a
password whose special characters somebody forgot to encode.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlencode

from sqlalchemy.engine import URL

from chatkit_pgstore._url_parameters import honour_parameters, name_to_show
from chatkit_pgstore._url_tls import honour_tls
from chatkit_pgstore.errors import ConfigurationError

__all__ = ["ConnectionTarget", "parse_url"]

_SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})
_USABLE_SCHEMES = "it has to begin with postgresql:// (postgres:// and postgresql+asyncpg:// mean the same)"
_SPECIAL_CHARACTERS = (
    "percent-encode the special characters of its user name, password, database and parameters: # as %23, "
    "/ as %2F, ? as %3F, @ as %40, [ as %5B, ] as %5D. Only the @ in front of the host stays as it is"
)
_LAST_PORT = 65_535
_SUPABASE_TRANSACTION_PORT = 6543


@dataclass(frozen=True, slots=True)
class ConnectionTarget:
    """What asyncpg needs to reach a database; neither its repr nor its str shows the password.

    Attributes:
        dsn: The first argument of `asyncpg.connect`; asyncpg itself knows every parameter in it.
        alternatives: As `dsn`, one for each host, to be tried in turn: given all hosts at once, asyncpg lets the
            first that swallows bytes use up the time of the others.
        connect_arguments: Further keyword arguments of `asyncpg.connect`.
        url: The first host, for display and for `create_async_engine`, without the password.
        connect_timeout_seconds: What `connect_timeout=` asks for; None when it asks for nothing.
        pools_transactions: Whether it surely leads to a pooler that gives a connection to another client after
            each transaction.
    """

    dsn: str = field(repr=False)
    alternatives: tuple[str, ...] = field(repr=False)
    connect_arguments: Mapping[str, Any] = field(repr=False)
    url: URL
    connect_timeout_seconds: float | None
    pools_transactions: bool


@dataclass(frozen=True, slots=True)
class _Host:
    """One server: a name, an address or the folder of a Unix socket; "" is what asyncpg falls back on."""

    name: str
    port: int | None

    @property
    def is_socket(self) -> bool:
        return self.name.startswith("/")

    @property
    def pools_transactions(self) -> bool:
        """Whether a provider's naming says so: Neon's pooled hosts, and Supabase's port for it."""
        if "-pooler." in self.name:
            return True
        return self.port == _SUPABASE_TRANSACTION_PORT and self.name.endswith((".supabase.com", ".supabase.co"))

    def for_asyncpg(self) -> str:
        # Encoded colons spare an IPv6 address its brackets, which urllib refuses behind another host.
        return quote(self.name, safe="") + (f":{self.port}" if self.port else "")


@dataclass(frozen=True, slots=True)
class _Login:
    user: str | None
    password: str | None
    database: str | None


def parse_url(database_url: str) -> ConnectionTarget:
    """Turn a database URL into what asyncpg takes, or say what has to be changed in it.

    Opens no connection; reads the certificates that the URL's TLS parameters ask for.

    Args:
        database_url: ``postgresql://user:password@host:port/database?parameter=value``, with several hosts,
            Unix sockets and the parameters of libpq.

    Raises:
        ConfigurationError: The URL cannot be used, or holds a parameter that cannot be honoured.
    """
    rest = _without_scheme(_checked_text(database_url))
    before_query, _, query = rest.partition("?")
    authority, _, path = before_query.partition("/")
    _refuse_unencoded(authority, rest)
    user_and_password, _, host_list = authority.rpartition("@")

    parameters = _parameters(query)
    login = _login(user_and_password, path, parameters)
    hosts = _hosts(host_list, parameters)
    honoured = honour_parameters(parameters)
    if honoured.binds_channel:
        _refuse_sockets(hosts)
    query_for_asyncpg, tls = honour_tls(honoured.query, binds_channel=honoured.binds_channel)

    if len(hosts) > 1:
        # A standby refuses to write, and a store has to.
        query_for_asyncpg = {"target_session_attrs": "read-write"} | dict(query_for_asyncpg)
    # Only asyncpg, knowing all hosts, can tell that no standby is there.
    together = query_for_asyncpg.get("target_session_attrs") == "prefer-standby"
    groups = [hosts] if together else [[host] for host in hosts]

    only_port = {"port": hosts[0].port} if hosts[0].port and not hosts[0].name else {}
    return ConnectionTarget(
        dsn=_dsn(login, hosts, query_for_asyncpg),
        alternatives=tuple(_dsn(login, group, query_for_asyncpg) for group in groups),
        connect_arguments={**only_port, **honoured.connect_arguments, **tls},
        url=_display_url(login, hosts[0]),
        connect_timeout_seconds=honoured.connect_timeout_seconds,
        pools_transactions=_pools_transactions(hosts, honoured.pgbouncer),
    )


def _pools_transactions(hosts: list[_Host], said: bool | None) -> bool:
    return any(host.pools_transactions for host in hosts) if said is None else said


def _checked_text(database_url: object) -> str:
    if isinstance(database_url, URL):
        raise ConfigurationError(
            "The database URL has to be a str, not SQLAlchemy's URL: pass url.render_as_string(hide_password=False)."
        )
    if not isinstance(database_url, str):
        raise ConfigurationError(f"The database URL has to be a str, not {type(database_url).__name__}.")
    if not database_url.strip():
        raise ConfigurationError(f"The database URL is empty: {_USABLE_SCHEMES}.")
    if database_url != database_url.strip() or not database_url.isprintable():
        raise ConfigurationError(
            "The database URL has white space around it, or an unprintable character in it (a line break from a "
            "file, perhaps): remove it, or percent-encode it if it belongs there."
        )
    return database_url


def _without_scheme(database_url: str) -> str:
    scheme, separator, rest = database_url.partition("://")
    if not separator or not re.fullmatch(r"(jdbc:)?[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise ConfigurationError(f"The database URL has no scheme: {_USABLE_SCHEMES}.")
    if scheme.lower() in _SCHEMES:
        return rest
    if scheme.lower().startswith(("postgres+", "postgresql+")):
        raise ConfigurationError(
            f"The database URL asks for another driver than asyncpg: write postgresql+asyncpg:// instead of {scheme}://."
        )
    raise ConfigurationError(f"The database URL begins with {scheme}://, but {_USABLE_SCHEMES}.")


def _refuse_unencoded(authority: str, rest: str) -> None:
    # A / or ? in a password moves the @ behind it out of the authority.
    stray_at = rest.count("@") > 1 or ("@" in rest and "@" not in authority)
    user_and_password = authority.rpartition("@")[0]
    if stray_at or "#" in rest or "[" in user_and_password or "]" in user_and_password:
        raise ConfigurationError(f"The database URL cannot be taken apart without doubt: {_SPECIAL_CHARACTERS}.")


def _decoded(text: str, what: str) -> str:
    if not re.search(r"%(?![0-9A-Fa-f]{2})|%00", text):
        # Leaving the block before raising keeps the undecodable bytes out of the error's context.
        with suppress(UnicodeDecodeError):
            return unquote(text, errors="strict")
    raise ConfigurationError(
        f"The database URL has a wrong percent-encoding in {what}: write % itself as %25, and every other "
        "character as its UTF-8 bytes (%00 cannot be used)."
    )


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        encoded_name, separator, encoded_value = part.partition("=")
        if not separator:
            raise ConfigurationError(
                "The database URL has a parameter without a value: write name=value, and & in a value as %26."
            )
        name = _decoded(encoded_name, "the name of a parameter")
        if not encoded_value:
            raise ConfigurationError(
                f"The database URL's parameter {name_to_show(name)} is empty: give it a value or remove it."
            )
        if name in parameters:
            raise ConfigurationError(
                f"The database URL gives the parameter {name_to_show(name)} twice: give it once "
                "(several hosts or ports stand in one, separated by commas)."
            )
        parameters[name] = _decoded(encoded_value, f"the parameter {name_to_show(name)}")
    return parameters


def _login(user_and_password: str, path: str, parameters: dict[str, str]) -> _Login:
    user, _, password = user_and_password.partition(":")
    return _Login(
        user=_given_once("user", _decoded(user, "the user name"), parameters.pop("user", None)),
        password=_given_once("password", _decoded(password, "the password"), parameters.pop("password", None)),
        database=_given_once(
            "dbname",
            _decoded(path, "the name of the database"),
            parameters.pop("dbname", None),
            parameters.pop("database", None),
        ),
    )


def _given_once(parameter: str, *values: str | None) -> str | None:
    given = [value for value in values if value]
    if len(given) > 1:
        raise ConfigurationError(
            f"The database URL gives {parameter} twice, before the parameters and among them: keep one of them."
        )
    return given[0] if given else None


def _hosts(host_list: str, parameters: dict[str, str]) -> list[_Host]:
    hosts = _listed(host_list, _host_in_authority)
    if "host" in parameters:
        hosts = _replaced(hosts, _listed(parameters.pop("host"), _host_in_parameter))
    if "port" in parameters:
        hosts = _with_ports(hosts, parameters.pop("port"))
    return hosts


def _listed(host_list: str, read: Callable[[str], _Host]) -> list[_Host]:
    hosts = [read(part) for part in host_list.split(",")]
    if len(hosts) > 1 and not all(host.name for host in hosts):
        raise ConfigurationError("The database URL has an empty host among its hosts: name it or remove its comma.")
    if any(host.name.startswith("@") for host in hosts):
        raise ConfigurationError(
            "The database URL's host is an abstract socket, which asyncpg cannot reach: name a socket's folder."
        )
    return hosts


def _replaced(hosts: list[_Host], by_parameter: list[_Host]) -> list[_Host]:
    # Cloud SQL's "@localhost/database?host=/cloudsql/..." means the socket: as for libpq, the parameter counts.
    goes_to_socket = len(hosts) == 1 and all(host.is_socket for host in by_parameter)
    if hosts[0].name and not goes_to_socket:
        raise ConfigurationError(
            "The database URL gives host twice, behind the @ and as a parameter: keep one of them."
        )
    return _with_ports(by_parameter, str(hosts[0].port)) if hosts[0].port else by_parameter


def _host_in_authority(text: str) -> _Host:
    if text.startswith("["):
        name, closed, port = text[1:].partition("]")
        usable = bool(closed and name) and (not port or port.startswith(":"))
        port = port[1:]
    else:
        name, _, port = text.partition(":")
        usable = ":" not in port
    if not usable:
        raise ConfigurationError(
            "The database URL has a host that cannot be read: write an IPv6 address in brackets, [::1]."
        )
    return _Host(_decoded(name, "the host"), _port(port))


def _host_in_parameter(text: str) -> _Host:
    is_bare_address = text.count(":") > 1 and not text.startswith("[")
    if text.startswith("/") or is_bare_address:
        return _Host(text, None)
    # The parameter is decoded already: what looks like an encoding in it is none, a zone index perhaps.
    return _host_in_authority(text.replace("%", "%25"))


def _port(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) <= _LAST_PORT:
        raise ConfigurationError(
            f"The database URL's port has to be a number from 1 to {_LAST_PORT}. "
            f"If it is no port but part of a password: {_SPECIAL_CHARACTERS}."
        )
    return int(text)


def _with_ports(hosts: list[_Host], port_list: str) -> list[_Host]:
    ports = [_port(part) for part in port_list.split(",")]
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts):
        raise ConfigurationError("The database URL's parameter port has to hold one port, or one for each host.")
    if any(host.port for host in hosts):
        raise ConfigurationError(
            "The database URL gives port twice, behind a host and as a parameter: keep one of them."
        )
    return [_Host(host.name, port) for host, port in zip(hosts, ports, strict=True)]


def _refuse_sockets(hosts: list[_Host]) -> None:
    # Without a host asyncpg tries sockets first.
    if any(host.is_socket or not host.name for host in hosts):
        raise ConfigurationError(
            "The database URL's parameter channel_binding=require needs TLS, which a Unix socket does not have: "
            "name a host, or remove the parameter."
        )


def _dsn(login: _Login, hosts: list[_Host], query: Mapping[str, str]) -> str:
    user = quote(login.user or "", safe="")
    password = f":{quote(login.password, safe='')}" if login.password else ""
    places = ",".join(host.for_asyncpg() for host in hosts if host.name)
    database = f"/{quote(login.database, safe='')}" if login.database else ""
    parameters = f"?{urlencode(query, quote_via=quote, safe='')}" if query else ""
    return f"postgresql://{user}{password}@{places}{database}{parameters}"


def _display_url(login: _Login, host: _Host) -> URL:
    return URL.create(
        "postgresql+asyncpg",
        username=login.user,
        host=None if host.is_socket else host.name or None,
        port=host.port,
        database=login.database,
        query={"host": host.name} if host.is_socket else {},
    )
