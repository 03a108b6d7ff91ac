"""Who is asking: a random user per browser, in a cookie that only this app can sign."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, HTTPException, Request, Response

COOKIE = "chatkit_demo_visitor"
COOKIE_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Visitor:
    """The context of every ChatKit call: the store reads ``user_id`` from it."""

    user_id: str


class VisitorCookies:
    """Gives out signed cookies and reads them back.

    Args:
        secret: The signing key. Whoever knows it can be any user.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def welcome(self, request: Request, response: Response) -> None:
        """Make the browser a visitor, unless it is one already."""
        if self.read(request) is None:
            response.set_cookie(
                COOKIE,
                self._sign(secrets.token_urlsafe(16)),
                max_age=COOKIE_SECONDS,
                httponly=True,
                samesite="lax",
                secure=request.url.scheme == "https",
            )

    def read(self, request: Request) -> Visitor | None:
        """Return the visitor whose cookie came with the request; None when there is none, or it is forged."""
        cookie = request.cookies.get(COOKIE, "")
        user_id = cookie.partition(".")[0]
        # As bytes: compare_digest refuses text beyond ASCII, and a forged cookie may hold any.
        if user_id and hmac.compare_digest(cookie.encode(), self._sign(user_id).encode()):
            return Visitor(user_id)
        return None

    def _sign(self, user_id: str) -> str:
        signature = hmac.digest(self._secret, user_id.encode(), hashlib.sha256).hex()
        return f"{user_id}.{signature}"


def current_visitor(request: Request) -> Visitor:
    """Return who sent the request.

    Raises:
        HTTPException: 401, there is no valid cookie.
    """
    cookies: VisitorCookies = request.state.cookies
    visitor = cookies.read(request)
    if visitor is None:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "Load the page first: it brings a cookie.")
    return visitor


CurrentVisitor = Annotated[Visitor, Depends(current_visitor)]
