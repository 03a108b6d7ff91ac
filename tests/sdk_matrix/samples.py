"""What a release of the SDK is asked to write: an object of every class and with every status that it has."""

import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from chatkit import widgets
from chatkit.types import Attachment, ThreadItem, ThreadMetadata, WidgetItem
from pydantic import BaseModel, TypeAdapter, ValidationError

from chatkit_pgstore import _codec
from chatkit_pgstore._codec import Codec
from chatkit_pgstore.testing.contract import _samples
from chatkit_pgstore.testing.contract._unsampled import missing_in

THREAD_ID = "thr_plain"

CODECS: dict[str, Codec[Any]] = {
    "threads": _codec.THREADS,
    "items": _codec.ITEMS,
    "attachments": _codec.ATTACHMENTS,
}

_LUCIDE = "lucide:rocket"
_TEMPLATE = '{"type": "Card", "glow": {"px": 3}, "children": [{"type": "Text", "value": "hi", "shimmer": [1, 2.5]}]}'


def _widget(*components: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "widget", "widget": {"type": "Card", "children": list(components), **properties}}


def _task(icon: str) -> dict[str, Any]:
    return {"type": "task", "task": {"type": "custom", "title": "Think", "icon": icon}}


def _summary(icon: str) -> dict[str, Any]:
    summary = {"title": "Done", "icon": icon}
    return {"type": "workflow", "workflow": {"type": "custom", "tasks": [], "summary": summary}}


def _entity(icon: str) -> dict[str, Any]:
    source = {"type": "entity", "id": "entity_1", "title": "Ada", "icon": icon, "data": {"icon": icon}}
    content = {"type": "output_text", "text": "See", "annotations": [{"type": "annotation", "source": source}]}
    return {"type": "assistant_message", "content": [content]}


ICONS = {"free": "magnifier", "new": "clock", "Lucide": _LUCIDE}
"""Up to 1.0 any text was an icon; "clock" came with 1.4.1 and Lucide's with 1.5.2."""

DIFFERENCES: dict[str, dict[str, Any]] = {
    **{f"task with a {name} icon": _task(icon) for name, icon in ICONS.items()},
    **{f"summary with a {name} icon": _summary(icon) for name, icon in ICONS.items()},
    **{f"entity with a {name} icon": _entity(icon) for name, icon in ICONS.items()},
    "Icon named by its vendor": _widget({"type": "Icon", "name": "vendor:thing"}),
    "Icon of Lucide": _widget({"type": "Icon", "name": _LUCIDE}),
    "Button with icons of Lucide": _widget({"type": "Button", "iconStart": _LUCIDE, "iconEnd": _LUCIDE}),
    "card with an icon of Lucide": _widget(status={"text": "ok", "icon": _LUCIDE}),
    "Checkbox that is true as text": _widget({"type": "Checkbox", "name": "c", "defaultChecked": "true"}),
    "Checkbox that is checked as text": _widget({"type": "Checkbox", "name": "c", "defaultChecked": "checked"}),
    "Select to be searched": _widget({"type": "Select", "name": "s", "options": [], "searchable": True}),
    "Unheard": _widget({"type": "Unheard", "of": [1, {"a": 2.0}], "children": [{"type": "Text", "value": "inner"}]}),
}
"""What one release wrote and another refuses, mends or does not know."""

_CARD = _samples.EVERY_ITEM["card widget"]["widget"]
_ELSEWHERE = ("card widget", "free widget", "task with an icon of Lucide")
"""Each of their parts has a document of its own here."""


def _name_of(component: dict[str, Any]) -> str:
    return component["type"] if component.get("children", True) is not None else f"{component['type']} of nothing"


ITEMS: dict[str, dict[str, Any]] = {
    **{name: values for name, values in _samples.EVERY_ITEM.items() if name not in _ELSEWHERE},
    "card": {"type": "widget", "widget": {**_CARD, "children": []}},
    **{_name_of(component): _widget(component) for component in _CARD["children"]},
    **DIFFERENCES,
}

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "threads": TypeAdapter(ThreadMetadata),
    "items": TypeAdapter(ThreadItem),
    "attachments": TypeAdapter(Attachment),
}

_TAGS = ("type", "status", "status_indicator")


def written() -> dict[str, dict[str, BaseModel]]:
    """Return the installed SDK's objects, by kind and name.

    Raises:
        LookupError: The SDK has a class, a field, a type or a status that none of them shows.
    """
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        objects = {"threads": dict(_threads()), "items": dict(_items()), "attachments": dict(_attachments())}
        if forgotten := unsampled(objects):
            raise LookupError(f"no sample has {', '.join(forgotten)}")
    return objects


def unsampled(objects: dict[str, dict[str, BaseModel]]) -> list[str]:
    """Return what the installed SDK has and none of *objects* shows: classes, fields, types and statuses."""
    models = [each for named in objects.values() for each in named.values()]
    seen = {pair for each in models for pair in _tags_in(each.model_dump(mode="json", warnings=False))}
    wanted = {pair for kind in _ADAPTERS.values() for pair in _tags_of(kind.json_schema())}
    return missing_in(models) + sorted(f'{field} "{value}"' for field, value in wanted - seen)


def _threads() -> Iterator[tuple[str, BaseModel]]:
    for name, values in _samples.THREADS.items():
        head = {"id": f"thr_{name}", "created_at": _samples.NOW}
        yield name, _ADAPTERS["threads"].validate_python({**head, **values})


def _items() -> Iterator[tuple[str, BaseModel]]:
    for name, values in ITEMS.items():
        head = {"id": f"msg_{name.replace(' ', '_')}", "thread_id": THREAD_ID, "created_at": _samples.NOW}
        # What this release lacks another one has; what none has is missed by the check above.
        with suppress(ValidationError):
            yield name, _ADAPTERS["items"].validate_python({**head, **values})
    if hasattr(widgets, "WidgetTemplate"):
        yield "widget from a template", _from_template()


def _from_template() -> BaseModel:
    template = widgets.WidgetTemplate({"version": "1.0", "name": "sample", "template": _TEMPLATE})
    head = {"id": "msg_template", "thread_id": THREAD_ID, "created_at": _samples.NOW}
    return WidgetItem(**head, widget=template.build())


def _attachments() -> Iterator[tuple[str, BaseModel]]:
    for name, values in _samples.ATTACHMENTS.items():
        head = {"id": f"atc_{name.replace(' ', '_')}", "thread_id": THREAD_ID}
        yield name, _ADAPTERS["attachments"].validate_python({**head, **values})


def _tags_of(schema: Any) -> Iterator[tuple[str, str]]:
    """Yield the values that *schema* allows a type or a status to have."""
    if isinstance(schema, dict):
        for field, allowed in schema.get("properties", {}).items():
            values = allowed.get("enum", [allowed["const"]] if "const" in allowed else [])
            yield from ((field, value) for value in values if field in _TAGS)
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _tags_of(each)


def _tags_in(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the types and statuses within a document."""
    if isinstance(value, dict):
        yield from ((field, value[field]) for field in _TAGS if isinstance(value.get(field), str))
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _tags_in(each)
