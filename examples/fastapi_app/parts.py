"""The parts of the app that requests use, made once when it starts."""

from typing import Annotated, TypedDict

from fastapi import Depends, Request

from chatkit_pgstore import PostgresStore
from chatkit_pgstore.attachments import FileAttachments, Files

from .auth import User, Verifier
from .server import AppServer
from .settings import AppStore, Settings
from .sign_in import Issuer


class Parts(TypedDict):
    """What every request finds in ``request.state``."""

    settings: Settings
    store: AppStore
    database: PostgresStore[User]
    files: Files
    attachments: FileAttachments[User]
    server: AppServer
    assistant_name: str
    verifier: Verifier
    issuer: Issuer | None


def _settings(request: Request) -> Settings:
    settings: Settings = request.state.settings
    return settings


def _store(request: Request) -> AppStore:
    store: AppStore = request.state.store
    return store


def _database(request: Request) -> PostgresStore[User]:
    database: PostgresStore[User] = request.state.database
    return database


def _files(request: Request) -> Files:
    files: Files = request.state.files
    return files


def _attachments(request: Request) -> FileAttachments[User]:
    attachments: FileAttachments[User] = request.state.attachments
    return attachments


def _server(request: Request) -> AppServer:
    server: AppServer = request.state.server
    return server


CurrentSettings = Annotated[Settings, Depends(_settings)]
CurrentStore = Annotated[AppStore, Depends(_store)]
# For what no journal keeps while the database is away: feedback, and counts.
CurrentDatabase = Annotated[PostgresStore[User], Depends(_database)]
CurrentFiles = Annotated[Files, Depends(_files)]
CurrentAttachments = Annotated[FileAttachments[User], Depends(_attachments)]
CurrentServer = Annotated[AppServer, Depends(_server)]
