"""The app: its routes, and the parts that live as long as it does."""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from chatkit_pgstore import ConfigurationError
from chatkit_pgstore.attachments import FileAttachments
from chatkit_pgstore.responses import ChatKitResponse

from . import health, history_api, routes, sign_in
from .assistants import choose_assistant
from .auth import User
from .errors import install_error_handlers
from .parts import Parts
from .server import AppServer
from .settings import MOST_BODY_BYTES, Settings, SettingsError

DESCRIPTION = (
    "Conversations of ChatKit, for other programs. The protocol of ChatKit itself is spoken at `POST /chatkit`."
)


def from_environment() -> FastAPI:
    """Return the app that the environment describes: ``uvicorn --factory fastapi_app.app:from_environment``."""
    try:
        return create_app(Settings.from_environment(os.environ))
    except (SettingsError, ConfigurationError) as error:
        sys.exit(str(error))


def create_app(settings: Settings) -> FastAPI:
    """Return the app. It connects to the database when it starts, and migrates it.

    Raises:
        SettingsError, ConfigurationError: A setting cannot be used.
    """
    files = settings.kept_files()
    database = settings.database(files)
    store = settings.store(database)
    attachments = FileAttachments[User](store, files)
    assistant = choose_assistant(settings, store, attachments)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[Parts]:
        async with store, aclosing(assistant), attachments.sweeping():
            yield Parts(
                settings=settings,
                store=store,
                database=database,
                files=files,
                attachments=attachments,
                server=AppServer(store, attachments, assistant),
                assistant_name=assistant.name,
                verifier=settings.verifier(),
                issuer=settings.issuer(),
            )
            # A server that stops cancels the replies still on their way, and what they said is saved only then.
            await ChatKitResponse.wait_for_all()

    app = FastAPI(
        title="chatkit-pgstore example",
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        # FastAPI's own pages for the API would load their scripts from a content delivery network.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    routers = [routes.router, history_api.router, health.router]
    if settings.development_sign_in:
        routers.append(sign_in.router)
    for router in routers:
        app.include_router(router, max_body_size=MOST_BODY_BYTES)
    app.mount("/page", StaticFiles(directory=routes.PAGE), name="page")
    app.mount("/files", attachments.app(), name="files")
    install_error_handlers(app, routers)
    return app
