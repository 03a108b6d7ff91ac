"""A demo, a Chromium, and people who use the one in the other."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from chatkit import types
from playwright.sync_api import Browser

from examples.embedded_postgres import EmbeddedPostgres
from tests.acceptance.support import Demo
from tests.browser.chromium import MISSING, REQUIRED, executable, is_required, running_chromium
from tests.browser.place import Place, running_place
from tests.browser.visitor import Visitor


def pytest_collection_modifyitems(items):
    reason = None
    if not hasattr(types, "StructuredInputItem"):
        reason = "the demo asks structured inputs, which the SDK has since 1.6.4"
    elif executable() is None and not is_required():
        reason = f"{MISSING} With {REQUIRED}=1 that is a failure."
    for item in items:
        if reason and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Not for longer than a module: its event loop would be in the way of tests that bring one."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """The demo that all tests of a process share, each with users of its own."""
    with running_place() as shared:
        yield shared


@pytest.fixture
def demo(place) -> Demo:
    return place.demo


@pytest.fixture
def postgres(place) -> EmbeddedPostgres:
    return place.postgres


@pytest.fixture
def visit(chromium, demo) -> Iterator[Callable[..., Visitor]]:
    """``visit("alice")``: somebody signed in. At the end nobody's console has complained, unless that was expected."""
    visitors: list[Visitor] = []
    with ExitStack() as stack:

        def enter(name: str, **options: Any) -> Visitor:
            visitor = Visitor(chromium, demo.address, name, **options)
            visitors.append(visitor)
            return stack.enter_context(visitor)

        yield enter
    assert [visitor.unexpected for visitor in visitors] == [[] for _ in visitors]


@pytest.fixture
def alice(visit, request) -> Visitor:
    """Somebody whose history is empty."""
    return visit(f"alice of {request.node.name}")
