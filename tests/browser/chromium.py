"""The Chromium of this machine, steered by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
REQUIRED = "CHATKIT_PGSTORE_REQUIRE_CHROMIUM"
MISSING = f"There is no Chromium here: none of {', '.join(NAMES)} is on the PATH."
PATIENCE_MILLISECONDS = 60_000.0


def executable() -> str | None:
    """Return the path of Chromium, or of Chrome."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def is_required() -> bool:
    """Return whether a missing Chromium is a failure."""
    return os.environ.get(REQUIRED) == "1"


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start it, and end it."""
    path = executable()
    if path is None:
        raise FileNotFoundError(MISSING)
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
