"""What becomes of the parameters of a database URL; each is checked by what asyncpg itself makes of it."""

import logging
import shutil
import ssl
from dataclasses import replace
from urllib.parse import quote

import pytest

from chatkit_pgstore._url import parse_url
from tests.support.tls import Authority
from tests.support.urls import Connection, asyncpg_arguments, connection_of, forget_environment, refusal_of

SECRET = "Wq7Secret"
URL = f"postgresql://u:{SECRET}@h/d"
PLAIN = Connection([("h", 5432)], "u", SECRET, "d")
VERIFIED = "sslmode=verify-full&sslrootcert=ROOT"


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    forget_environment(monkeypatch, tmp_path)
    folder = tmp_path / ".postgresql"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def files(authority):
    """The words that stand for files in the tables below."""
    identity = authority.issue("client", password=SECRET)
    return {
        "ROOT": authority.certificate,
        "CERTIFICATE": identity.certificate,
        "KEY": identity.key,
        "REVOKED": authority.revoke(),
        "FOREIGN": authority.issue("somebody else").key,
    }


@pytest.fixture
def url_with(files):
    def add(parameters: str) -> str:
        for word, path in files.items():
            parameters = parameters.replace(f"={word}", f"={quote(str(path))}")
        return f"{URL}?{parameters}"

    return add


HONOURED = {
    "": {},
    "&&": {},
    "sslmode=disable": {"tls": "none"},
    "sslmode=allow": {"tls": "if the server insists"},
    "sslmode=prefer": {"tls": "if the server can"},
    "sslmode=require": {"tls": "encrypted"},
    "sslmode=require&sslrootcert=ROOT": {"tls": "CA checked"},
    "sslmode=verify-ca&sslrootcert=ROOT": {"tls": "CA checked"},
    "sslmode=verify-full&sslrootcert=ROOT": {"tls": "full"},
    "sslmode=verify-full&sslrootcert=ROOT&sslcrl=REVOKED": {"tls": "full"},
    "ssl=require": {"tls": "encrypted"},
    "ssl=true": {"tls": "encrypted"},
    "ssl=verify-full&sslrootcert=ROOT": {"tls": "full"},
    "sslrootcert=system": {"tls": "full"},
    "sslmode=verify-full&sslrootcert=system": {"tls": "full"},
    "sslrootcert=system&sslcrl=REVOKED": {"tls": "full"},
    "sslrootcert=system&sslnegotiation=direct": {"tls": "full"},
    "sslrootcert=system&target_session_attrs=primary": {"tls": "full", "target_session_attrs": "primary"},
    "sslmode=require&sslnegotiation=direct": {"tls": "encrypted"},
    "sslnegotiation=postgres": {},
    f"sslmode=require&sslcert=CERTIFICATE&sslkey=KEY&sslpassword={SECRET}": {"tls": "encrypted"},
    f"sslrootcert=system&sslcert=CERTIFICATE&sslkey=KEY&sslpassword={SECRET}": {"tls": "full"},
    "channel_binding=disable": {},
    "channel_binding=prefer&sslmode=disable": {"tls": "none"},
    "channel_binding=require": {"tls": "full"},
    "channel_binding=require&sslmode=allow": {"tls": "full"},
    "channel_binding=require&sslmode=require": {"tls": "full"},
    "channel_binding=require&sslmode=verify-ca&sslrootcert=ROOT": {"tls": "full"},
    "channel_binding=require&sslmode=require&sslrootcert=system": {"tls": "full"},
    "application_name=chat+kit%20%2B": {"settings": {"application_name": "chat+kit +"}},
    "fallback_application_name=chat": {"settings": {"application_name": "chat"}},
    "fallback_application_name=b&application_name=a": {"settings": {"application_name": "a"}},
    "options=-c%20statement_timeout%3D5s": {"settings": {"options": "-c statement_timeout=5s"}},
    "options=-c statement_timeout=5s&application_name=a": {
        "settings": {"options": "-c statement_timeout=5s", "application_name": "a"}
    },
    "target_session_attrs=any": {"target_session_attrs": "any"},
    "target_session_attrs=read-write": {"target_session_attrs": "read-write"},
    "target_session_attrs=read-only": {"target_session_attrs": "read-only"},
    "target_session_attrs=primary": {"target_session_attrs": "primary"},
    "target_session_attrs=standby": {"target_session_attrs": "standby"},
    "target_session_attrs=prefer-standby": {"target_session_attrs": "prefer-standby"},
    "connect_timeout=10": {},
    "krbsrvname=postgres&gsslib=gssapi": {},
    "passfile=/nowhere/.pgpass": {},
    "gssencmode=disable": {},
    "gssencmode=prefer": {},
    "gssdelegation=0": {},
    "sslcompression=0": {},
    "sslsni=1": {},
    "sslcertmode=allow": {},
    "client_encoding=UTF8": {},
    "client_encoding=auto": {},
    "load_balance_hosts=disable": {},
    "keepalives=0&keepalives_idle=0&keepalives_interval=0&keepalives_count=0": {},
    "tcp_user_timeout=0": {},
    "replication=false": {},
    "min_protocol_version=3.0&max_protocol_version=latest": {},
    "pgbouncer=false": {},
    "pgbouncer=true": {},
    "supa=base-pooler.x": {},
    "workaround=supabase-pooler.vercel": {},
    "async_fallback=false": {},
    "uselibpqcompat=true": {},
}


@pytest.mark.parametrize(("parameters", "difference"), HONOURED.items())
def test_an_honoured_parameter_changes_this_and_nothing_else(parameters, difference, url_with):
    assert connection_of(url_with(parameters)) == replace(PLAIN, **difference)


REFUSED = {
    "sslmode=no-verify": "sslmode has to be disable or allow or prefer or require or verify-ca or verify-full",
    "sslmode=Require": "sslmode has to be",
    "sslmode=verify_full": "sslmode has to be",
    "sslmode=name": "sslmode has to be",
    "SSLMODE=require": "SSLMODE is unknown",
    "ssl=false": "ssl has to be disable or",
    "ssl=require&sslmode=require": "ssl means the same as sslmode",
    "sslrootcert=ROOT": "sslrootcert has no effect on asyncpg with this sslmode: add sslmode=verify-full",
    "sslmode=prefer&sslrootcert=ROOT": "sslrootcert has no effect",
    "sslcrl=REVOKED": "sslcrl has no effect",
    "sslmode=verify-full": "sslmode=verify-full needs certificates to check the server's against: add sslrootcert",
    "sslmode=verify-ca": "or sslmode=verify-full&sslrootcert=system",
    "sslmode=require&sslrootcert=system": "sslrootcert=system (or PGSSLROOTCERT) needs sslmode=verify-full",
    "sslmode=verify-ca&sslrootcert=system": "sslrootcert=system",
    "sslmode=disable&sslrootcert=system": "sslrootcert=system",
    "sslmode=verify-full&sslrootcert=/nowhere": "sslrootcert names a file that cannot be read (No such file",
    "sslmode=verify-full&sslrootcert=/": "sslrootcert names a file that cannot be read (Is a directory)",
    "sslcert=system": "sslcert names a file that cannot be read",
    "sslkey=/nowhere": "sslkey names a file that cannot be read",
    "sslcrl=/nowhere": "sslcrl names a file that cannot be read",
    "sslrootcert=system&sslcert=CERTIFICATE&sslkey=KEY&sslpassword=wrong": "sslcert, sslkey, sslpassword and sslcrl",
    "sslrootcert=system&sslcert=CERTIFICATE&sslkey=FOREIGN": "cannot be used: [X509: KEY_VALUES_MISMATCH]",
    "sslrootcert=system&sslcrl=KEY": "cannot be used: [X509",
    f"sslrootcert=system&sslcert=CERTIFICATE&sslkey=KEY&sslpassword={SECRET * 200}": "cannot be used: password",
    "sslnegotiation=direct": "sslnegotiation=direct needs TLS: add sslmode=verify-full",
    "sslnegotiation=maybe": "sslnegotiation has to be postgres or direct",
    "ssl_min_protocol_version=SSLv3": "ssl_min_protocol_version has to be one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3",
    "ssl_max_protocol_version=TLSv1.1": "ssl_max_protocol_version is below ssl_min_protocol_version",
    "ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2": "is below",
    "channel_binding=require&sslmode=disable": "channel_binding=require needs TLS",
    "channel_binding=require&ssl=disable": "channel_binding=require needs TLS",
    "channel_binding=always": "channel_binding has to be disable or prefer or require",
    "target_session_attrs=prefer_standby": "target_session_attrs has to be any or read-write or",
    "connect_timeout=soon": "connect_timeout has to be a whole number of seconds",
    "connect_timeout=2.5": "connect_timeout has to be a whole number of seconds",
    "connect_timeout=9999999999": "connect_timeout has to be a whole number of seconds",
    "statement_cache_size=-1": "statement_cache_size has to be a whole number",
    "gsslib=mit": "gsslib has to be gssapi or sspi",
    "gssencmode=require": "gssencmode has to be disable or prefer: asyncpg does not encrypt with GSSAPI",
    "gssdelegation=1": "gssdelegation has to be 0",
    "sslcompression=1": "sslcompression has to be 0",
    "sslsni=0": "sslsni has to be 1",
    "sslcertmode=disable": "sslcertmode has to be allow",
    "sslcertmode=require": "sslcertmode has to be allow",
    "client_encoding=LATIN1": "client_encoding has to be auto or UTF8",
    "load_balance_hosts=random": "load_balance_hosts has to be disable: asyncpg tries the hosts in the order",
    "keepalives=1": "options=-c%20tcp_keepalives_idle%3D60",
    "keepalives_idle=60": "options=-c%20tcp_keepalives_idle%3D60",
    "keepalives_interval=10": "keepalives_interval has to be 0",
    "keepalives_count=3": "keepalives_count has to be 0",
    "tcp_user_timeout=1000": "tcp_user_timeout has to be 0",
    "replication=database": "replication has to be false",
    "min_protocol_version=3.2": "min_protocol_version has to be 3.0",
    "require_auth=scram-sha-256": "require_auth cannot be honoured",
    "requirepeer=postgres": "requirepeer cannot be honoured",
    "service=chat": "service cannot be honoured",
    "hostaddr=10.0.0.1": "hostaddr cannot be honoured",
    "sslcrldir=/": "use sslcrl",
    "pgbouncer=yes": "pgbouncer has to be true or false",
    "supa=something": "supa has to be base-pooler.x",
    "workaround=something": "workaround has to be supabase-pooler.vercel",
    "schema=public": "pass PostgresStore(..., schema=...) instead",
    "connection_limit=1": "pass PostgresStore(..., pool_size=...) instead",
    "pool_timeout=0": "pass PostgresStore(..., retry_seconds=...) instead",
    "sslaccept=strict": "use sslmode=verify-full",
    "prepared_statement_cache_size=0": "prepared_statement_cache_size cannot be honoured",
    "async_fallback=true": "async_fallback has to be false",
    "statement_timeout=5s": "statement_timeout is unknown, so it cannot be honoured: remove it (options=-c%20name%3D",
    "Application_Name=a": "Application_Name is unknown",
}


@pytest.mark.parametrize(("parameters", "advice"), REFUSED.items())
def test_a_parameter_that_cannot_be_honoured_is_refused_by_name(parameters, advice, url_with):
    refusal = refusal_of(url_with(parameters))
    assert advice in refusal
    assert SECRET not in refusal


@pytest.mark.parametrize("place", ["host=/tmp", "host=h,/tmp", "port=5433"])
def test_channel_binding_asks_for_what_a_socket_does_not_have(place):
    refusal = refusal_of(f"postgresql:///d?{place}&channel_binding=require")
    assert "channel_binding=require needs TLS, which a Unix socket does not have" in refusal


TIMEOUTS = {"10": 10.0, "+2": 2.0, "0": None, "-1": None}


@pytest.mark.parametrize(("value", "seconds"), TIMEOUTS.items())
def test_the_time_to_connect(value, seconds):
    assert parse_url(f"{URL}?connect_timeout={value}").connect_timeout_seconds == seconds


def test_without_a_word_there_is_no_time_to_connect_and_nothing_else():
    target = parse_url(URL)
    assert (target.dsn, dict(target.connect_arguments), target.connect_timeout_seconds) == (URL, {}, None)


@pytest.mark.parametrize("size", [0, 17])
def test_the_size_of_the_statement_cache(size):
    _, _, configuration = asyncpg_arguments(parse_url(f"{URL}?statement_cache_size={size}"))
    assert configuration.statement_cache_size == size


@pytest.mark.parametrize("root", ["sslrootcert=system", "sslmode=require"])
def test_tls_versions_in_any_case(root):
    versions = "ssl_min_protocol_version=tlsv1.3&ssl_max_protocol_version=TLSV1.3"
    _, parameters, _ = asyncpg_arguments(parse_url(f"{URL}?{root}&{versions}"))
    assert parameters.ssl.minimum_version is ssl.TLSVersion.TLSv1_3
    assert parameters.ssl.maximum_version is ssl.TLSVersion.TLSv1_3


def test_negotiation_stays_when_the_context_is_ours():
    _, parameters, _ = asyncpg_arguments(parse_url(f"{URL}?sslrootcert=system&sslnegotiation=direct"))
    assert parameters.ssl_negotiation == "direct"


def test_kerberos_and_the_password_file_reach_asyncpg(tmp_path):
    password_file = tmp_path / "passwords"
    password_file.write_text(f"h:5432:d:u:{SECRET}\n")
    password_file.chmod(0o600)
    url = f"postgresql://u@h/d?krbsrvname=pg&gsslib=sspi&passfile={password_file}"
    _, parameters, _ = asyncpg_arguments(parse_url(url))
    assert (parameters.krbsrvname, parameters.gsslib, parameters.password) == ("pg", "sspi", SECRET)


def test_revocations_are_looked_up_by_our_own_context(url_with):
    context = parse_url(url_with("sslrootcert=system&sslcrl=REVOKED")).connect_arguments["ssl"]
    assert context.verify_flags & ssl.VerifyFlags.VERIFY_CRL_CHECK_CHAIN
    assert context.cert_store_stats()["crl"] == 1


WARNINGS = {
    "channel_binding=require&sslmode=require": "the system's certificates. Write sslmode=verify-full&sslrootcert",
    "channel_binding=require&sslrootcert=ROOT": "authority.crt. Write sslmode=verify-full instead of channel_binding",
}


@pytest.mark.parametrize(("parameters", "said"), WARNINGS.items())
def test_channel_binding_is_exchanged_with_a_warning(parameters, said, url_with, caplog):
    parse_url(url_with(parameters))
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("chatkit_pgstore", logging.WARNING)
    assert "channel_binding=require, which asyncpg cannot do" in record.message
    assert said in record.message
    assert SECRET not in record.message


def test_nothing_else_warns(url_with, caplog):
    parse_url(url_with("channel_binding=prefer&sslmode=require"))
    parse_url(url_with("sslrootcert=system"))
    assert caplog.records == []


def test_a_certificate_at_home_is_the_root(authority, home):
    shutil.copy(authority.certificate, home / "root.crt")
    assert connection_of(f"{URL}?sslmode=verify-ca").tls == "CA checked"
    assert connection_of(f"{URL}?sslmode=verify-full").tls == "full"


def test_channel_binding_is_served_by_the_systems_certificates_whatever_is_at_home(authority, home):
    shutil.copy(authority.certificate, home / "root.crt")
    assert "ssl" in parse_url(f"{URL}?channel_binding=require").connect_arguments
    assert connection_of(f"{URL}?channel_binding=require").tls == "full"


ENVIRONMENT = {
    "a mode": (("PGSSLMODE", "verify-full"), "sslrootcert=system"),
    "a mode for a named root": (("PGSSLMODE", "verify-full"), "sslrootcert=ROOT"),
    "a mode that is raised": (("PGSSLMODE", "prefer"), "channel_binding=require"),
    "the system's root": (("PGSSLROOTCERT", "system"), "sslmode=verify-full"),
    "the system's root alone": (("PGSSLROOTCERT", "system"), ""),
    "a root": (("PGSSLROOTCERT", "ROOT"), "channel_binding=require"),
}


@pytest.mark.parametrize(("variable", "parameters"), ENVIRONMENT.values(), ids=ENVIRONMENT)
def test_tls_that_the_environment_asks_for(variable, parameters, url_with, files, monkeypatch):
    name, value = variable
    monkeypatch.setenv(name, str(files.get(value, value)))
    assert connection_of(url_with(parameters)).tls == "full"


def test_a_mode_in_the_environment_can_contradict(monkeypatch):
    monkeypatch.setenv("PGSSLMODE", "disable")
    assert "(or PGSSLMODE) turns off" in refusal_of(f"{URL}?channel_binding=require")
    assert "needs sslmode=verify-full" in refusal_of(f"{URL}?sslrootcert=system")


def test_our_own_context_takes_a_clients_certificate_from_home(files, home):
    shutil.copy(files["CERTIFICATE"], home / "postgresql.crt")
    shutil.copy(files["FOREIGN"], home / "postgresql.key")
    assert "KEY_VALUES_MISMATCH" in refusal_of(f"{URL}?sslrootcert=system")


def test_a_user_without_a_home_has_no_files_there(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert connection_of(f"{URL}?sslrootcert=system").tls == "full"
