"""Signed tokens: what somebody may do, with which file of which user, and until when."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass
from hashlib import sha256
from http import HTTPStatus
from time import time
from typing import Literal

from chatkit_pgstore.attachments._errors import RefusedFileError
from chatkit_pgstore.errors import ConfigurationError

Purpose = Literal["upload", "download", "preview"]

FEWEST_SECRET_BYTES = 32
LONGEST_TOKEN = 8192
DOMAIN = b"chatkit_pgstore.attachments:"
"""Signed with every token, so that nothing else that is signed with the same secret is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What the holder of a token may do."""

    purpose: Purpose
    user_id: str
    id: str
    """The attachment's."""
    expires_at: int
    """In seconds since 1970."""
    size: int | None = None
    """How many bytes an upload has to have."""


class Tokens:
    """Signs permits, and reads what it has signed.

    Raises:
        ConfigurationError: *secret* is too short.
    """

    def __init__(self, secret: str | bytes) -> None:
        key = secret.encode() if isinstance(secret, str) else secret
        if len(key) < FEWEST_SECRET_BYTES:
            raise ConfigurationError(
                f"secret= must have at least {FEWEST_SECRET_BYTES} bytes that nobody can guess, not {len(key)}. "
                'Make one with: python -c "import secrets; print(secrets.token_hex(32))"'
            )
        self._key = key

    def token(self, permit: Permit) -> str:
        """Return a token that says *permit*; only who has the secret can make one."""
        body = urlsafe_b64encode(json.dumps(asdict(permit)).encode())
        return f"{body.decode()}.{self._signature(body)}"

    def permit(self, token: str, *purposes: Purpose) -> Permit:
        """Return what *token* permits.

        Raises:
            RefusedFileError: It was not signed here, is for none of *purposes*, or has expired.
        """
        body, _, signature = token.partition(".")
        # As bytes: of text, compare_digest takes no other letters than those of ASCII.
        expected = self._signature(body.encode(errors="replace"))
        genuine = hmac.compare_digest(signature.encode(errors="replace"), expected.encode())
        if len(token) > LONGEST_TOKEN or not genuine:
            raise RefusedFileError("This link is not valid.", HTTPStatus.FORBIDDEN)
        permit = Permit(**json.loads(urlsafe_b64decode(body)))
        if permit.purpose not in purposes:
            raise RefusedFileError("This link is for something else.", HTTPStatus.FORBIDDEN)
        if permit.expires_at < time():
            raise RefusedFileError("This link has expired.", HTTPStatus.FORBIDDEN)
        return permit

    def _signature(self, body: bytes) -> str:
        return urlsafe_b64encode(hmac.digest(self._key, DOMAIN + body, sha256)).decode()
