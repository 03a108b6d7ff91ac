"""A small widget: a card that counts, and whose buttons come back to the server as actions."""

from typing import Any, Literal

from chatkit.actions import Action, ActionConfig
from chatkit.types import WidgetItem
from chatkit.widgets import DynamicWidgetRoot
from pydantic import BaseModel, NonNegativeInt, ValidationError

ADD: Literal["counter.add"] = "counter.add"
FINISH: Literal["counter.finish"] = "counter.finish"


class CounterPayload(BaseModel):
    """What a button of the card sends. It comes from the browser, so it is checked like any input."""

    count: NonNegativeInt


def counter_card(count: int, *, finished: bool = False) -> DynamicWidgetRoot:
    """Return the card showing *count*, without its buttons once it is *finished*."""
    text = f"Final count: {count}" if finished else f"Count: {count}"
    children: list[object] = [{"type": "Title", "value": "A counter"}, {"type": "Text", "value": text}]
    if not finished:
        # An action that is not streaming updates its widget alone; a streaming one starts a reply.
        add = ActionConfig(type=ADD, payload={"count": count + 1}, streaming=False)
        finish = ActionConfig(type=FINISH, payload={"count": count})
        children.append({"type": "Row", "children": [_button("Add one", add), _button("Finish", finish)]})
    return DynamicWidgetRoot.model_validate({"type": "Card", "size": "sm", "children": children})


def read_action(action: Action[str, Any], sender: WidgetItem | None, expected: str) -> tuple[int, WidgetItem]:
    """Return the count that a button sent, and the card it belongs to.

    Raises:
        ValueError: No widget sent it, or it is no *expected* action with a count.
    """
    if sender is None or action.type != expected:
        raise ValueError(f"Only a widget can send {expected!r}, and nothing else can be sent here.")
    try:
        return CounterPayload.model_validate(action.payload).count, sender
    except ValidationError:
        # Not "from error": pydantic quotes the payload, and the log must not hold what people send.
        raise ValueError(f"The payload of {expected!r} is not a count.") from None


def _button(label: str, action: ActionConfig) -> dict[str, object]:
    return {"type": "Button", "label": label, "onClickAction": action.model_dump()}
