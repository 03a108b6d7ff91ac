"""The app: uploads to signed links and from forms, downloads and previews by signed links."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from http import HTTPStatus
from time import time
from typing import Any
from urllib.parse import quote

from chatkit.store import NotFoundError
from chatkit.types import Attachment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from chatkit_pgstore.attachments._bytes import storage_key
from chatkit_pgstore.attachments._desk import Desk
from chatkit_pgstore.attachments._errors import RefusedFileError
from chatkit_pgstore.attachments._multipart import FormFile, file_in_form
from chatkit_pgstore.attachments._rows import WholeFile
from chatkit_pgstore.attachments._tokens import Permit, Purpose
from chatkit_pgstore.attachments._uploads import Body
from chatkit_pgstore.errors import MissingUserError, StoreUnavailableError, UnknownUserError

Authenticate = Callable[[Request], Awaitable[Any]]
Take = Callable[[FormFile, Any], Coroutine[Any, Any, Attachment]]

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # The link is a key: no site that a file leads to is to see it.
    "Referrer-Policy": "no-referrer",
}


class FilesApp:
    """Answers requests for files; every answer but a file is JSON.

    Args:
        desk: Takes and finds files.
        authenticate: Whose a direct upload is; None: there are none.
        take: Stores a direct upload.
    """

    def __init__(self, desk: Desk, authenticate: Authenticate | None, take: Take | None) -> None:
        self._desk = desk
        routes = [
            Route("/{folder}/{name}", self._upload, methods=["PUT", "POST"]),
            Route("/{folder}/{name}", self._download, methods=["GET"]),
        ]
        if authenticate is not None and take is not None:
            self._authenticate, self._take = authenticate, take
            routes.append(Route("/direct", self._direct, methods=["POST"]))
        self.starlette = Starlette(routes=routes, exception_handlers=HANDLERS)

    async def _upload(self, request: Request) -> Response:
        permit = self._permit(request, "upload")
        body = Body(
            chunks=request.stream(),
            mime_type=request.headers.get("content-type", ""),
            size=permit.size,
            length=_length(request),
        )
        # To its end even when the request is cancelled: nothing may be left of an upload that failed.
        stored = await self._desk.writes.carry_out("upload", partial(self._desk.receive, permit, body))
        return JSONResponse({"id": permit.id, "size": stored.size, "sha256": stored.sha256})

    async def _direct(self, request: Request) -> Response:
        context = await self._authenticate(request)
        form = await file_in_form(request.headers.get("content-type", ""), request.stream())
        attachment = await self._desk.writes.carry_out("upload", partial(self._take, form, context))
        return Response(
            attachment.model_dump_json(exclude_none=True, context={"exclude_metadata": True}),
            HTTPStatus.CREATED,
            media_type="application/json",
        )

    async def _download(self, request: Request) -> Response:
        permit = self._permit(request, "download", "preview")
        found = await self._desk.whole(permit.user_id, permit.id)
        is_shown = permit.purpose == "preview" and self._desk.files.is_image(found.file.mime_type)
        headers = _headers(found, permit, "inline" if is_shown else "attachment")
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        headers |= {"Content-Type": found.file.mime_type, "Content-Length": str(found.size)}
        if request.method == "HEAD":
            return Response(headers=headers)
        return StreamingResponse(await self._opened(found), headers=headers)

    async def _opened(self, found: WholeFile) -> AsyncIterator[bytes]:
        """Return the bytes of a file, the first of which have been read: what fails, fails before the answer."""
        chunks = self._desk.chunks(found.file)
        return _beginning_with(await anext(chunks, b""), chunks)

    def _permit(self, request: Request, *purposes: Purpose) -> Permit:
        permit = self._desk.files.tokens.permit(request.query_params.get("token", ""), *purposes)
        if storage_key(permit.user_id, permit.id) != "{folder}/{name}".format_map(request.path_params):
            raise RefusedFileError("This link is not valid.", HTTPStatus.FORBIDDEN)
        return permit


async def _beginning_with(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _length(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def _headers(found: WholeFile, permit: Permit, disposition: str) -> dict[str, str]:
    name = quote(found.name, safe="")
    return SAFE | {
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{name}",
        "ETag": f'"{found.sha256}"',
        "Cache-Control": f"private, max-age={max(0, int(permit.expires_at - time()))}, immutable",
    }


def _answer(status: HTTPStatus, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers={"Cache-Control": "no-store"})


async def _refused(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, RefusedFileError) else HTTPStatus.BAD_REQUEST
    return _answer(status, str(error))


async def _spoken(_request: Request, error: Exception) -> Response:
    """Say what the host, or Starlette, has refused."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    return JSONResponse({"detail": getattr(error, "detail", "")}, status, headers=headers)


def _always(status: HTTPStatus, detail: str) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(_request: Request, _error: Exception) -> Response:
        return _answer(status, detail)

    return answer


HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    RefusedFileError: _refused,
    HTTPException: _spoken,
    NotFoundError: _always(HTTPStatus.NOT_FOUND, "There is no such file."),
    MissingUserError: _always(HTTPStatus.UNAUTHORIZED, "Sign in first."),
    UnknownUserError: _always(HTTPStatus.FORBIDDEN, "There is no such user."),
    StoreUnavailableError: _always(
        HTTPStatus.SERVICE_UNAVAILABLE, "Files cannot be reached at the moment. Please try again."
    ),
    # Nobody is there any more to read it.
    ClientDisconnect: _always(HTTPStatus.BAD_REQUEST, "The upload was broken off."),
    Exception: _always(HTTPStatus.INTERNAL_SERVER_ERROR, "The server could not do this. The cause is in its log."),
}
