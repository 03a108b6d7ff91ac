"""The development sign-in: whoever asks is whom they say they are. For trying the app, and never for going live."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

import jwt
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from .auth import SharedSecret
from .errors import answers

TOKEN_SECONDS = 24 * 3600

# No control characters, and something that can be seen.
Name = Annotated[
    str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]


class SignIn(BaseModel):
    """Who wants to be signed in."""

    model_config = ConfigDict(extra="forbid")

    name: Name


class SignedIn(BaseModel):
    """A token for the ``Authorization`` header, and whom it stands for."""

    token: str
    user_id: str
    expires_in: int = Field(description="Seconds")


class Issuer:
    """Issues the tokens that the app itself accepts.

    Args:
        secret: Signs them.
        issuer: Their ``iss``, if the app asks for one.
        audience: Their ``aud``, if the app asks for one.
    """

    def __init__(self, secret: str, *, issuer: str | None, audience: str | None) -> None:
        self._secret = secret
        expected = {"iss": issuer, "aud": audience}
        self._claims = {name: value for name, value in expected.items() if value is not None}

    def sign_in(self, user_id: str) -> SignedIn:
        """Return a token for *user_id*."""
        now = datetime.now(UTC)
        claims = {**self._claims, "sub": user_id, "iat": now, "exp": now + timedelta(seconds=TOKEN_SECONDS)}
        token = jwt.encode(claims, self._secret, SharedSecret.ALGORITHM)
        return SignedIn(token=token, user_id=user_id, expires_in=TOKEN_SECONDS)


router = APIRouter(tags=["sign-in"])


@router.post(
    "/sign-in",
    responses=answers(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY),
)
async def sign_in(request: Request, body: SignIn) -> SignedIn:
    """Sign in as anybody."""
    issuer: Issuer = request.state.issuer
    return issuer.sign_in(body.name)
