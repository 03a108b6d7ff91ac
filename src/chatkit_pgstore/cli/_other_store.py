"""Finds what ``package.module:name`` names, as uvicorn does: from the current folder, too."""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chatkit.store import Store

from chatkit_pgstore.errors import ConfigurationError


def named(name: str, option: str) -> Any:
    """Return what ``package.module:attribute`` names.

    Args:
        option: The option it was given with, for the message.

    Raises:
        ConfigurationError: There is no such module or attribute, or the module cannot be imported.
    """
    module, _, path = name.partition(":")
    if not module or not path:
        raise ConfigurationError(f"{option} takes package.module:name, not {name!r}.")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for attribute in path.split("."):
            found = getattr(found, attribute)
    except Exception as error:
        raise ConfigurationError(f"{option} {name}: {type(error).__name__}: {error}") from error
    return found


async def store_of(found: Any, option: str) -> Store[Any]:
    """Return the store that *found* is, or makes when it is called, with or without await.

    Raises:
        ConfigurationError: It is none, and makes none.
    """
    if not _is_store(found) and callable(found):
        found = await _made(found, option)
    if not _is_store(found):
        raise ConfigurationError(f"{option} names no ChatKit Store, nor anything that returns one when it is called.")
    store: Store[Any] = found
    return store


def _is_store(value: object) -> bool:
    return isinstance(value, Store)


async def _made(make: Callable[[], Any], option: str) -> Any:
    try:
        made = make()
        return await made if inspect.isawaitable(made) else made
    except Exception as error:
        raise ConfigurationError(f"{option} could not be made: {type(error).__name__}: {error}") from error
