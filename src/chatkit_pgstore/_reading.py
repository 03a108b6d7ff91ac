"""From the text of a document to an object, mended where one SDK release wrote what another refuses."""

from typing import Any, TypeVar

from chatkit.types import WidgetItem
from chatkit.widgets import DynamicWidgetRoot
from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import from_json

T = TypeVar("T")


def read(adapter: TypeAdapter[T], document: str) -> T:
    """Return the object kept in *document*.

    Raises:
        ValidationError: The installed SDK cannot read it, mended or not.
    """
    try:
        # Without the adapter's own wrapper, which looks at its options again for every row of a page.
        value: T = adapter.validator.validate_json(document)
    except ValidationError as error:
        value = adapter.validate_python(_without_unknown_icons(document, error))
    if isinstance(value, WidgetItem):
        _keep_template_properties(value, document)
    return value


def reason(error: ValidationError) -> str:
    """Return where and why reading failed, without a word of the document."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    # Of a union, pydantic names every alternative there is.
    place = ".".join(str(step) for step in first["loc"] if "[" not in str(step))
    return f"{place}: {first['type']}" if place else first["type"]


def _without_unknown_icons(document: str, error: ValidationError) -> Any:
    """Return *document* parsed, with null where *error* points at an icon.

    Up to 1.0 an icon was any text; 1.1 made it one of a list, and every icon may be absent.
    """
    places = [each["loc"] for each in error.errors(include_input=False) if "icon" in each["loc"]]
    if not places:
        raise error
    data = from_json(document)
    for place in places:
        _clear(data, place[: place.index("icon")])
    return data


def _clear(data: Any, place: tuple[int | str, ...]) -> None:
    """Set the icon of the object at *place* to null; the names of union members in *place* are no keys."""
    for step in place:
        if isinstance(step, int) or step in data:
            data = data[step]
    data["icon"] = None


def _keep_template_properties(item: WidgetItem, document: str) -> None:
    """Give *item* back the properties of its widget that the strict classes do not know.

    A widget built from a template may have any, and as JSON it looks like a strict `Card` or `ListView`, which
    drop them.
    """
    widget = from_json(document)["widget"]
    if _without_nulls(item.widget.model_dump(mode="json")) != _without_nulls(widget):
        item.widget = DynamicWidgetRoot.model_validate(widget)


def _without_nulls(value: JsonValue) -> JsonValue:
    match value:
        case dict():
            return {key: _without_nulls(each) for key, each in value.items() if each is not None}
        case list():
            return [_without_nulls(each) for each in value]
        case _:
            return value
