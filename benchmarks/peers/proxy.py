"""A network of any length, and a counter on it: the proxy in a process of its own, told what to do through a pipe.

In a process of its own it shares no event loop with what is measured, and takes none of its time.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.proxy import with_address

PROGRAM = Path(__file__).with_name("proxy_process.py")


@dataclass(frozen=True)
class Counts:
    """What went over the wire."""

    round_trips: int
    bytes_to_server: int
    bytes_from_server: int
    connections: int


class DelayingProxy:
    """The proxy as its user sees it.

    Args:
        process: Of the proxy.
        port: Where it listens.
    """

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process = process
        self._port = port

    def url(self, database_url: str) -> str:
        """Return *database_url* with the proxy in the server's place."""
        return with_address(database_url, "127.0.0.1", self._port)

    def delay(self, seconds: float) -> None:
        """Let bytes arrive so much later, each way; it holds for those that come from now on."""
        self._ask(f"delay {seconds}")

    def counts(self) -> Counts:
        """Return what was counted since the last time."""
        return Counts(**self._ask("counts"))

    def _ask(self, line: str) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the proxy has no pipes")
        print(line, file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@contextmanager
def delaying_proxy(port: int) -> Iterator[DelayingProxy]:
    """Run a proxy before the server at *port* of this machine; it ends with the block, or with this process."""
    command = [sys.executable, "-S", "-E", str(PROGRAM), "127.0.0.1", str(port)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # noqa: S603  # this folder's own program
        if process.stdout is None:
            raise RuntimeError("the proxy has no pipes")
        yield DelayingProxy(process, int(process.stdout.readline()))
