"""What the app answers to its pages: the pages themselves, the ChatKit protocol, and links to files."""

from http import HTTPStatus
from pathlib import Path
from typing import Literal

from chatkit.types import ChatKitReq
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, TypeAdapter, ValidationError

from chatkit_pgstore.responses import ChatKitResponse

from .auth import CurrentUser
from .errors import answers, in_words
from .ids import PossibleId
from .parts import CurrentAttachments, CurrentFiles, CurrentServer, CurrentSettings

PAGE = Path(__file__).parent / "page"
COMPONENT_ORIGIN = "https://cdn.platform.openai.com"

_OWN_PAGE = (
    "default-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The official component is a script and a frame of OpenAI's, and styles itself.
_COMPONENT_PAGE = (
    f"{_OWN_PAGE}; script-src 'self' {COMPONENT_ORIGIN}; frame-src {COMPONENT_ORIGIN}; style-src 'self' 'unsafe-inline'"
)

router = APIRouter()
_requests: TypeAdapter[ChatKitReq] = TypeAdapter(ChatKitReq)


class Uploads(BaseModel):
    """What can be attached."""

    max_bytes: int
    mime_types: list[str]


class ClientSettings(BaseModel):
    """What a page has to know before anybody is signed in."""

    sign_in: Literal["development", "token"]
    uploads: Uploads
    assistant: str


class Link(BaseModel):
    """Where a file can be had for a few minutes, by anybody who knows the link."""

    url: str


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page of this example."""
    return _page("index.html", _OWN_PAGE)


@router.get("/component", include_in_schema=False)
async def component() -> Response:
    """The page with the official web component, for browsers that reach OpenAI's servers."""
    return _page("component.html", _COMPONENT_PAGE)


@router.get("/client-settings", tags=["page"])
async def client_settings(request: Request, settings: CurrentSettings, files: CurrentFiles) -> ClientSettings:
    """Return what a page has to know before anybody is signed in."""
    return ClientSettings(
        sign_in="development" if settings.development_sign_in else "token",
        uploads=Uploads(max_bytes=files.max_bytes, mime_types=sorted(files.mime_types)),
        assistant=request.state.assistant_name,
    )


@router.post("/chatkit", include_in_schema=False)
async def chatkit(request: Request, user: CurrentUser, server: CurrentServer) -> Response:
    """Every request of the ChatKit protocol, for the user of the token and nobody else."""
    body = await request.body()
    _check(body)
    return ChatKitResponse(await server.process(body, user))


@router.get(
    "/attachments/{attachment_id}/download-url",
    tags=["page"],
    responses=answers(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def download_url(attachment_id: PossibleId, user: CurrentUser, attachments: CurrentAttachments) -> Link:
    """Return a link to the file of an attachment, to be opened at once."""
    return Link(url=await attachments.download_url(attachment_id, user))


def _page(name: str, policy: str) -> Response:
    # Asked for again each time, and answered from the browser's copy while that is the newest.
    return FileResponse(PAGE / name, headers={"Cache-Control": "no-cache", "Content-Security-Policy": policy})


def _check(body: bytes) -> None:
    # ``process`` checks it too, but a ValidationError out of that could be the server's own fault as well.
    try:
        _requests.validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, in_words(problems)) from error
