"""Ids that come with requests."""

from typing import Annotated

from chatkit.store import NotFoundError
from pydantic import AfterValidator

ID_BYTES = 512


def possible_id(given: str) -> str:
    """Return *given*, if something could have it as its id.

    Raises:
        NotFoundError: Nothing can. To whoever asks that is no other case than an id that nothing has.
    """
    if not 0 < len(given.encode()) <= ID_BYTES or "\0" in given:
        raise NotFoundError("Nothing can have such an id.")
    return given


PossibleId = Annotated[str, AfterValidator(possible_id)]
