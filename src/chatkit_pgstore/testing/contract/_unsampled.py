"""What of the installed SDK some objects do not show."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from chatkit import widgets
from chatkit.types import Attachment, ThreadItem, ThreadMetadata
from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict


def missing_in(samples: Sequence[BaseModel]) -> list[str]:
    """Return the names of the installed SDK's classes, and of their fields, that none of *samples* has."""
    given: dict[str, set[str]] = {}
    for model in _models_in(list(samples)):
        given.setdefault(type(model).__name__, set()).update(model.model_fields_set)
    every: TypeAdapter[Any] = TypeAdapter(ThreadItem | Attachment | ThreadMetadata)
    return sorted(_missing(every.json_schema()["$defs"], given))


def _missing(definitions: dict[str, Any], given: dict[str, set[str]]) -> Iterator[str]:
    for name, definition in definitions.items():
        known = getattr(widgets, name, None)
        if name not in given and not is_typeddict(known):
            yield name
        elif known is None:
            yield from (f"{name}.{field}" for field in definition["properties"].keys() - given[name])


def _models_in(value: object) -> Iterator[BaseModel]:
    """Yield every model within *value*. Goes by ``__dict__``: asking for a deprecated field would warn."""
    if isinstance(value, BaseModel):
        yield value
        value = vars(value)
    if isinstance(value, dict):
        value = list(cast("dict[object, object]", value).values())
    if isinstance(value, list):
        for each in cast("list[object]", value):
            yield from _models_in(each)
