"""URLs as providers print them, taken apart; each is checked by what asyncpg itself makes of the result."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from chatkit_pgstore._url import parse_url
from chatkit_pgstore.errors import ConfigurationError
from tests.support.tls import Authority
from tests.support.urls import Connection, connection_of, forget_environment, refusal_of

SECRET = "Wq7Secret"
SOCKET = "/var/run/postgresql/.s.PGSQL.5432"
RDS = "mydb.c9akciq32.eu-west-1.rds.amazonaws.com"
ENDPOINT = "ep-cool-darkness-123456"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch, tmp_path):
    forget_environment(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def root_certificate(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "provider").certificate


PROVIDERS = {
    "Neon": (
        f"postgresql://alex:{SECRET}@{ENDPOINT}.us-east-2.aws.neon.tech/neondb?sslmode=require&channel_binding=require",
        Connection([(f"{ENDPOINT}.us-east-2.aws.neon.tech", 5432)], "alex", SECRET, "neondb", "full"),
    ),
    "Neon's pooler": (
        f"postgresql://alex:{SECRET}@{ENDPOINT}-pooler.us-east-2.aws.neon.tech/neondb?sslmode=require",
        Connection([(f"{ENDPOINT}-pooler.us-east-2.aws.neon.tech", 5432)], "alex", SECRET, "neondb", "encrypted"),
    ),
    "Neon without SNI": (
        f"postgres://alex:{SECRET}@neon.example/neondb?sslmode=require&options=endpoint%3D{ENDPOINT}",
        Connection(
            [("neon.example", 5432)], "alex", SECRET, "neondb", "encrypted", {"options": f"endpoint={ENDPOINT}"}
        ),
    ),
    "Neon without SNI, unencoded": (
        f"postgres://alex:{SECRET}@neon.example/neondb?options=project={ENDPOINT}",
        Connection([("neon.example", 5432)], "alex", SECRET, "neondb", settings={"options": f"project={ENDPOINT}"}),
    ),
    "Supabase": (
        f"postgresql://postgres:{SECRET}@db.abcdefghijkl.supabase.co:5432/postgres",
        Connection([("db.abcdefghijkl.supabase.co", 5432)], "postgres", SECRET, "postgres"),
    ),
    "Supabase's session pooler": (
        f"postgres://postgres.abcdefghijkl:{SECRET}@aws-0-eu-central-1.pooler.supabase.com:5432/postgres",
        Connection([("aws-0-eu-central-1.pooler.supabase.com", 5432)], "postgres.abcdefghijkl", SECRET, "postgres"),
    ),
    "Supabase's transaction pooler": (
        f"postgresql://postgres.abcdefghijkl:{SECRET}@aws-0-eu-central-1.pooler.supabase.com:6543/postgres",
        Connection([("aws-0-eu-central-1.pooler.supabase.com", 6543)], "postgres.abcdefghijkl", SECRET, "postgres"),
    ),
    "RDS": (
        f"postgresql://chat:{SECRET}@{RDS}:5432/chat?sslmode=verify-full&sslrootcert=ROOT_CERTIFICATE",
        Connection([(RDS, 5432)], "chat", SECRET, "chat", "full"),
    ),
    "Azure": (
        f"postgresql://chat:{SECRET}@myserver.postgres.database.azure.com:5432/postgres?sslmode=require",
        Connection([("myserver.postgres.database.azure.com", 5432)], "chat", SECRET, "postgres", "encrypted"),
    ),
    "Azure, user@server": (
        f"postgresql://chat%40myserver:{SECRET}@myserver.postgres.database.azure.com/postgres?sslmode=require",
        Connection([("myserver.postgres.database.azure.com", 5432)], "chat@myserver", SECRET, "postgres", "encrypted"),
    ),
    "Cloud SQL": (
        f"postgresql+asyncpg://chat:{SECRET}@/chat?host=/cloudsql/project:europe-west1:main/.s.PGSQL.5432",
        Connection(["/cloudsql/project:europe-west1:main/.s.PGSQL.5432"], "chat", SECRET, "chat", "none"),
    ),
    "Cloud SQL, with a host that does not count": (
        f"postgresql://chat:{SECRET}@localhost/chat?host=/cloudsql/project:europe-west1:main",
        Connection(["/cloudsql/project:europe-west1:main/.s.PGSQL.5432"], "chat", SECRET, "chat", "none"),
    ),
    "Heroku": (
        f"postgres://ubzqxkzhrd:{SECRET}@ec2-54-1-2-3.compute-1.amazonaws.com:5432/d1f2g3h4",
        Connection([("ec2-54-1-2-3.compute-1.amazonaws.com", 5432)], "ubzqxkzhrd", SECRET, "d1f2g3h4"),
    ),
    "Render": (
        f"postgresql://chat:{SECRET}@dpg-abc123-a.frankfurt-postgres.render.com/chat_x1y2",
        Connection([("dpg-abc123-a.frankfurt-postgres.render.com", 5432)], "chat", SECRET, "chat_x1y2"),
    ),
    "Railway": (
        f"postgresql://postgres:{SECRET}@roundhouse.proxy.rlwy.net:28341/railway",
        Connection([("roundhouse.proxy.rlwy.net", 28341)], "postgres", SECRET, "railway"),
    ),
    "a rack of one's own": (
        f"postgresql://chat:{SECRET}@db1,db2:5433/chat?target_session_attrs=read-write&application_name=a%20b",
        Connection(
            [("db1", 5432), ("db2", 5433)],
            "chat",
            SECRET,
            "chat",
            settings={"application_name": "a b"},
            target_session_attrs="read-write",
        ),
    ),
    "docker compose": (
        f"postgresql+asyncpg://postgres:{SECRET}@db:5432/postgres",
        Connection([("db", 5432)], "postgres", SECRET, "postgres"),
    ),
}


@pytest.mark.parametrize(("url", "expected"), PROVIDERS.values(), ids=PROVIDERS)
def test_a_providers_url_reaches_the_provider(url, expected, root_certificate):
    url = url.replace("ROOT_CERTIFICATE", str(root_certificate))
    assert connection_of(url) == expected


@pytest.mark.parametrize("url", [url for url, _ in PROVIDERS.values()], ids=PROVIDERS)
async def test_a_providers_url_makes_an_engine_and_shows_no_password(url, root_certificate):
    target = parse_url(url.replace("ROOT_CERTIFICATE", str(root_certificate)))
    engine = create_async_engine(target.url)
    await engine.dispose()
    assert target.url.drivername == "postgresql+asyncpg"
    assert target.url.password is None
    assert SECRET in target.dsn
    assert SECRET not in f"{target!r} {target} {target.url.render_as_string(hide_password=False)}"


PLACES = {
    "one host": ("h", [("h", 5432)]),
    "a port": ("h:6543", [("h", 6543)]),
    "an empty port": ("h:", [("h", 5432)]),
    "several hosts": ("a,b:1,c", [("a", 5432), ("b", 1), ("c", 5432)]),
    "IPv4": ("127.0.0.1:5433", [("127.0.0.1", 5433)]),
    "IPv6": ("[::1]", [("::1", 5432)]),
    "IPv6 and a port": ("[::1]:5433", [("::1", 5433)]),
    "IPv6 with a zone": ("[fe80::1%25eth0]:5433", [("fe80::1%eth0", 5433)]),
    "IPv6 among others": ("a,[::1]:5433,b,[::2]", [("a", 5432), ("::1", 5433), ("b", 5432), ("::2", 5432)]),
    "an international name": ("bücher.example", [("bücher.example", 5432)]),
    "an encoded socket": ("%2Fvar%2Frun%2Fpostgresql", [SOCKET]),
    "an encoded socket and a port": ("%2Ftmp%2Fa%3Ab%2Cc:5433", ["/tmp/a:b,c/.s.PGSQL.5433"]),
    "a socket and a host": ("%2Ftmp,h:5433", ["/tmp/.s.PGSQL.5432", ("h", 5433)]),
}


@pytest.mark.parametrize(("hosts", "addresses"), PLACES.values(), ids=PLACES)
def test_hosts_behind_the_at_sign(hosts, addresses):
    assert connection_of(f"postgresql://u@{hosts}/d").addresses == addresses


PLACES_AMONG_THE_PARAMETERS = {
    "a socket": ("postgresql:///d?host=/var/run/postgresql", [SOCKET]),
    "a socket with a colon": ("postgresql:///d?host=/tmp/a:1", ["/tmp/a:1/.s.PGSQL.5432"]),
    "a socket and a port": ("postgresql:///d?host=/tmp&port=6543", ["/tmp/.s.PGSQL.6543"]),
    "a socket and a port ahead": ("postgresql://u@:6543/d?host=/tmp", ["/tmp/.s.PGSQL.6543"]),
    "a socket instead of a host": ("postgresql://u@localhost:6543/d?host=/tmp", ["/tmp/.s.PGSQL.6543"]),
    "hosts": ("postgresql:///d?host=a,b", [("a", 5432), ("b", 5432)]),
    "hosts and one port": ("postgresql:///d?host=a,b&port=1", [("a", 1), ("b", 1)]),
    "hosts and their ports": ("postgresql:///d?host=a,b,c&port=1,,3", [("a", 1), ("b", 5432), ("c", 3)]),
    "hosts with their ports": ("postgresql:///d?host=a:1,b:2", [("a", 1), ("b", 2)]),
    "IPv6 without brackets": ("postgresql:///d?host=::1", [("::1", 5432)]),
    "IPv6 with a zone": ("postgresql:///d?host=[fe80::1%25eth0]:1", [("fe80::1%eth0", 1)]),
    "a port for a host ahead": ("postgresql://h/d?port=6543", [("h", 6543)]),
}


@pytest.mark.parametrize(("url", "addresses"), PLACES_AMONG_THE_PARAMETERS.values(), ids=PLACES_AMONG_THE_PARAMETERS)
def test_hosts_among_the_parameters(url, addresses):
    assert connection_of(url).addresses == addresses


def test_without_a_host_asyncpg_looks_where_libpq_does(monkeypatch):
    target = parse_url("postgresql:///d")
    assert (dict(target.connect_arguments), target.url.host) == ({}, None)
    assert connection_of("postgresql:///d").addresses[-1] == ("localhost", 5432)
    assert connection_of("postgresql://:6543/d").addresses[-1] == ("localhost", 6543)
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert connection_of("postgresql://u@/d").addresses == [("elsewhere", 5432)]


DISPLAYED = {
    "postgres://u:p@h1:1,h2/d?sslmode=require": "postgresql+asyncpg://u@h1:1/d",
    "postgres://u@[::1]:1/d": "postgresql+asyncpg://u@[::1]:1/d",
    "postgres://u:p@/d?host=/tmp&port=1": "postgresql+asyncpg://u@:1/d?host=%2Ftmp",
    "postgres://": "postgresql+asyncpg://",
}


@pytest.mark.parametrize(("url", "displayed"), DISPLAYED.items())
def test_the_first_host_is_displayed(url, displayed):
    assert str(parse_url(url).url) == displayed


LOGINS = {
    "encoded": ("postgresql://a%40b:c%40%2F%25%3A%23@h/d%2Fe", "a@b", "c@/%:#", "d/e"),
    "a plus sign": ("postgresql://a+b:c+d@h/e+f", "a+b", "c+d", "e+f"),
    "raw spaces, as SQLAlchemy renders them": ("postgresql://a b:c d@h/e f", "a b", "c d", "e f"),
    "a colon in the password": ("postgresql://a:b:c@h/d", "a", "b:c", "d"),
    "a slash in the database": ("postgresql://a:b@h/c/d", "a", "b", "c/d"),
    "an empty password": ("postgresql://a:@h/d", "a", None, "d"),
    "no password": ("postgresql://a@h/d", "a", None, "d"),
    "no user": ("postgresql://h/d", "the system's user", None, "d"),
    "no user but a password": ("postgresql://:b@h/d", "the system's user", "b", "d"),
    "no database": ("postgresql://a:b@h", "a", "b", "a"),
    "no database but a slash": ("postgresql://a:b@h/", "a", "b", "a"),
    "parameters": ("postgresql://h?user=a%40b&password=c+d&dbname=e+f", "a@b", "c+d", "e+f"),
    "the database as asyncpg's parameter": ("postgresql://a:b@h?database=d", "a", "b", "d"),
    "SQLAlchemy's password": (
        make_url("postgresql://h/d").set(username="a b+", password="c +%@:/?#[]&=").render_as_string(False),
        "a b+",
        "c +%@:/?#[]&=",
        "d",
    ),
}


@pytest.mark.parametrize(("url", "user", "password", "database"), LOGINS.values(), ids=LOGINS)
def test_user_password_and_database(url, user, password, database, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "the system's user")
    connection = connection_of(url)
    assert (connection.user, connection.password, connection.database) == (user, password, database)


def test_a_password_that_the_url_leaves_out_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", SECRET)
    assert connection_of("postgresql://a:@h/d").password == SECRET


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "PostgreSQL"])
def test_schemes_that_mean_the_same(scheme):
    assert parse_url(f"{scheme}://u:p@h/d").dsn == "postgresql://u:p@h/d"


REFUSED = {
    "": "is empty",
    " \n": "is empty",
    "localhost": "no scheme",
    "localhost/d": "no scheme",
    f"host=h password={SECRET}": "no scheme",
    f"user:{SECRET}@h/d": "no scheme",
    f"postgresql:u:{SECRET}://h/d": "no scheme",
    f"mysql://u:{SECRET}@h/d": "begins with mysql://, but it has to begin with postgresql://",
    "sqlite:///file.db": "begins with sqlite://",
    f"jdbc:postgresql://h/d?password={SECRET}": "begins with jdbc:postgresql://",
    f"postgresql+psycopg2://u:{SECRET}@h/d": "write postgresql+asyncpg:// instead of postgresql+psycopg2://",
    f"postgres+asyncpg://u:{SECRET}@h/d": "write postgresql+asyncpg:// instead of postgres+asyncpg://",
    f"postgresql://u:{SECRET}@h/d\n": "white space",
    f" postgresql://u:{SECRET}@h/d": "white space",
    f"postgresql://u:{SECRET}\x7f@h/d": "unprintable",
    f"postgresql://u:{SECRET}\udcff@h/d": "unprintable",
    f"postgresql://u:{SECRET}#1@h/d": "# as %23",
    f"postgresql://u:{SECRET}?1@h/d": "? as %3F",
    f"postgresql://u:{SECRET}?sslmode=x@h/d": "? as %3F",
    f"postgresql://u:{SECRET}/1@h/d": "/ as %2F",
    f"postgresql://u:1@{SECRET}@h/d": "@ as %40",
    f"postgresql://u:1@{SECRET}/2@h/d": "@ as %40",
    f"postgresql://u@server:{SECRET}@server/d": "@ as %40",
    f"postgresql://u:[{SECRET}@h/d": "[ as %5B",
    f"postgresql://u:{SECRET}]@h/d": "] as %5D",
    "postgresql://u:[YOUR-PASSWORD]@db.abcdefghijkl.supabase.co:5432/postgres": "[ as %5B",
    f"postgresql://u:{SECRET}/d": "part of a password",
    f"postgresql://u:{SECRET}%@h/d": "in the password: write % itself as %25",
    f"postgresql://u:{SECRET}%zz@h/d": "in the password: write % itself as %25",
    f"postgresql://u:{SECRET}%ff@h/d": "in the password",
    f"postgresql://u:{SECRET}%00@h/d": "in the password",
    f"postgresql://u%:{SECRET}@h/d": "in the user name",
    f"postgresql://u:{SECRET}@h%/d": "in the host",
    f"postgresql://u:{SECRET}@h/d%": "in the name of the database",
    f"postgresql://u:{SECRET}@h/d?options=%": "in the parameter options",
    f"postgresql://u:{SECRET}@h/d?%=1": "in the name of a parameter",
    f"postgresql://u:{SECRET}@h:65536/d": "port has to be a number from 1 to 65535",
    f"postgresql://u:{SECRET}@h:0/d": "port has to be a number",
    f"postgresql://u:{SECRET}@h:x/d": "port has to be a number",
    f"postgresql://u:{SECRET}@h:\u0661/d": "port has to be a number",
    f"postgresql://u:{SECRET}@::1/d": "IPv6 address in brackets",
    f"postgresql://u:{SECRET}@[::1/d": "IPv6 address in brackets",
    f"postgresql://u:{SECRET}@[]/d": "IPv6 address in brackets",
    f"postgresql://u:{SECRET}@[::1]5432/d": "IPv6 address in brackets",
    f"postgresql://u:{SECRET}@a,,b/d": "empty host",
    f"postgresql://u:{SECRET}@,b/d?host=a": "empty host",
    f"postgresql://u:{SECRET}@/d?host=a,": "empty host",
    f"postgresql://u:{SECRET}@/d?host=%40abstract": "abstract socket",
    f"postgresql://u:{SECRET}@%40abstract/d": "abstract socket",
    f"postgresql://u:{SECRET}@a/d?host=b": "host twice",
    f"postgresql://u:{SECRET}@a,b/d?host=/tmp": "host twice",
    f"postgresql://u:{SECRET}@a:1/d?port=2": "port twice",
    f"postgresql://u:{SECRET}@:1/d?host=a:2": "port twice",
    f"postgresql://u:{SECRET}@a,b/d?port=1,2,3": "one port, or one for each host",
    f"postgresql://u:{SECRET}@h/d?user=v": "user twice",
    f"postgresql://u:{SECRET}@h/d?password=other": "password twice",
    f"postgresql://u:{SECRET}@h/d?dbname=e": "dbname twice",
    f"postgresql://u:{SECRET}@h?dbname=d&database=e": "dbname twice",
    f"postgresql://u:{SECRET}@h/d?sslmode=require&sslmode=require": "parameter sslmode twice",
    f"postgresql://u:{SECRET}@h/d?host=a:1&host=b:2": "parameter host twice: give it once (several hosts",
    f"postgresql://u:{SECRET}@h/d?sslmode=": "parameter sslmode is empty",
    f"postgresql://h/d?password=a&{SECRET}": "& in a value as %26",
    f"postgresql://h/d?password=a&-{SECRET}=": "parameter (with an odd name) is empty",
    f"postgresql://h/d?password=a&-{SECRET}=b": "parameter (with an odd name) is unknown",
}


@pytest.mark.parametrize(("url", "advice"), REFUSED.items())
def test_a_url_that_cannot_be_used_is_told_what_to_change(url, advice):
    refusal = refusal_of(url)
    assert advice in refusal
    assert SECRET not in refusal


def test_only_a_str_is_a_url():
    url = make_url(f"postgresql://u:{SECRET}@h/d")
    assert "url.render_as_string(hide_password=False)" in refusal_of(url)
    assert SECRET not in refusal_of(url)
    assert "not bytes" in refusal_of(str(url).encode())
    assert "not NoneType" in refusal_of(None)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(user=texts, password=texts, database=texts)
@example(user="a+b", password="c+d %2B", database="e+f")
@example(user="u", password="@:/?#[]%&=+ ", database="@:/?#[]%&=+ ")
@example(user="u", password="\n\ud7ff\U0010ffff", database="..")
def test_any_user_password_and_database_reach_asyncpg(user, password, database):
    login, path = f"{quote(user, safe='')}:{quote(password, safe='')}", quote(database, safe="")
    connection = connection_of(f"postgresql://{login}@h:5433/{path}?application_name={path}")
    assert connection == Connection([("h", 5433)], user, password, database, settings={"application_name": database})


awkward = st.text("@:/?#[]%&=+ ,.\\'\"\u00e9\ud800\n0aF", max_size=12)
PARAMETERS = ["", "?sslmode=nonsense", "?unknown=1", "?sslmode=require&channel_binding=require"]


@given(before=awkward, within=awkward, after=awkward, end=st.sampled_from(PARAMETERS))
@example(before="", within="?x=", after="", end="")
@example(before="", within="", after="%ff", end="")
def test_nothing_that_is_said_shows_a_password(before, within, after, end):
    pieces = "Xk7Qj", "Jw9Vz"
    url = f"postgresql://user:{before}{pieces[0]}{within}{pieces[1]}{after}@h/d{end}"
    try:
        said = repr(parse_url(url))
    except ConfigurationError:
        said = refusal_of(url)
    assert not [piece for piece in pieces if piece in said]


SUPABASE = "aws-0-eu-central-1.pooler.supabase.com"
POOLED = {
    "Neon's pooled host": (f"{ENDPOINT}-pooler.us-east-2.aws.neon.tech/d", True),
    "Neon's direct host": (f"{ENDPOINT}.us-east-2.aws.neon.tech/d", False),
    "Supabase's transaction port": (f"{SUPABASE}:6543/d", True),
    "Supabase's own pooler beside the database": ("db.abcdefghijkl.supabase.co:6543/d", True),
    "Supabase's session port": (f"{SUPABASE}:5432/d", False),
    "Supabase's default port": (f"{SUPABASE}/d", False),
    "that port elsewhere": ("db.example.com:6543/d", False),
    "said": ("db.example.com/d?pgbouncer=true", True),
    "denied": (f"{SUPABASE}:6543/d?pgbouncer=false", False),
    "one of several hosts": (f"db.example.com,{ENDPOINT}-pooler.us-east-2.aws.neon.tech/d", True),
}


@pytest.mark.parametrize(("rest", "pooled"), POOLED.values(), ids=POOLED)
def test_a_transaction_pooler_is_known_where_the_url_is_certain(rest, pooled):
    assert parse_url(f"postgresql://u:p@{rest}").pools_transactions is pooled


PROVIDERS_PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "providers.md"
PRINTED = re.findall(r"^\| ([^|]+) \| `(postgres[^`]+)` \| ([^|]+) \|$", PROVIDERS_PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize(("provider", "url", "outcome"), PRINTED, ids=[provider for provider, _, _ in PRINTED])
def test_a_url_of_the_providers_page_becomes_what_the_page_says(provider, url, outcome):
    above = [text for _, _, text in PRINTED[: [name for name, _, _ in PRINTED].index(provider) + 1]]
    said = next(text for text in reversed(above) if not text.startswith("The same"))
    assert parse_url(url).pools_transactions is said.startswith("A transaction pooler")


def test_the_providers_page_has_them_all():
    assert len(PRINTED) == 12
