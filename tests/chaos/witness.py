"""What comes of a call, in words that are the same for every store."""

import re
from collections.abc import Callable, Sequence
from typing import Any

MADE_UP_ID = re.compile(r"msg_[0-9a-f]{32}")


def as_it_is(result: Any) -> Any:
    return result


class Witness:
    """Calls one store and tells what came of it; ids made up on the way are named in the order they are seen."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self._names: dict[str, str] = {}

    async def outcome(self, call: str, arguments: Sequence[Any], view: Callable[[Any], Any] = as_it_is) -> str:
        """Make the call and describe its result, of which *view* takes what counts, or its error."""
        try:
            found = repr(view(await getattr(self.store, call)(*arguments)))
        except Exception as error:  # noqa: BLE001 - the other store has to raise the same
            found = f"{type(error).__name__}: {error}"
        return MADE_UP_ID.sub(lambda match: self._name(match[0]), found)

    def _name(self, made_up_id: str) -> str:
        return self._names.setdefault(made_up_id, f"made up {len(self._names)}")
