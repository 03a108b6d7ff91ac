"""The demo as a process of its own, and a browser that talks to it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from uuid import uuid4

import httpx

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
APP = "fastapi_app.app:from_environment"
NOT_INHERITED = ("DATABASE_URL", "PORT", "CHATKIT_", "OPENAI_")
"""What the environment of these tests must not bring into those they start."""
HANG_SECONDS = 120.0
"""When a process or a line does not come in this time, it never will."""


class Demo:
    """One run of ``examples/demo.py``, from its start to its end by a signal.

    Args:
        environment: What is added to the environment of this process, ``DATABASE_URL`` or ``CHATKIT_DEMO_DATA``.
    """

    COMMAND: tuple[str | Path, ...] = (sys.executable, DEMO)
    ANNOUNCEMENT = r"^Open (http://\S+)$"

    def __init__(self, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        self.lines: list[str] = []
        self._grown = threading.Condition()
        self._markers = 0
        self._process = subprocess.Popen(
            self.COMMAND,
            cwd=DEMO.parent,
            env=inherited | {"PORT": "0"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A group of its own: a Ctrl-C at the tests must not reach it before they end it.
            process_group=0,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        try:
            self.address = self.wait_for(self.ANNOUNCEMENT)[1]
        except BaseException:
            self.end(signal.SIGTERM)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self.end(signal.SIGTERM)

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, *, after: int = 0, times: int = 1) -> re.Match[str]:
        """Return the match of a printed line, the *times*-th one behind line number *after*."""

        def matches() -> list[re.Match[str]]:
            return [match for line in self.lines[after:] if (match := re.search(pattern, line))]

        with self._grown:
            self._grown.wait_for(lambda: len(matches()) >= times or self._has_ended, HANG_SECONDS)
            if len(matches()) < times:
                raise AssertionError(f"The demo did not print {pattern!r}, but:\n{self.log}")
            return matches()[times - 1]

    def store_calls(self, action: Callable[[], object]) -> list[str]:
        """Return the names of the store calls that the log shows for *action*."""
        start = self._mark()
        action()
        between = self.lines[start : self._mark()]
        return [match[1] for line in between if (match := re.search(r" chatkit_pgstore: (\w+): ", line))]

    def end(self, signal_number: signal.Signals) -> int:
        """Send a signal, and return how the process ended."""
        self.send(signal_number)
        return self.wait()

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(signal_number)

    def wait(self) -> int:
        """Return how the process ended."""
        try:
            code = self._process.wait(HANG_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        self._reader.join()
        self._stdout.close()
        return code

    @property
    def _stdout(self) -> Any:
        return self._process.stdout

    @property
    def _has_ended(self) -> bool:
        return not self._reader.is_alive()

    def _mark(self) -> int:
        """Return the number of lines printed so far, the log of every finished request included."""
        self._markers += 1
        marker = f"/health/ready?marker={self._markers}"
        httpx.get(self.address + marker).raise_for_status()
        self.wait_for(re.escape(marker))
        return len(self.lines)

    def _read(self) -> None:
        for line in self._stdout:
            with self._grown:
                self.lines.append(line.rstrip("\n"))
                self._grown.notify_all()


class App(Demo):
    """One run of the app as one goes live with it: by uvicorn, told everything by the environment.

    Args:
        environment: The settings that are not in `SETTINGS`.
    """

    SECRET = "the secret of whoever issues tokens"
    SETTINGS: ClassVar = {"CHATKIT_JWT_SECRET": SECRET, "CHATKIT_FILES_SECRET": "the secret of the links to files"}
    GRACE_SECONDS = 60
    COMMAND = (
        *(sys.executable, "-m", "uvicorn", "--factory", APP, "--port", "0"),
        *("--timeout-graceful-shutdown", str(GRACE_SECONDS)),
    )
    ANNOUNCEMENT = r"running on (http://[\d.:]+)"

    def __init__(self, **environment: str) -> None:
        super().__init__(**self.SETTINGS | environment)


class RefusedError(Exception):
    """The app answered with an error status."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(f"{response.status_code}: {response.text}")
        self.status = response.status_code
        self.detail = response.json()["detail"]


class Browser:
    """One user: signs in, keeps the token, and speaks the ChatKit protocol.

    Args:
        address: The demo's address.
        name: Who signs in; somebody new without it.
    """

    def __init__(self, address: str, name: str | None = None) -> None:
        self.name = name or f"somebody-{uuid4().hex}"
        self._client = httpx.Client(base_url=address, timeout=HANG_SECONDS)
        signed_in = self._client.post("/sign-in", json={"name": self.name}).raise_for_status().json()
        self.token: str = signed_in["token"]
        self._client.headers["Authorization"] = f"Bearer {self.token}"
        self.exercised: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def http(self) -> httpx.Client:
        """What sends requests beside the protocol, signed in."""
        return self._client

    def ask(self, kind: str, /, **params: Any) -> Any:
        """Send a request that is answered at once, and return the answer."""
        response = self.post({"type": kind, "params": params})
        if response.status_code != HTTPStatus.OK:
            raise RefusedError(response)
        self.exercised.add(kind)
        return response.json()

    def stream(self, kind: str, /, **params: Any) -> Iterator[dict[str, Any]]:
        """Send a request that is answered by a stream, and yield its events; closing it is pressing stop."""
        with self._client.stream("POST", "/chatkit", json={"type": kind, "params": params}) as response:
            if response.status_code != HTTPStatus.OK:
                response.read()
                raise RefusedError(response)
            self.exercised.add(kind)
            for line in response.iter_lines():
                if line:
                    yield json.loads(line.removeprefix("data: "))

    def send(self, kind: str, /, **params: Any) -> list[dict[str, Any]]:
        """Send a request that is answered by a stream, and return all its events."""
        return list(self.stream(kind, **params))

    def post(self, body: Any, **options: Any) -> httpx.Response:
        """Send any body as JSON."""
        return self._client.post("/chatkit", json=body, **options)

    def pages(self, kind: str, /, **params: Any) -> list[Any]:
        """Return all pages of a listing, as they were sent."""
        pages = [self.ask(kind, **params)]
        while pages[-1]["has_more"]:
            pages.append(self.ask(kind, **params, after=pages[-1]["after"]))
        return pages


def message(text: str, *attachment_ids: str) -> dict[str, Any]:
    """Return the input of a user's message."""
    content = [{"type": "input_text", "text": text}]
    return {"content": content, "attachments": list(attachment_ids), "inference_options": {}}


def done(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the one item of a kind that a stream has finished."""
    [item] = [
        event["item"] for event in events if event["type"] == "thread.item.done" and event["item"]["type"] == kind
    ]
    return item


def everything_of(browser: Browser) -> dict[str, Any]:
    """Return all that a visitor can read, page by page, in both orders."""
    seen: dict[str, Any] = {}
    for order in ("asc", "desc"):
        seen[order] = browser.pages("threads.list", limit=2, order=order)
        for thread in [thread for page in seen[order] for thread in page["data"]]:
            listing = browser.pages("items.list", thread_id=thread["id"], limit=3, order=order)
            seen[f"{thread['id']} {order}"] = listing
            seen[thread["id"]] = browser.ask("threads.get_by_id", thread_id=thread["id"])
    return seen
