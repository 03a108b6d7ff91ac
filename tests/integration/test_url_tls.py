"""The TLS parameters of a database URL, against a server with TLS and a certificate for localhost alone."""

import ssl
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from chatkit_pgstore._url import parse_url
from tests.support.tls import Authority, Identity
from tests.support.tls_server import tls_server
from tests.support.urls import forget_environment

SECRET = "Wq7Secret"
FIRST_VERSION_WITH_DIRECT_TLS = 170_000


@dataclass(frozen=True)
class Server:
    """A server, the authority that vouches for it and for its clients, and one that vouches for neither."""

    port: int
    identity: Identity
    authority: Authority
    stranger: Authority

    def url(self, parameters: str, host: str = "localhost") -> str:
        parameters = parameters.replace("AUTHORITY", str(self.authority.certificate))
        parameters = parameters.replace("STRANGER", str(self.stranger.certificate))
        return f"postgresql://postgres@{host}:{self.port}/postgres?{parameters}"


@pytest.fixture(scope="module")
def server():
    # Not in pytest's own folder, which is closed to the user that root's server runs as.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        authority = Authority(folder, "authority")
        identity = authority.issue("server", hosts=["localhost"])
        identity.give_to_server()
        with tls_server(identity, authority) as port:
            yield Server(port, identity, authority, Authority(folder, "stranger"))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch, tmp_path):
    forget_environment(monkeypatch, tmp_path)


@pytest.fixture
def trusted_server(server, monkeypatch):
    """The server on a system that trusts its authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority.certificate))
    return server


@asynccontextmanager
async def connection_to(url: str):
    target = parse_url(url)
    connection = await asyncpg.connect(target.dsn, timeout=10, **target.connect_arguments)
    try:
        yield connection
    finally:
        await connection.close()


async def tls_version(url: str) -> str | None:
    """Connect, run a statement, and return the version of TLS in use; None without TLS."""
    async with connection_to(url) as connection:
        assert await connection.fetchval("SELECT 1") == 1
        tls = connection._transport.get_extra_info("ssl_object")
        return tls.version() if tls else None


@pytest.mark.parametrize("mode", ["sslmode=disable", "sslmode=allow", "ssl=disable"])
async def test_a_mode_that_does_without_tls(mode, server):
    assert await tls_version(server.url(mode)) is None


@pytest.mark.parametrize(
    "mode",
    [
        "",
        "sslmode=prefer",
        "sslmode=require",
        "ssl=true",
        "sslmode=require&sslrootcert=AUTHORITY",
        "sslmode=verify-ca&sslrootcert=AUTHORITY",
        "sslmode=verify-full&sslrootcert=AUTHORITY",
        "sslmode=require&channel_binding=require&sslrootcert=AUTHORITY",
    ],
)
async def test_a_mode_that_encrypts(mode, server):
    assert await tls_version(server.url(mode)) == "TLSv1.3"


@pytest.mark.parametrize(
    "mode",
    [
        "sslmode=require&sslrootcert=STRANGER",
        "sslmode=verify-ca&sslrootcert=STRANGER",
        "sslmode=verify-full&sslrootcert=STRANGER",
        "sslrootcert=system",
        "sslmode=require&channel_binding=require",
        "sslmode=require&channel_binding=require&sslrootcert=STRANGER",
    ],
)
async def test_a_server_that_nobody_trusted_vouches_for_is_refused(mode, server):
    with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed certificate|local issuer"):
        await tls_version(server.url(mode))


async def test_another_host_name_is_fine_for_verify_ca(server):
    assert await tls_version(server.url("sslmode=verify-ca&sslrootcert=AUTHORITY", "127.0.0.1"))


@pytest.mark.parametrize("mode", ["sslmode=verify-full", "sslmode=verify-ca&channel_binding=require"])
async def test_another_host_name_is_refused_by_full_verification(mode, server):
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        await tls_version(server.url(f"{mode}&sslrootcert=AUTHORITY", "127.0.0.1"))


@pytest.mark.parametrize("mode", ["sslrootcert=system", "sslmode=require&channel_binding=require"])
async def test_a_server_that_the_system_trusts_needs_the_right_name_too(mode, trusted_server):
    assert await tls_version(trusted_server.url(mode))
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        await tls_version(trusted_server.url(mode, "127.0.0.1"))


@pytest.mark.parametrize("mode", ["sslrootcert=system", "sslmode=verify-full&sslrootcert=AUTHORITY"])
async def test_a_server_with_a_revoked_certificate_is_refused(mode, trusted_server):
    authority = trusted_server.authority
    assert await tls_version(trusted_server.url(f"{mode}&sslcrl={authority.revoke()}"))
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
        await tls_version(trusted_server.url(f"{mode}&sslcrl={authority.revoke(trusted_server.identity)}"))


@pytest.mark.parametrize("mode", ["sslrootcert=system", "sslmode=require"])
async def test_the_server_sees_the_clients_certificate(mode, trusted_server):
    def url(authority: Authority) -> str:
        client = authority.issue("client", password=SECRET)
        return trusted_server.url(f"{mode}&sslcert={client.certificate}&sslkey={client.key}&sslpassword={SECRET}")

    assert await tls_version(url(trusted_server.authority))
    with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
        await tls_version(url(trusted_server.stranger))


@pytest.mark.parametrize("mode", ["sslrootcert=system", "sslmode=require"])
async def test_a_limit_to_the_version_of_tls(mode, trusted_server):
    url = trusted_server.url(f"{mode}&ssl_max_protocol_version=TLSv1.2")
    assert await tls_version(url) == "TLSv1.2"


async def test_tls_without_negotiation(trusted_server):
    url = trusted_server.url("sslrootcert=system")
    async with connection_to(url) as connection:
        version = int(await connection.fetchval("SHOW server_version_num"))
    if version >= FIRST_VERSION_WITH_DIRECT_TLS:
        assert await tls_version(f"{url}&sslnegotiation=direct") == "TLSv1.3"
    else:
        with pytest.raises((OSError, asyncpg.PostgresConnectionError)):
            await tls_version(f"{url}&sslnegotiation=direct")


async def test_settings_reach_the_server(server):
    url = server.url("application_name=chat+kit&options=-c%20statement_timeout%3D5s%20-c%20search_path%3Da%2Bb")
    async with connection_to(url) as connection:
        assert await connection.fetchval("SHOW application_name") == "chat+kit"
        assert await connection.fetchval("SHOW statement_timeout") == "5s"
        assert await connection.fetchval("SHOW search_path") == "a+b"
