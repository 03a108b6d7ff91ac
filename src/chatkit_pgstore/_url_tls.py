"""The TLS parameters of a database URL that asyncpg does not know, or would overlook.

What the URL leaves open comes from libpq's environment variables and files, as it does inside asyncpg.
"""

import logging
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from chatkit_pgstore.errors import ConfigurationError

__all__ = ["honour_tls"]

_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_VERIFYING_MODES = frozenset({"require", "verify-ca", "verify-full"})
_VERIFY = "add sslmode=verify-full (sslmode=require and sslmode=verify-ca will do, too)"

_logger = logging.getLogger("chatkit_pgstore")


def honour_tls(parameters: Mapping[str, str], *, binds_channel: bool) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the parameters for asyncpg's URL, and the arguments for `asyncpg.connect`.

    Args:
        parameters: Everything that is handed on to asyncpg, each value checked by itself.
        binds_channel: Whether the URL says `channel_binding=require`.

    Raises:
        ConfigurationError: The parameters contradict each other, or a certificate cannot be used.
    """
    mode, root = _named("sslmode", parameters), _named("sslrootcert", parameters)
    honoured = dict(parameters) | _versions(parameters)
    if binds_channel:
        mode, root = _raised(mode, root)
        honoured["sslmode"] = mode
    if root == "system":
        mode = _mode_for_system(mode)
    _refuse_without_effect(parameters, mode)
    _refuse_without_root(mode, root)
    if root != "system":
        return honoured, {}
    # asyncpg makes no context when it is given one, so the parameters that describe one end here.
    others = {name: honoured[name] for name in honoured if not name.startswith("ssl") or name == "sslnegotiation"}
    return others, {"ssl": _system_context(honoured)}


def _named(parameter: str, parameters: Mapping[str, str]) -> str | None:
    return parameters.get(parameter) or os.environ.get(f"PG{parameter.replace('_', '').upper()}") or None


def _named_file(parameter: str, default: str, parameters: Mapping[str, str]) -> str | None:
    return _named(parameter, parameters) or _file_at_home(default)


def _file_at_home(name: str) -> str | None:
    # A container's user may have no home, and a service's user none that it can read.
    with suppress(RuntimeError, OSError):
        path = Path.home() / ".postgresql" / name
        if path.is_file():
            return str(path)
    return None


def _raised(mode: str | None, root: str | None) -> tuple[str, str]:
    if mode == "disable":
        raise ConfigurationError(
            "The database URL's parameter channel_binding=require needs TLS, which sslmode=disable (or PGSSLMODE) "
            "turns off: remove one of them."
        )
    # A root.crt at home is for servers that the URL asks to verify; providers that print this have public certificates.
    root = root or "system"
    _logger.warning(
        "The database URL says channel_binding=require, which asyncpg cannot do. Its purpose, to talk to the right "
        "server with nobody in between, is served by checking the server's certificate in full against %s. "
        "Write sslmode=verify-full%s instead of channel_binding=require to say so yourself.",
        "the system's certificates" if root == "system" else root,
        "&sslrootcert=system" if root == "system" else "",
    )
    return "verify-full", root


def _mode_for_system(mode: str | None) -> str:
    # As in libpq: anybody can have a certificate that the system trusts, so the host name has to be checked.
    if mode not in (None, "verify-full"):
        raise ConfigurationError(
            "The database URL's parameter sslrootcert=system (or PGSSLROOTCERT) needs sslmode=verify-full: "
            "change sslmode, or name the file with your provider's certificate."
        )
    return "verify-full"


def _refuse_without_effect(parameters: Mapping[str, str], mode: str | None) -> None:
    if mode in _VERIFYING_MODES:
        return
    for name in ("sslrootcert", "sslcrl"):
        if name in parameters:
            raise ConfigurationError(
                f"The database URL's parameter {name} has no effect on asyncpg with this sslmode: {_VERIFY}."
            )
    if parameters.get("sslnegotiation") == "direct":
        raise ConfigurationError(f"The database URL's parameter sslnegotiation=direct needs TLS: {_VERIFY}.")


def _refuse_without_root(mode: str | None, root: str | None) -> None:
    # asyncpg would refuse it too, but only when it connects, and without a word about the system's certificates.
    if mode in ("verify-ca", "verify-full") and not root and not _file_at_home("root.crt"):
        raise ConfigurationError(
            f"The database URL's parameter sslmode={mode} needs certificates to check the server's against: add "
            "sslrootcert with the file that your provider offers, or sslmode=verify-full&sslrootcert=system."
        )


def _versions(parameters: Mapping[str, str]) -> dict[str, str]:
    names = ("ssl_min_protocol_version", "ssl_max_protocol_version")
    given = {name: _version(name, value) for name in names if (value := _named(name, parameters))}
    # libpq and asyncpg both start at TLSv1.2 when nobody says otherwise.
    lowest, highest = given.get(names[0], "TLSv1.2"), given.get(names[1], "TLSv1.3")
    if _VERSIONS.index(lowest) > _VERSIONS.index(highest):
        raise ConfigurationError(
            "The database URL's parameter ssl_max_protocol_version is below ssl_min_protocol_version, "
            "which is TLSv1.2 unless you lower it."
        )
    return given


def _version(name: str, value: str) -> str:
    for version in _VERSIONS:
        if value.lower() == version.lower():
            return version
    raise ConfigurationError(f"The database URL's parameter {name} has to be one of {', '.join(_VERSIONS)}.")


def _system_context(parameters: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # PostgreSQL 17 refuses a TLS connection without negotiation that does not name this protocol.
    context.set_alpn_protocols(["postgresql"])
    try:
        _load_client_certificate(context, parameters)
        _load_revocations(context, parameters)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            "The database URL's parameters sslcert, sslkey, sslpassword and sslcrl (or libpq's files in their "
            f"place) cannot be used: {error}."
        ) from error
    if "ssl_min_protocol_version" in parameters:
        context.minimum_version = _version_for_python(parameters["ssl_min_protocol_version"])
    if "ssl_max_protocol_version" in parameters:
        context.maximum_version = _version_for_python(parameters["ssl_max_protocol_version"])
    return context


def _load_client_certificate(context: ssl.SSLContext, parameters: Mapping[str, str]) -> None:
    certificate = _named_file("sslcert", "postgresql.crt", parameters)
    if certificate:
        # A function, even for an empty password: without one OpenSSL would ask at the terminal.
        password = parameters.get("sslpassword", "")
        key = _named_file("sslkey", "postgresql.key", parameters)
        context.load_cert_chain(certificate, key, password=lambda: password)


def _load_revocations(context: ssl.SSLContext, parameters: Mapping[str, str]) -> None:
    revocations = _named_file("sslcrl", "root.crl", parameters)
    if revocations:
        context.load_verify_locations(cafile=revocations)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN


def _version_for_python(version: str) -> ssl.TLSVersion:
    return ssl.TLSVersion[version.replace(".", "_")]
