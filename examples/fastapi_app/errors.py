"""What went wrong, as an HTTP status and a sentence; the cause goes to the log alone."""

import logging
from http import HTTPStatus

from chatkit.store import NotFoundError
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from chatkit_pgstore import StoreError, StoreUnavailableError

logger = logging.getLogger(__name__)

NOT_FOUND = "There is no such conversation, message or attachment here."
UNFITTING = "The request does not fit the conversation as it is now."
UNAVAILABLE = "The conversations cannot be reached at the moment. Please try again."
FAILED = "The server could not do this. The cause is in its log."


def install_error_handlers(app: FastAPI) -> None:
    """Make *app* answer every error in words; the most specific class of an error decides."""
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(ValueError, _unfitting)
    app.add_exception_handler(StoreUnavailableError, _unavailable)
    app.add_exception_handler(StoreError, _failed)
    app.add_exception_handler(Exception, _unexpected)


async def _not_found(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(HTTPStatus.NOT_FOUND, NOT_FOUND)


async def _unfitting(_request: Request, error: Exception) -> JSONResponse:
    # A form answered twice, a limit below one: what ChatKit and the store refuse is the caller's to change.
    logger.warning(UNFITTING, exc_info=error)
    return _answer(HTTPStatus.BAD_REQUEST, UNFITTING)


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    logger.error(UNAVAILABLE, exc_info=error)
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE)


async def _failed(_request: Request, error: Exception) -> JSONResponse:
    logger.error(FAILED, exc_info=error)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)


async def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    # Starlette raises what only this handler took on to the server, which logs it.
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)


def _answer(status: HTTPStatus, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)
