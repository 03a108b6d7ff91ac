"""How the demo starts and ends."""

import secrets
import signal
import socket
import struct
import tempfile
from pathlib import Path

import pytest

from tests.acceptance.support import Browser, Demo, everything_of, message

SHUT_DOWN_IN_ORDER = 1
"""PostgreSQL's ``DB_SHUTDOWNED``: nothing has to be recovered at the next start."""


def state_of(data: Path) -> int:
    """Return the state of the database cluster, the fourth field of its control file."""
    control = (data / "global" / "pg_control").read_bytes()
    return struct.unpack_from("<QIII", control)[3]


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_a_stopped_demo_shuts_its_database_down_in_order(data_folder, stop, code):
    with Demo(CHATKIT_DEMO_DATA=str(data_folder)) as demo:
        assert state_of(data_folder / "postgres") != SHUT_DOWN_IN_ORDER
        assert demo.end(stop) == code
    assert state_of(data_folder / "postgres") == SHUT_DOWN_IN_ORDER


def test_a_reply_that_a_stop_of_the_demo_cuts_short_is_kept(data_folder):
    environment = {"CHATKIT_DEMO_DATA": str(data_folder)}
    with Demo(**environment) as demo, Browser(demo.address) as browser:
        reply = browser.stream("threads.create", input=message("long"))
        thread_id = next(reply)["thread"]["id"]
        heard = ""
        while "sentence 1" not in heard:
            heard += next(reply).get("update", {}).get("delta", "")
        demo.end(signal.SIGINT)
    with Demo(**environment) as demo, Browser(demo.address, browser.name) as browser:
        [page] = browser.pages("items.list", thread_id=thread_id)
    assert page["data"][0]["content"][0]["text"].startswith(heard)


def test_another_database_is_used_when_one_is_given(empty_database_url):
    environment = {
        "DATABASE_URL": empty_database_url,
        "CHATKIT_JWT_SECRET": secrets.token_hex(),
        "CHATKIT_FILES_SECRET": secrets.token_hex(),
    }
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        with Demo(CHATKIT_DEMO_DATA=first, **environment) as demo, Browser(demo.address) as browser:
            browser.send("threads.create", input=message("hello"))
            before = everything_of(browser)
            demo.end(signal.SIGKILL)
        with (
            Demo(CHATKIT_DEMO_DATA=second, **environment) as demo,
            Browser(demo.address, browser.name) as again,
        ):
            assert everything_of(again) == before
        assert list(Path(first).iterdir()) == list(Path(second).iterdir()) == []


def test_a_port_that_is_taken_is_said_to_be(data_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = Demo(PORT=str(port), CHATKIT_DEMO_DATA=str(data_folder))
        assert demo.wait() == 1
    assert f"port {port}" in demo.log
    assert "PORT=8001 make demo" in demo.log


@pytest.mark.parametrize("port", ["http", "65536"])
def test_a_port_that_is_none_is_said_to_be(data_folder, port):
    demo = Demo(PORT=port, CHATKIT_DEMO_DATA=str(data_folder))
    assert demo.wait() == 1
    assert demo.lines == [f"PORT has to be a number from 0 to 65535, not {port!r}."]
