"""What the app has to be told, and the store that it uses then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.attachments import Files, PostgresBytes
from chatkit_pgstore.buffered import BufferedStore

from .auth import Keys, PublishedKeys, SharedSecret, User, Verifier
from .sign_in import Issuer

SECRET_BYTES = 32
PATIENCE_SECONDS = 15.0
SECONDS_BEFORE_BUFFERING = 2.0
FILES_IN_DATABASE = "database"
MOST_BODY_BYTES = 16 * 1024 * 1024
"""Of a request; a recording to be transcribed is the largest. Files go to /files, which has a limit of its own."""

AppStore = PostgresStore[User] | BufferedStore[User]
OpenAIApi = Literal["responses", "chat_completions"]


class SettingsError(ValueError):
    """A setting is missing, or cannot be used as it is."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one app. `VARIABLES` tells the environment variable of each.

    Args:
        database_url: Where the conversations are kept, as your provider prints it.
        jwt_secret: Verifies the tokens (HS256), and signs those of the development sign-in; at least 32 bytes.
        jwks_url: Instead of a secret, where your sign-in service publishes its public keys.
        jwt_issuer: What ``iss`` of a token has to be; None: anything.
        jwt_audience: What ``aud`` of a token has to be; None: tokens that have one are refused.
        development_sign_in: Whether everybody gets a token for any name.
        public_url: Where browsers reach the app; links to files begin with it.
        files: Where the bytes of attachments are: a folder, a URL of a bucket, or "database".
        files_secret: Signs the links to files; at least 32 bytes.
        journal: Where to keep what is written while the database is away: a file, or a folder for several workers.
            None: an outage is an error.
        openai_api_key: Lets a model answer; None: the script does.
        openai_base_url: Another server that speaks OpenAI's API.
        openai_model: The model that answers.
        openai_api: Which of its APIs.
        pace_seconds: The pause between two words of a scripted reply.

    Raises:
        SettingsError: What is given cannot be used.
    """

    database_url: str = field(repr=False)
    jwt_secret: str | None = field(default=None, repr=False)
    jwks_url: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    development_sign_in: bool = False
    public_url: str = "http://127.0.0.1:8000"
    files: str = FILES_IN_DATABASE
    files_secret: str = field(repr=False)
    journal: str | None = None
    openai_api_key: str | None = field(default=None, repr=False)
    openai_base_url: str | None = None
    openai_model: str = "gpt-5-mini"
    openai_api: OpenAIApi = "responses"
    pace_seconds: float = 0.03

    def __post_init__(self) -> None:
        """Refuse what would only be noticed later, or by somebody else."""
        if (self.jwt_secret is None) == (self.jwks_url is None):
            raise SettingsError("Give either CHATKIT_JWT_SECRET or CHATKIT_JWKS_URL: they say whose tokens to believe.")
        if self.development_sign_in and self.jwt_secret is None:
            raise SettingsError("CHATKIT_DEVELOPMENT_SIGN_IN needs CHATKIT_JWT_SECRET: it signs tokens of its own.")
        for name, secret in (("CHATKIT_JWT_SECRET", self.jwt_secret), ("CHATKIT_FILES_SECRET", self.files_secret)):
            if secret is not None and len(secret.encode()) < SECRET_BYTES:
                raise SettingsError(f"{name} needs at least {SECRET_BYTES} bytes, so that nobody finds it by trying.")
        for name, url in (("CHATKIT_JWKS_URL", self.jwks_url), ("CHATKIT_PUBLIC_URL", self.public_url)):
            if url is not None and not _is_http(url):
                raise SettingsError(f"{name} has to be an http or https URL, not {url!r}.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings that *environment* gives; an empty variable is one that is not set."""
        given = {name: value for name in VARIABLES if (value := environment.get(name, ""))}
        for name in ("DATABASE_URL", "CHATKIT_FILES_SECRET"):
            if name not in given:
                raise SettingsError(f"{name} has to be set.")
        values = {VARIABLES[name].setting: VARIABLES[name].read(name, value) for name, value in given.items()}
        return cls(**values)

    def kept_files(self) -> Files:
        """Return where the bytes of attachments are kept."""
        # Every link leads through the app: the page's policy then needs to name no other server.
        return Files(
            self._storage(), secret=self.files_secret, public_url=f"{self.public_url}/files", provider_urls=False
        )

    def _storage(self) -> ObjectStore | PostgresBytes:
        if self.files == FILES_IN_DATABASE:
            return PostgresBytes()
        try:
            if "://" in self.files:
                return from_url(self.files)
            return LocalStore(self.files, mkdir=True)
        except (BaseError, OSError, ValueError) as error:
            raise SettingsError(f"CHATKIT_FILES, {self.files!r}, cannot be used: {error}") from error

    def database(self, files: Files) -> PostgresStore[User]:
        """Return the store of what is in the database."""
        # With a journal, whoever speaks when the database goes away waits this long; everybody else does not.
        patience = PATIENCE_SECONDS if self.journal is None else SECONDS_BEFORE_BUFFERING
        return PostgresStore[User](self.database_url, retry_seconds=patience, preview_urls=files)

    def store(self, database: PostgresStore[User]) -> AppStore:
        """Return the store that is asked by everybody, which has to be started: *database*, or a journal before it."""
        return database if self.journal is None else BufferedStore(database, self.journal, context=User)

    def verifier(self) -> Verifier:
        """Return what reads users from tokens."""
        keys: Keys = SharedSecret(self.jwt_secret) if self.jwt_secret is not None else PublishedKeys(str(self.jwks_url))
        return Verifier(keys, issuer=self.jwt_issuer, audience=self.jwt_audience)

    def issuer(self) -> Issuer | None:
        """Return what signs people in without a question; None unless that is wanted."""
        if not self.development_sign_in or self.jwt_secret is None:
            return None
        return Issuer(self.jwt_secret, issuer=self.jwt_issuer, audience=self.jwt_audience)


def _is_http(url: str) -> bool:
    try:
        address = urlsplit(url)
    except ValueError:
        return False
    return address.scheme in ("http", "https") and bool(address.hostname)


def _as_it_is(_name: str, text: str) -> str:
    return text


def _without_slash(_name: str, text: str) -> str:
    return text.rstrip("/")


def _switch(name: str, text: str) -> bool:
    if text not in ("on", "off"):
        raise SettingsError(f"{name} is either on or off, not {text!r}.")
    return text == "on"


def _openai_api(name: str, text: str) -> str:
    if text not in ("responses", "chat_completions"):
        raise SettingsError(f"{name} is either responses or chat_completions, not {text!r}.")
    return text


@dataclass(frozen=True)
class Variable:
    """An environment variable: the setting it gives, and how its text is read."""

    setting: str
    read: Callable[[str, str], Any] = _as_it_is


VARIABLES = {
    "DATABASE_URL": Variable("database_url"),
    "CHATKIT_JWT_SECRET": Variable("jwt_secret"),
    "CHATKIT_JWKS_URL": Variable("jwks_url"),
    "CHATKIT_JWT_ISSUER": Variable("jwt_issuer"),
    "CHATKIT_JWT_AUDIENCE": Variable("jwt_audience"),
    "CHATKIT_DEVELOPMENT_SIGN_IN": Variable("development_sign_in", _switch),
    "CHATKIT_PUBLIC_URL": Variable("public_url", _without_slash),
    "CHATKIT_FILES": Variable("files"),
    "CHATKIT_FILES_SECRET": Variable("files_secret"),
    "CHATKIT_JOURNAL": Variable("journal"),
    "OPENAI_API_KEY": Variable("openai_api_key"),
    "OPENAI_BASE_URL": Variable("openai_base_url"),
    "OPENAI_MODEL": Variable("openai_model"),
    "OPENAI_API": Variable("openai_api", _openai_api),
}
