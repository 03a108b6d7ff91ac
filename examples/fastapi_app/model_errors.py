"""What went wrong with a model, in words for the user who waits for it."""

import logging

from agents.exceptions import AgentsException, MaxTurnsExceeded
from chatkit.errors import CustomStreamError
from openai import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    OpenAIError,
    PermissionDeniedError,
    RateLimitError,
)

LOST = "The assistant took too many steps without coming to an end. Please put it differently."
FAILED = "The model could not finish its answer. Please try again."
IN_WORDS: dict[type[Exception], tuple[str, bool]] = {
    RateLimitError: ("The model has too much to do at the moment. Please try again a little later.", True),
    APIConnectionError: ("The connection to the model failed. Please try again.", True),
    AuthenticationError: ("The model does not let this server in. Whoever runs it has to look at its key.", False),
    PermissionDeniedError: ("The model is not for this server. Whoever runs it has to look at its key.", False),
    NotFoundError: ("The model does not exist. Whoever runs this server has to look at its settings.", False),
    BadRequestError: ("The model refuses this conversation. Is it too long, or a file in it unreadable?", False),
    MaxTurnsExceeded: (LOST, False),
}
"""What the page shows, and whether it offers to try again."""

logger = logging.getLogger(__name__)


def in_words(error: OpenAIError | AgentsException) -> CustomStreamError:
    """Return what the page shows for *error*."""
    # Never its message: providers quote the conversation in it.
    logger.warning("The model failed: %s%s", type(error).__name__, _details(error))
    known = (shown for kind, shown in IN_WORDS.items() if isinstance(error, kind))
    message, allow_retry = next(known, (FAILED, True))
    return CustomStreamError(message, allow_retry=allow_retry)


def _details(error: Exception) -> str:
    if isinstance(error, APIStatusError):
        return f" (status {error.status_code}, code {error.code}, request {error.request_id})"
    return ""
