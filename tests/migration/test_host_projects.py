"""The three ways of migrating, each as a host goes it: a folder of its own, run in processes of its own."""

import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from chatkit_pgstore import PostgresStore, UsersTable, _migrations
from tests.integration.test_snippets import MIGRATE, blocks, environment
from tests.support import host_projects
from tests.support.calls import CALLS, fill
from tests.support.catalog import catalog_of
from tests.support.databases import execute
from tests.support.old_rows import ROWS
from tests.support.releases import INDEX, release_with_index
from tests.support.tables import fetch, fetch_value

PROJECTS = Path(host_projects.__path__[0])
PAGE = MIGRATE.with_name("alembic.md")
HEAD = _migrations.head()
QUIET = "No new upgrade operations detected."
ALEMBIC = "from alembic.config import main; main(prog='alembic')"
NEXT_RELEASE = (
    "import pathlib; from chatkit_pgstore import _revisions; _revisions.location = lambda _: pathlib.Path({!r})"
)


class Project:
    """A copy of a host's folder, to be run on one database."""

    def __init__(self, name, folder, database_url):
        self.folder = folder / name
        self.release = ""
        self._url = database_url
        shutil.copytree(PROJECTS / name, self.folder)

    def output(self, *command, succeeds=True, **variables):
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(self._url) | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return done.stdout + ("" if succeeds else done.stderr)

    def python(self, *arguments, **options):
        return self.output(sys.executable, *arguments, **options)

    def alembic(self, *arguments, **options):
        """Run Alembic's command, with the migrations of the release that `release` says."""
        return self.python("-c", f"{self.release}\n{ALEMBIC}", *arguments, **options)

    def upgrade_of(self, message):
        """Have autogenerate write a migration, and return its upgrade(), or None where it wrote none."""
        self.alembic("revision", "--autogenerate", "--message", message)
        written = list((self.folder / "migrations" / "versions").glob(f"*_{message}.py"))
        return written[0].read_text().partition("def upgrade():\n")[2].partition("\n\n\n")[0] if written else None


@pytest.fixture
def project(tmp_path, empty_database_url):
    return lambda name: Project(name, tmp_path, empty_database_url)


def test_a_server_that_initializes(project):
    server = project("initializing")
    assert server.python("server.py") == "['thr_1']\n"
    assert server.python("server.py") == "['thr_1']\n"


@asynccontextmanager
async def two_roles(database_url):
    """Lend the URLs of a role that may make tables and of one that may only log in, and the second one's name."""
    superuser = await asyncpg.connect(database_url)
    address = urlsplit(database_url)
    host = address.netloc.rpartition("@")[2]
    owner, app = (f"chatkit_{part}_{uuid4().hex}" for part in ("owner", "app"))
    try:
        for role in (owner, app):
            await superuser.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        await superuser.execute(f"GRANT CREATE ON SCHEMA public TO {owner}")
        yield [*(address._replace(netloc=f"{role}:secret@{host}").geturl() for role in (owner, app)), app]
    finally:
        for role in (owner, app):
            await superuser.execute(f"DROP OWNED BY {role}")
            await superuser.execute(f"DROP ROLE {role}")
        await superuser.close()


async def test_a_deploy_step_by_the_owner_and_a_server_that_only_reads_and_writes_rows(project, empty_database_url):
    host = project("deployed")
    async with two_roles(empty_database_url) as (owner, app, role):
        assert "has no tables of chatkit-pgstore" in host.python("server.py", DATABASE_URL=app, succeeds=False)
        step = {"OWNER_DATABASE_URL": owner, "APP_ROLE": role}
        assert f"is at revision {HEAD}" in host.output("bash", "deploy.sh", **step)
        assert host.python("server.py", DATABASE_URL=app) == "['thr_1']\n"
        host.output("bash", "deploy.sh", **step)
        assert host.python("server.py", DATABASE_URL=app) == "['thr_1']\n"
        assert await fetch_value(empty_database_url, OWNERS) == [urlsplit(owner).username]
        for statement in (
            "CREATE TABLE more (id int)",
            "DROP TABLE chatkit_threads",
            "TRUNCATE chatkit_threads CASCADE",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await execute(app, statement)


OWNERS = "SELECT array_agg(DISTINCT tableowner::text) FROM pg_tables WHERE tablename LIKE 'chatkit_%'"


def test_the_grants_of_the_deploy_step_are_those_of_the_page():
    grants = (PROJECTS / "deployed" / "grants.sql").read_text()
    assert grants.replace(':"app"', "chatkit_app") == "".join(blocks(MIGRATE, "sql"))


async def test_autogenerate_makes_exactly_our_tables_and_then_is_quiet(project, empty_database_url, database_url):
    host = project("own_alembic")
    upgrade = host.upgrade_of("first")
    assert f"    chatkit_pgstore.alembic.upgrade('{HEAD}')\n" in upgrade
    assert "create_table('chatkit_" not in upgrade
    host.alembic("upgrade", "head")
    assert QUIET in host.alembic("check")
    assert "pass" in host.upgrade_of("second")
    ours = {key: what for key, what in (await catalog_of(empty_database_url)).items() if "chatkit_" in key[1]}
    assert ours == await catalog_of(database_url)
    assert "orders_user_id_thread_id_fkey" in {name for _, name in await catalog_of(empty_database_url)}
    await use(PostgresStore(empty_database_url))


async def use(store):
    await store.initialize(migrate=False)
    for call in CALLS:
        await fill(store)
        await call.made(store)
    await store.close()


def test_the_page_shows_what_the_projects_do(project, empty_database_url):
    env, written, own_functions, _with_users = blocks(PAGE, "py")
    commands = [command.split()[1:] for [script] in [blocks(PAGE, "sh")] for command in script.splitlines()]
    host = project("own_alembic")
    (host.folder / "migrations" / "env.py").write_text(env)
    for command in commands:
        printed = host.alembic(*command)
    assert QUIET in printed
    [migration] = (host.folder / "migrations" / "versions").glob("*_chat.py")
    for line in written.splitlines():
        # The formatter of the page's code prefers other quotes than Alembic.
        assert line.replace('"', "'") in migration.read_text()
    assert own_functions in (PROJECTS / "own_alembic_schema" / "migrations" / "env.py").read_text()


async def test_tables_that_are_there_already_are_neither_dropped_nor_made(project, empty_database_url):
    async with PostgresStore(empty_database_url):
        pass
    host = project("own_alembic")
    upgrade = host.upgrade_of("first")
    assert "chatkit_pgstore" not in upgrade
    assert "drop" not in upgrade
    host.alembic("upgrade", "head")
    assert QUIET in host.alembic("check")


async def test_the_same_migrations_replayed_elsewhere_make_the_same(project, empty_database_url, database_url):
    """Our tables stay on the way down, which deletes no conversation."""
    host = project("own_alembic")
    host.upgrade_of("first")
    host.alembic("upgrade", "head")
    await fill(store := PostgresStore(empty_database_url))
    await store.close()
    host.alembic("downgrade", "base")
    assert await fetch_value(empty_database_url, "SELECT count(*) FROM chatkit_threads") == 2
    host.alembic("upgrade", "head")
    host._url = database_url
    host.alembic("upgrade", "head")
    assert await catalog_of(database_url) == await catalog_of(empty_database_url)


async def test_the_next_release_is_one_more_migration_of_the_hosts(project, empty_database_url, tmp_path):
    host = project("own_alembic")
    host.upgrade_of("first")
    host.alembic("upgrade", "head")
    await execute(empty_database_url, ROWS)
    package = release_with_index(tmp_path)
    host.release = NEXT_RELEASE.format(str(package / "migrations"))
    assert "('chatkit_pgstore', \"upgrade('9998')\")" in host.alembic("check", succeeds=False)
    assert "chatkit_pgstore.alembic.upgrade('9998')" in host.upgrade_of("second")
    host.alembic("upgrade", "head")
    assert QUIET in host.alembic("check")
    valid = f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{INDEX}'::regclass"
    assert await fetch_value(empty_database_url, valid) is True
    assert await fetch_value(empty_database_url, "SELECT version_num FROM chatkit_schema_version") == "9998"
    assert await fetch_value(empty_database_url, "SELECT count(*) FROM alembic_version") == 1


WHERE_THEY_ARE = """
    SELECT schemaname || '.' || tablename FROM pg_tables
    WHERE tablename LIKE 'chatkit%' AND schemaname IN ('public', 'chat') ORDER BY 1
"""


async def test_another_schema_a_driver_without_async_and_hooks_of_the_hosts_own(project, empty_database_url):
    await execute(empty_database_url, "CREATE SCHEMA chat; CREATE TABLE kept_by_hand (id int)")
    host = project("own_alembic_schema")
    upgrade = host.upgrade_of("first")
    assert f"    chatkit_pgstore.alembic.upgrade('{HEAD}', schema='chat')\n" in upgrade
    assert "op.create_table('chatkit_threads'" in upgrade
    host.alembic("upgrade", "head")
    assert host.upgrade_of("second") is None
    found = await fetch(empty_database_url, WHERE_THEY_ARE)
    assert [row[0] for row in found] == [
        "chat.chatkit_attachments",
        "chat.chatkit_feedback",
        "chat.chatkit_file_chunks",
        "chat.chatkit_files",
        "chat.chatkit_schema_version",
        "chat.chatkit_supported_revisions",
        "chat.chatkit_thread_items",
        "chat.chatkit_threads",
        "public.chatkit_threads",
    ]
    await use(PostgresStore(empty_database_url, schema="chat"))


async def test_alembics_printed_sql_is_refused_with_what_to_do(project, empty_database_url):
    await execute(empty_database_url, "CREATE SCHEMA chat")
    host = project("own_alembic_schema")
    host.upgrade_of("first")
    env = host.folder / "migrations" / "env.py"
    env.write_text(
        'from alembic import context\n\ncontext.configure(dialect_name="postgresql")\ncontext.run_migrations()\n'
    )
    told = host.alembic("upgrade", "head", "--sql", succeeds=False)
    assert "Put what `chatkit-pgstore sql` prints in the place of this migration" in told


WITH_USERS = """
import chatkit_pgstore.alembic
from alembic import op
from chatkit_pgstore import UsersTable

revision = "1"
down_revision = None


"""


async def test_a_table_of_users_that_the_same_migration_makes(project, empty_database_url):
    host = project("own_alembic")
    (host.folder / "migrations" / "versions" / "1_users.py").write_text(WITH_USERS + blocks(PAGE, "py")[3])
    host.alembic("upgrade", "head")
    store = PostgresStore(empty_database_url, users=UsersTable("users"))
    await store.initialize(migrate=False)
    user = "00000000-0000-0000-0000-000000000001"
    await execute(empty_database_url, f"INSERT INTO users VALUES ('{user}')")
    await fill(store, {"user_id": user})
    await store.close()
