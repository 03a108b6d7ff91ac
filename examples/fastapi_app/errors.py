"""What went wrong, as an HTTP status and a sentence; the cause goes to the log alone."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from chatkit.store import NotFoundError
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.routing import Match, Route
from starlette.types import ExceptionHandler

from chatkit_pgstore import StoreError, StoreUnavailableError
from chatkit_pgstore.attachments import RefusedFileError

logger = logging.getLogger(__name__)

NOT_FOUND = "There is no such conversation, message or attachment here."
UNFITTING = "The request does not fit the conversation as it is now."
UNAVAILABLE = "The conversations cannot be reached at the moment. Please try again."
FAILED = "The server could not do this. The cause is in its log."

FILES_TAKE = "GET, HEAD"

MEANINGS = {
    HTTPStatus.BAD_REQUEST: "The body is no text.",
    HTTPStatus.UNAUTHORIZED: "There is no valid token.",
    HTTPStatus.NOT_FOUND: NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request is not what this address takes.",
    HTTPStatus.INTERNAL_SERVER_ERROR: FAILED,
    HTTPStatus.SERVICE_UNAVAILABLE: "A service that is needed cannot be reached at the moment.",
}


class Problem(BaseModel):
    """What went wrong."""

    detail: str = Field(description="In words, for people.")


def answers(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the error answers of an address, as OpenAPI is to tell them."""
    return {status.value: _described(status) for status in statuses}


def _described(status: HTTPStatus) -> dict[str, Any]:
    told: dict[str, Any] = {"description": MEANINGS[status]}
    # A body that is too large never comes as far as our handlers.
    is_ours = status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return told | ({"model": Problem} if is_ours else {"content": {"text/plain": {}}})


def in_words(problems: Sequence[Mapping[str, Any]]) -> str:
    """Return what pydantic found wrong, without what was sent."""
    return "; ".join(f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in problems)


def install_error_handlers(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Make *app*, which has *routers*, answer every error in words; the most specific class of an error decides."""
    app.add_exception_handler(HTTPStatus.METHOD_NOT_ALLOWED, _wrong_method_handler(routers))
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(NotFoundError, _not_found)
    app.add_exception_handler(ValueError, _unfitting)
    app.add_exception_handler(RefusedFileError, _refused_file)
    app.add_exception_handler(StoreUnavailableError, _unavailable)
    app.add_exception_handler(StoreError, _failed)
    app.add_exception_handler(Exception, _unexpected)


def _wrong_method_handler(routers: Sequence[APIRouter]) -> ExceptionHandler:
    # Starlette would name the methods of the first route of this path alone.
    routes = [route for router in routers for route in router.routes if isinstance(route, Route)]

    async def wrong_method(request: Request, _error: Exception) -> JSONResponse:
        found = [route for route in routes if route.matches(request.scope)[0] is Match.PARTIAL]
        allowed = ", ".join(sorted({method for route in found for method in route.methods or ()})) or FILES_TAKE
        detail = {"detail": f"This address takes {allowed}."}
        return JSONResponse(detail, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": allowed})

    return wrong_method


async def _malformed(_request: Request, error: Exception) -> JSONResponse:
    words = in_words(error.errors()) if isinstance(error, RequestValidationError) else str(error)
    return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, words)


async def _not_found(_request: Request, _error: Exception) -> JSONResponse:
    return _answer(HTTPStatus.NOT_FOUND, NOT_FOUND)


async def _unfitting(_request: Request, error: Exception) -> JSONResponse:
    # A form answered twice, a limit below one: what ChatKit and the store refuse is the caller's to change.
    logger.warning(UNFITTING, exc_info=error)
    return _answer(HTTPStatus.BAD_REQUEST, UNFITTING)


async def _refused_file(_request: Request, error: Exception) -> JSONResponse:
    # Too large, or of a type that is not taken: its message is made for users.
    status = error.status if isinstance(error, RefusedFileError) else HTTPStatus.BAD_REQUEST
    return _answer(status, str(error))


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
