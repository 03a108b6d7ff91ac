"""What the app answers over HTTP."""

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from chatkit.types import ChatKitReq
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import TypeAdapter, ValidationError

from chatkit_pgstore import PostgresStore, StoreError
from chatkit_pgstore.responses import ChatKitResponse

from .server import DemoServer
from .visitors import CurrentVisitor, Visitor, VisitorCookies

PAGE = Path(__file__).parent / "page"
PAGE_HEADERS = {
    # The visitor's cookie comes with the page, so no two browsers may share one copy of it.
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
}

logger = logging.getLogger(__name__)
router = APIRouter()
_requests: TypeAdapter[ChatKitReq] = TypeAdapter(ChatKitReq)


def _server(request: Request) -> DemoServer:
    server: DemoServer = request.state.server
    return server


def _store(request: Request) -> PostgresStore[Visitor]:
    store: PostgresStore[Visitor] = request.state.store
    return store


def _cookies(request: Request) -> VisitorCookies:
    cookies: VisitorCookies = request.state.cookies
    return cookies


@router.get("/", include_in_schema=False)
async def page(request: Request, cookies: Annotated[VisitorCookies, Depends(_cookies)]) -> Response:
    """The page, and with it the cookie that makes a browser a visitor."""
    response = FileResponse(PAGE / "index.html", headers=PAGE_HEADERS)
    cookies.welcome(request, response)
    return response


@router.post("/chatkit")
async def chatkit(
    request: Request,
    visitor: CurrentVisitor,
    server: Annotated[DemoServer, Depends(_server)],
) -> Response:
    """Every request of the ChatKit protocol, for the visitor of the cookie and nobody else."""
    body = await request.body()
    _check(body)
    return ChatKitResponse(await server.process(body, visitor))


@router.get("/health/ready")
async def ready(store: Annotated[PostgresStore[Visitor], Depends(_store)]) -> dict[str, str]:
    """Whether the database answers and has the tables this release needs."""
    try:
        await store.initialize(migrate=False)
    except StoreError as error:
        logger.warning("Not ready", exc_info=error)
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "not ready") from error
    return {"status": "ready"}


def _check(body: bytes) -> None:
    # ``process`` checks it too, but a ValidationError out of that could be the server's own fault as well.
    try:
        _requests.validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, problems) from error
