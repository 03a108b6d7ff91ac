"""What came of a stored document when a release of the SDK read it."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from chatkit_pgstore._reading import DISPENSABLE

EQUAL = "equal"
REPAIRED = "repaired"
REDUCED = "without fields it does not know"
LEFT_OUT = "left out"
WRONG = "wrong"

OUTCOMES = (EQUAL, REPAIRED, REDUCED, LEFT_OUT, WRONG)
"""From best to worst; WRONG is never expected."""

UPLOADS = ("upload_url", "upload_descriptor")


def outcome_of(document: dict[str, Any], found: BaseModel) -> str:
    """Return how *found* stands to the document it was read from."""
    differences = set(_differences(document, found))
    return next((each for each in (WRONG, REPAIRED, REDUCED) if each in differences), EQUAL)


def _differences(document: Any, found: Any) -> Iterator[str]:
    match document, found:
        case dict(), BaseModel():
            yield from _differences_of_fields(document, found)
        case dict(), dict():
            yield from _differences_of_keys(document, found)
        case list(), list() if len(document) == len(found):
            for each, other in zip(document, found, strict=True):
                yield from _differences(each, other)
        case _ if document != _as_json(found) or isinstance(document, bool) != isinstance(found, bool):
            yield WRONG


def _differences_of_fields(document: dict[str, Any], found: BaseModel) -> Iterator[str]:
    known = {**vars(found), **(found.model_extra or {})}
    for field, value in document.items():
        if field in known and field in DISPENSABLE:
            yield from [] if known[field] == value else [REPAIRED]
        elif field in known:
            yield from _differences(value, known[field])
        elif field in UPLOADS:
            yield from _difference_of_upload(value, known)
        # A document may say that there is none of what its reader does not know.
        elif value is not None:
            yield REDUCED


def _differences_of_keys(document: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for key, value in document.items():
        if key in found:
            yield from _differences(value, found[key])
        elif key in DISPENSABLE:
            yield REPAIRED
        else:
            yield WRONG


def _difference_of_upload(value: Any, known: dict[str, Any]) -> Iterator[str]:
    """Compare what stands under the name that the other side of 1.5 gave to an upload."""
    ours = next(_as_json(known[name]) for name in UPLOADS if name in known)
    match value:
        case None:
            yield from [] if ours is None else [WRONG]
        case str():
            yield REPAIRED if ours == {"url": value, "method": "POST", "headers": {}} else WRONG
        case {"url": url, "method": "POST", "headers": {}} if not value["headers"]:
            yield REPAIRED if ours == url else WRONG
        case _:
            yield REDUCED if ours is None else WRONG


def _as_json(value: Any) -> Any:
    """Return *value* as it would stand in a document."""
    return _Holder(value=value).model_dump(mode="json", warnings=False)["value"]


class _Holder(BaseModel):
    value: Any
