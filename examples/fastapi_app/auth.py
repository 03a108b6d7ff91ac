"""Who is asking: the user named in the bearer token of the request, and nobody else whatever else the request says."""

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Protocol

import jwt
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

USER_ID_BYTES = 512
LEEWAY_SECONDS = 10
"""How far the clock of whoever issues the tokens may be from ours."""
JWKS_SECONDS = 5.0
"""How long the keys of a sign-in service may take to come."""

SIGN_IN_FIRST = "Sign in first."
SIGN_IN_AGAIN = "Your sign-in is not valid. Sign in again."
SIGN_IN_EXPIRED = "Your sign-in has expired. Sign in again."
SIGN_IN_AWAY = "The sign-in service cannot be reached at the moment. Please try again."

# Of public keys alone. What a key may be used for is decided here and by the key, never by the token.
PUBLIC_KEY_ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class User:
    """The context of every ChatKit call: the store reads ``user_id`` from it."""

    user_id: str


class Keys(Protocol):
    """Where the keys that verify tokens come from."""

    async def key_for(self, token: str, /) -> tuple[str | jwt.PyJWK, str]:
        """Return the key for *token*, of which nothing has been verified yet, and the only algorithm it serves.

        Raises:
            PyJWTError: There is none.
        """
        ...


class SharedSecret:
    """One secret, known to whoever issues the tokens and to this app."""

    ALGORITHM = "HS256"

    def __init__(self, secret: str) -> None:
        self._secret = secret

    async def key_for(self, _token: str, /) -> tuple[str, str]:
        """Return the secret, whatever the token asks for."""
        return self._secret, self.ALGORITHM


class PublishedKeys:
    """The public keys that a sign-in service publishes, as a JSON Web Key Set.

    They are fetched when the first token comes, again every five minutes, and at once, though not too often, when a
    token names a key that is not among them.
    """

    def __init__(self, url: str) -> None:
        self._client = jwt.PyJWKClient(url, timeout=JWKS_SECONDS)
        # Fetching blocks a thread. One of its own: a sign-in service that hangs must not take those of everybody.
        self._fetching = CapacityLimiter(1)

    async def key_for(self, token: str, /) -> tuple[jwt.PyJWK, str]:
        """Return the public key that the token names."""
        key_id = jwt.get_unverified_header(token).get("kid")
        if not key_id:
            raise jwt.InvalidTokenError("The token names no key.")
        key = self._fetched(key_id) or await to_thread.run_sync(
            self._client.get_signing_key, key_id, limiter=self._fetching
        )
        if key.algorithm_name not in PUBLIC_KEY_ALGORITHMS:
            raise jwt.InvalidKeyError(f"A published key cannot be one for {key.algorithm_name}.")
        return key, key.algorithm_name

    def _fetched(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key if it is here and fresh; without a thread, for nearly every request."""
        keys = self._client.jwk_set_cache and self._client.jwk_set_cache.get()
        return self._client.match_kid(keys.keys, key_id) if keys else None


class Verifier:
    """Reads users from tokens.

    Args:
        keys: Whose signature is believed.
        issuer: What ``iss`` of a token has to be; None: anything.
        audience: What ``aud`` of a token has to be; None: a token that is meant for somebody is refused.
    """

    def __init__(self, keys: Keys, *, issuer: str | None, audience: str | None) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    async def user_of(self, token: str) -> User:
        """Return the user whom *token* names.

        Raises:
            PyJWTError: The token is forged, expired, meant for somebody else, or names nobody.
        """
        key, algorithm = await self._keys.key_for(token)
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=self._issuer,
            audience=self._audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "sub"]},
        )
        return _user(claims["sub"])


def _user(subject: str) -> User:
    # What PostgreSQL cannot keep as an id is nobody's: neither half a character nor a NUL.
    size = len(subject.encode(errors="surrogatepass"))
    if not 0 < size <= USER_ID_BYTES or "\0" in subject or not _is_text(subject):
        raise jwt.InvalidTokenError("The subject of the token cannot be the id of a user.")
    return User(subject)


def _is_text(subject: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in subject)


_bearer = HTTPBearer(bearerFormat="JWT", description="A token of your sign-in.", auto_error=False)


async def current_user(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> User:
    """Return who sent the request.

    Raises:
        HTTPException: 401, there is no valid token; 503, nobody can tell, for the sign-in service does not answer.
    """
    if credentials is None:
        raise _unauthorized(SIGN_IN_FIRST, "Bearer")
    verifier: Verifier = request.state.verifier
    try:
        return await verifier.user_of(credentials.credentials)
    except jwt.PyJWKClientConnectionError as error:
        logger.exception(SIGN_IN_AWAY)
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, SIGN_IN_AWAY) from error
    except jwt.PyJWTError as error:
        # Its message quotes nothing of the token but the id of an unknown key.
        logger.info("A token was refused: %s", error)
        expired = isinstance(error, jwt.ExpiredSignatureError)
        raise _unauthorized(SIGN_IN_EXPIRED if expired else SIGN_IN_AGAIN, 'Bearer error="invalid_token"') from error


def _unauthorized(detail: str, challenge: str) -> HTTPException:
    return HTTPException(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": challenge})


CurrentUser = Annotated[User, Depends(current_user)]
