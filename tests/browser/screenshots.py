"""Writes the pictures of the documents anew: ``python -m tests.browser.screenshots``.

They show the real page with the scripted assistant, on a database of its own that holds nothing else.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from tests.acceptance.support import Browser as Program
from tests.acceptance.support import Demo
from tests.browser.chromium import running_chromium
from tests.browser.files import chip
from tests.browser.visitor import Visitor

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 150_000
DESKTOP = {"viewport": {"width": 1200, "height": 800}, "locale": "en-GB", "timezone_id": "UTC"}
PHONE = DESKTOP | {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
EARLIER = ("Plan the move to PostgreSQL 18", "Which index does the history use?", "Notes for the review on Friday")
NOTES = {
    "name": "minutes.txt",
    "mimeType": "text/plain",
    "buffer": b"Friday: the conversations move. Nothing may be lost.\n" * 12,
}


def main() -> None:
    """Write every picture, and fail on one that is too large for the documents."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with running_demo() as demo, running_chromium() as browser:
        shots = Shots(browser, demo.address)
        for take in (shots.sign_in, shots.conversation, shots.items, shots.dark, shots.phone):
            take()
    large = [path.name for path in IMAGES.glob("*.png") if path.stat().st_size > MOST_BYTES]
    if large:
        raise SystemExit(f"Larger than {MOST_BYTES:,} bytes: {', '.join(large)}")


@contextmanager
def running_demo() -> Iterator[Demo]:
    """A demo without a past."""
    folder = Path(tempfile.mkdtemp(prefix="chatkit-screenshots-"))
    folder.chmod(0o711)
    try:
        with Demo(CHATKIT_DEMO_DATA=str(folder)) as demo:
            yield demo
    finally:
        shutil.rmtree(folder)


class Shots:
    """Each method takes one picture.

    Args:
        browser: Shows the page.
        address: Where it is.
    """

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address

    def sign_in(self) -> None:
        visitor = Visitor(self._browser, self._address, "Ada", **DESKTOP)
        visitor.page.goto("/")
        visitor.page.get_by_label("Your name").fill("Ada")
        self._save(visitor, "sign-in")
        visitor.context.close()

    def conversation(self) -> None:
        """A history, an attachment with its preview, sources, and feedback that was given."""
        with Program(self._address, "Ada") as program:
            for title in EARLIER:
                program.http.post("/api/conversations", json={"title": title}).raise_for_status()
        with self._visit("Ada", DESKTOP) as visitor:
            visitor.say("Show me your sources")
            visitor.button("Good reply").click()
            expect(visitor.button("Good reply")).to_have_attribute("aria-pressed", "true")
            picture = {"name": "picture.png", "mimeType": "image/png", "buffer": self._picture(visitor)}
            visitor.page.locator("#file").set_input_files([picture, NOTES])
            expect(chip(visitor, "picture.png")).to_have_class("ready")
            expect(chip(visitor, "minutes.txt")).to_have_class("ready")
            visitor.say("What are these files?")
            expect(visitor.newest("user_message").locator("img")).to_be_visible()
            self._save(visitor, "conversation")

    def items(self) -> None:
        """Items beside messages: a workflow, a widget, and a form."""
        with self._visit("Grace", DESKTOP) as visitor:
            visitor.say("Show a workflow")
            visitor.say("Now a widget, please")
            visitor.newest("widget").get_by_role("button", name="Add one").click()
            expect(visitor.newest("widget")).to_contain_text("Count: 1")
            visitor.say("And ask me something")
            visitor.newest("structured_input").get_by_label("Green").check()
            self._save(visitor, "items")

    def dark(self) -> None:
        with self._visit("Edsger", DESKTOP | {"color_scheme": "dark"}) as visitor:
            visitor.say("Draw an image")
            self._save(visitor, "dark")

    def phone(self) -> None:
        with self._visit("Barbara", PHONE) as visitor:
            visitor.say("Show a widget")
            visitor.say("Show me your sources")
            self._save(visitor, "phone")

    def _visit(self, name: str, options: dict[str, Any]) -> Visitor:
        return Visitor(self._browser, self._address, name, **options)

    def _picture(self, visitor: Visitor) -> bytes:
        """Something to attach: the page as it looks now, made small."""
        return visitor.page.screenshot(clip={"x": 288, "y": 64, "width": 600, "height": 320})

    def _save(self, visitor: Visitor, name: str) -> None:
        visitor.page.evaluate("document.activeElement.blur()")
        visitor.page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")


if __name__ == "__main__":
    main()
