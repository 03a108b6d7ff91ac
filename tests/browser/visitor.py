"""Somebody who uses the page, in a browser context of their own."""

import re
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Request, expect

from tests.browser.chromium import PATIENCE_MILLISECONDS


class Visitor:
    """One user of the page.

    Args:
        browser: Shows the page.
        address: Where it is.
        name: Whom to sign in as.
        options: Of the browser context, such as its viewport.

    Attributes:
        complaints: What the console said of errors, broken policies and mistakes of scripts, and which requests left
            for other servers.
        expected: What a complaint may match without being one.
    """

    def __init__(self, browser: Browser, address: str, name: str, **options: Any) -> None:
        self.name = name
        self.address = address
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self.context = browser.new_context(base_url=address, **options)
        self.context.set_default_timeout(PATIENCE_MILLISECONDS)
        self.context.on("request", self._see)
        self.page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", self._note_error)

    def __enter__(self) -> Self:
        self.page.goto("/")
        self.sign_in()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.context.close()

    @property
    def composer(self) -> Locator:
        return self.page.get_by_label("Message", exact=True)

    @property
    def error(self) -> Locator:
        return self.page.locator("#error")

    @property
    def items(self) -> Locator:
        return self.page.locator("#messages > li")

    @property
    def history(self) -> Locator:
        return self.page.locator("#history > li")

    @property
    def unexpected(self) -> list[str]:
        return [each for each in self.complaints if not any(re.search(known, each) for known in self.expected)]

    def sign_in(self) -> None:
        """Fill in the form of the sign-in, and wait for the conversations."""
        self.page.get_by_label("Your name").fill(self.name)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.composer).to_be_visible()

    def reload(self) -> None:
        """Load the page again, and wait until it shows what it showed."""
        self.page.reload()
        expect(self.composer).to_be_visible()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def newest(self, kind: str) -> Locator:
        """Return the last item of a kind."""
        return self.page.locator(f"#messages > .{kind}").last

    def begin(self, text: str) -> None:
        """Send a message, and wait until the server has it."""
        self.composer.fill(text)
        self.composer.press("Enter")
        expect(self.composer).to_have_value("")

    def say(self, text: str) -> None:
        """Send a message, and wait for the end of the reply."""
        self.begin(text)
        self.wait_for_reply()

    def wait_for_reply(self) -> None:
        expect(self.button("Send")).to_be_visible()

    def open(self, title: str) -> None:
        """Open a conversation of the history, and wait for its messages."""
        self.history.get_by_role("button", name=title).click()
        expect(self.page.locator("#title")).to_have_text(title)
        expect(self.items.first).to_be_visible()

    def delete_open_conversation(self) -> None:
        self.button("Delete").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(self.page.locator("#thread-actions")).to_be_hidden()

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def _note_error(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _see(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "data:", f"blob:{self.address}/")):
            self.complaints.append(f"A request to another server: {request.url}")
