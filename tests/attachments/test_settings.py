"""What `Files` takes, and what the package needs to be there."""

import importlib
import subprocess
import sys

import pytest
from obstore.store import MemoryStore

from chatkit_pgstore import ConfigurationError
from chatkit_pgstore.attachments import Files, PostgresBytes, RefusedFileError
from tests.attachments.world import SECRET

GOOD = {"secret": SECRET, "public_url": "https://chat.example.com/files"}


@pytest.mark.parametrize(
    ("storage", "options", "message"),
    [
        ("/var/files", {}, "not in a str"),
        (PostgresBytes, {}, "not in a type"),
        (MemoryStore(), {"public_url": "/files"}, "must be like https://"),
        (MemoryStore(), {"public_url": "ftp://a/files"}, "must be like https://"),
        (MemoryStore(), {"public_url": "http://a/files?b=c"}, "must be like https://"),
        (PostgresBytes(), {"max_bytes": 20 * 1024 * 1024 + 1}, "at most 20,971,520 bytes"),
        (MemoryStore(), {"max_bytes": 0}, "at least 1"),
        (MemoryStore(), {"url_seconds": 0.5}, "at least 1"),
        (MemoryStore(), {"upload_seconds": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_used_is_refused(storage, options, message):
    with pytest.raises(ConfigurationError, match=message):
        Files(storage, **GOOD | options)


def test_a_secret_may_be_bytes_and_types_are_compared_without_their_spelling():
    files = Files(MemoryStore(), **GOOD | {"secret": b"x" * 32}, mime_types=["Image/JPG", "text/plain; charset=utf-8"])
    assert files.mime_types == {"image/jpeg", "text/plain"}


def test_a_refusal_is_an_error_of_the_store_and_a_wrong_value():
    with pytest.raises(ValueError, match="too large"):
        raise RefusedFileError("too large")


@pytest.mark.parametrize("missing", ["obstore", "puremagic", "python_multipart", "starlette"])
def test_what_is_not_installed_is_named_with_its_extra(missing, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("chatkit_pgstore.attachments")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith(f"{missing}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install \"chatkit-pgstore\[attachments\]\""):
        importlib.import_module("chatkit_pgstore.attachments")


def test_a_fault_of_our_own_is_not_taken_for_a_missing_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("chatkit_pgstore.attachments")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "chatkit_pgstore.attachments._sweep", None)
    with pytest.raises(ModuleNotFoundError, match="_sweep"):
        importlib.import_module("chatkit_pgstore.attachments")


def test_the_package_alone_imports_none_of_it():
    code = "import sys, chatkit_pgstore, chatkit_pgstore.operations; print({'obstore', 'puremagic'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
