"""From an object to the text of its document."""

import logging
from collections.abc import Iterable, Sequence
from typing import cast

from chatkit.types import Thread
from pydantic import BaseModel
from pydantic_core import to_json

from chatkit_pgstore.errors import UnstorableItemError

logger = logging.getLogger("chatkit_pgstore")

UNWRITABLE = (ValueError, TypeError, RecursionError)
"""What pydantic raises for an object it cannot write; its own error is a ValueError by class."""

_LONGEST_PATH = 20
"""Where the search for the field at fault ends: in a circular object it would not end by itself."""


def written(kind: str, value: BaseModel) -> str:
    """Return *value* as JSON, as pydantic writes it; of a `Thread`, which holds items, the metadata alone.

    A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD with a warning; two that make a pair become the
    character they stand for.

    Raises:
        UnstorableItemError: JSON cannot hold it; the message names the field.
    """
    exclude = {"items"} if isinstance(value, Thread) else None
    try:
        return value.model_dump_json(exclude=exclude, warnings=False)
    except UNWRITABLE:
        pass
    try:
        fields = value.model_dump(exclude=exclude, warnings=False)
        document = to_json(_well_formed(fields), inf_nan_mode="null").decode()
    except UNWRITABLE:
        # Not chained: pydantic's message may quote the conversation.
        raise UnstorableItemError(
            f"{kind} {getattr(value, 'id', None)!r} cannot be stored: JSON cannot hold its field "
            f"{_field_at_fault(value)}. Nothing was written."
        ) from None
    logger.warning("%s %r holds a lone surrogate; it is stored as U+FFFD", kind, getattr(value, "id", None))
    return document


def _well_formed(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case dict():
            items = cast("dict[object, object]", value).items()
            return {_well_formed(key): _well_formed(each) for key, each in items}
        case list() | tuple() | set() | frozenset():
            return [_well_formed(each) for each in cast("Iterable[object]", value)]
        case _:
            return value


def _field_at_fault(value: object) -> str:
    path: list[str] = []
    while len(path) < _LONGEST_PATH:
        at_fault = next(((name, child) for name, child in _children(value) if not _is_writable(child)), None)
        if at_fault is None:
            break
        path.append(str(at_fault[0]))
        value = at_fault[1]
    return f'"{".".join(path)}" ({type(value).__name__})'


def _children(value: object) -> Iterable[tuple[object, object]]:
    match value:
        case BaseModel():
            return value
        case dict():
            return cast("dict[object, object]", value).items()
        case list() | tuple():
            return enumerate(cast("Sequence[object]", value))
        case _:
            return ()


def _is_writable(value: object) -> bool:
    try:
        to_json(value)
    except UNWRITABLE:
        return False
    return True
