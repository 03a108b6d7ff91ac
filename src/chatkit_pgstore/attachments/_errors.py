"""What is said to whoever offers a file that is not taken."""

from http import HTTPStatus

from chatkit_pgstore.errors import StoreError

__all__ = ["RefusedFileError"]


class RefusedFileError(StoreError, ValueError):
    """A file, or a link to one, is refused. The message is in words for the user, and holds nothing secret.

    Args:
        message: What to tell the user.
        status: The HTTP status that says the same.
    """

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def deleted_meanwhile() -> RefusedFileError:
    """Return what is said of a file whose attachment went while its bytes came."""
    return RefusedFileError("The attachment was deleted meanwhile.", HTTPStatus.NOT_FOUND)
