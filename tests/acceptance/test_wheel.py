"""The wheel, installed into an empty environment, works without the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from chatkit_pgstore import _revisions

CHECKOUT = Path(__file__).parents[2]

CONVERSATION = """
import asyncio, sys
from datetime import datetime
from pathlib import Path
import chatkit_pgstore
from chatkit.types import AssistantMessageContent, AssistantMessageItem, ThreadMetadata
from chatkit_pgstore import PostgresStore
from chatkit_pgstore.testing import MemoryStore

assert Path(sys.prefix) in Path(chatkit_pgstore.__file__).parents, chatkit_pgstore.__file__

async def main():
    alice, now = {"user_id": "alice"}, datetime.now()
    content = [AssistantMessageContent(text="Hello")]
    async with PostgresStore(sys.argv[1]) as store:
        await store.save_thread(ThreadMetadata(id="thr_1", created_at=now), alice)
        item = AssistantMessageItem(id="msg_1", thread_id="thr_1", created_at=now, content=content)
        await store.add_thread_item("thr_1", item, alice)
        assert (await store.load_item("thr_1", "msg_1", alice)) == item

asyncio.run(main())
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COVERAGE"))}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, CHECKOUT, cwd=folder)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_migrations_and_the_marker_of_types(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "chatkit_pgstore/py.typed" in names
    assert "chatkit_pgstore/migrations/script.py.mako" in names
    revisions = [name for name in names if name.startswith("chatkit_pgstore/migrations/versions/0")]
    assert len(revisions) == len(_revisions.known())
    assert not [name for name in names if name.startswith(("tests", "examples", "benchmarks"))]


def test_it_holds_a_conversation_in_an_empty_environment(wheel, empty_database_url, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    pins = CHECKOUT / "requirements" / "runtime.txt"
    run(python, "-m", "pip", "install", "--quiet", wheel, "--constraint", pins, cwd=tmp_path)
    run(python, "-I", "-c", CONVERSATION, empty_database_url, cwd=tmp_path)
    command = python.with_name("chatkit-pgstore")
    without_extra = subprocess.run([command, "check"], capture_output=True, text=True, check=False)
    assert (without_extra.returncode, without_extra.stdout) == (1, "")
    assert without_extra.stderr == 'chatkit-pgstore: the command needs typer: pip install "chatkit-pgstore[cli]"\n'
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[cli]", "--constraint", pins, cwd=tmp_path)
    checked = run(command, "check", "--database-url", empty_database_url, cwd=tmp_path)
    assert checked == f"The database is at revision {_revisions.head()}.\n"
