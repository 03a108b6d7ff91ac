"""From the text of a document to an object, mended where one SDK release wrote what another refuses or ignores."""

from collections.abc import Sequence
from typing import Any, TypeVar

from chatkit import widgets
from chatkit.types import FileAttachment, ImageAttachment, UserMessageItem, WidgetItem
from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import from_json

T = TypeVar("T")

DISPENSABLE = ("icon", "iconStart", "iconEnd", "defaultChecked")
"""Fields whose values some releases refuse: read without one, the rest means what it meant.

Up to 1.0 an icon was any text, since 1.1 it is one of a list that grows; 1.3 made text a bool in ``defaultChecked``.
"""

_TEMPLATE_ROOT: Any = getattr(widgets, "DynamicWidgetRoot", None)
"""The class of widgets built from templates; None before 1.4, which had none."""

_INCOMPLETE: frozenset[type[Any]] = frozenset({WidgetItem, UserMessageItem, FileAttachment, ImageAttachment})
"""The classes that are looked at again when they have been read. By identity: ``isinstance`` of models takes long."""

_OTHER_UPLOAD = "upload_url" if "upload_descriptor" in FileAttachment.model_fields else "upload_descriptor"
"""Where the releases on the other side of 1.5 keep the way an attachment's bytes are uploaded."""


def read(adapter: TypeAdapter[T], document: str) -> T:
    """Return the object kept in *document*.

    Raises:
        ValidationError: The installed SDK cannot read it, mended or not.
    """
    try:
        # Without the adapter's own wrapper, which looks at its options again each time.
        value: T = adapter.validator.validate_json(document)
    except ValidationError as error:
        value = adapter.validate_python(_without_refused_values(document, error))
    return _complete(adapter, value, document) if type(value) in _INCOMPLETE else value


def read_all(adapter: TypeAdapter[T], documents: Sequence[str]) -> list[T]:
    """Return what `read` returns for each of *documents*, in less time.

    Raises:
        ValidationError: The installed SDK cannot read one of them as it is; mended, perhaps.
    """
    values: list[T] = list(map(adapter.validator.validate_json, documents))
    return [
        _complete(adapter, value, document) if type(value) in _INCOMPLETE else value
        for value, document in zip(values, documents, strict=True)
    ]


def _complete(adapter: TypeAdapter[T], value: T, document: str) -> T:
    """Return *value* with what reading alone may have dropped of its *document*."""
    if isinstance(value, WidgetItem):
        _keep_template_properties(value, document)
    elif _OTHER_UPLOAD in document:
        return adapter.validate_python(_with_known_uploads(from_json(document)))
    return value


def reason(error: ValidationError) -> str:
    """Return where and why reading failed, without a word of the document."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    # Of a union, pydantic names every alternative there is.
    place = ".".join(str(step) for step in first["loc"] if "[" not in str(step))
    return f"{place}: {first['type']}" if place else first["type"]


def _without_refused_values(document: str, error: ValidationError) -> Any:
    """Return *document* parsed, without the dispensable fields that *error* points at."""
    places = [place for each in error.errors(include_input=False) if (place := _place_of_dispensable(each["loc"]))]
    if not places:
        raise error
    data = from_json(document)
    for place in places:
        _remove(data, place)
    return data


def _place_of_dispensable(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return *location* as far as a dispensable field, nothing when there is none in it."""
    steps = [number for number, step in enumerate(location, start=1) if step in DISPENSABLE]
    return location[: steps[-1]] if steps else ()


def _remove(data: Any, place: tuple[int | str, ...]) -> None:
    """Remove the field at *place*; the names of union members in *place* are no keys."""
    *way, field = place
    for step in way:
        if isinstance(step, int) or step in data:
            data = data[step]
    # Of a union every member complains, each of the same field.
    data.pop(field, None)


def _keep_template_properties(item: WidgetItem, document: str) -> None:
    """Give *item* back the properties of its widget that the strict classes do not know.

    A widget built from a template may have any, and as JSON it looks like a strict `Card` or `ListView`, which
    drop them.
    """
    widget = from_json(document)["widget"]
    if _TEMPLATE_ROOT and _without_nulls(item.widget.model_dump(mode="json")) != _without_nulls(widget):
        item.widget = _TEMPLATE_ROOT.model_validate(widget)


def _without_nulls(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            return {key: _without_nulls(each) for key, each in value.items() if each is not None}
        case list():
            return [_without_nulls(each) for each in value]
        case _:
            return value


def _with_known_uploads(data: dict[str, Any]) -> dict[str, Any]:
    """Return an attachment, or a user's message with its attachments, whose uploads the installed SDK knows."""
    if "attachments" in data:
        return {**data, "attachments": [_with_known_upload(each) for each in data["attachments"]]}
    return _with_known_upload(data)


def _with_known_upload(attachment: dict[str, Any]) -> dict[str, Any]:
    """Return *attachment* with the upload of the other side of 1.5 as the installed SDK writes it.

    Up to 1.4 there was a URL alone, and the browser always sent a POST without headers of the server's own; what
    asks for more than that cannot be told to those releases.
    """
    match attachment:
        case {"upload_url": str() as url} if _OTHER_UPLOAD == "upload_url":
            return {"upload_descriptor": {"url": url, "method": "POST"}, **attachment}
        case {"upload_descriptor": {"url": url, "method": "POST", "headers": headers}} if not headers:
            return {"upload_url": url, **attachment}
        case _:
            return attachment
