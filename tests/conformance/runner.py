"""Runs tests of the contract one by one, without pytest, and tells what came of each."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest
from chatkit.store import Store

from chatkit_pgstore.testing import StoreContract


def names_of_tests(part: type) -> list[str]:
    return [name for name in vars(part) if name.startswith("test_")]


PARTS = {part.__name__: part for part in StoreContract.__mro__ if names_of_tests(part)}


@cache
def failing_tests(part: type, contract: StoreContract, make_store: Callable[[], Store[Any]]) -> list[str]:
    """Return the names of the part's tests that fail on new stores."""
    runs = [(name, case) for name in names_of_tests(part) for case in cases(part, name)]
    return [name for name, case in runs if asyncio.run(fails(getattr(contract, name), make_store, case))]


async def fails(
    test: Callable[..., Awaitable[None]], make_store: Callable[[], Store[Any]], case: dict[str, Any]
) -> bool:
    """Run one test on a new store and tell whether it failed; one that is skipped did not."""
    if takes_a_store(test):
        case = {"store": make_store(), **case}
    try:
        await test(**case)
    except pytest.skip.Exception:
        return False
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever a broken store does, it fails the test
        return True
    return False


def takes_a_store(test: Callable[..., Awaitable[None]]) -> bool:
    return "store" in inspect.signature(test).parameters


def cases(part: type, name: str) -> Iterator[dict[str, Any]]:
    """Yield the arguments of each run of a parametrized test."""
    marks = [mark.args for mark in getattr(vars(part)[name], "pytestmark", ()) if mark.name == "parametrize"]
    for values in product(*(given for _, given in marks)):
        case: dict[str, Any] = {}
        for (names, _), value in zip(marks, values, strict=True):
            case.update({names: value} if isinstance(names, str) else zip(names, value, strict=True))
        yield case
