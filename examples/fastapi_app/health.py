"""Whether the app is alive, and whether it is ready: what a load balancer or an orchestrator asks."""

import logging
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from chatkit_pgstore import SchemaError, StoreError, StoreUnavailableError

from .errors import answers
from .parts import CurrentStore

NO_DATABASE = "The database does not answer."
NO_ACCESS = "The database cannot be used as it is configured."
NO_SCHEMA = "The database is not at the revision of the schema that this release needs."

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/health", tags=["health"])


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """The database answers, and has the tables that this release needs; or a journal takes its place meanwhile."""

    status: Literal["ready"] = "ready"


@router.get("/live")
async def live() -> Live:
    """Whether this process answers. It says nothing of the database: a restart would not bring that back."""
    return Live()


@router.get("/ready", responses=answers(HTTPStatus.SERVICE_UNAVAILABLE))
async def ready(store: CurrentStore) -> Ready:
    """Whether requests can be answered: the database does, and it is at the right revision."""
    try:
        await store.initialize(migrate=False)
    except StoreError as error:
        missing = _missing(error)
        logger.warning("Not ready: %s", missing, exc_info=error)
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, missing) from error
    return Ready()


def _missing(error: StoreError) -> str:
    if isinstance(error, StoreUnavailableError):
        return NO_DATABASE
    return NO_SCHEMA if isinstance(error, SchemaError) else NO_ACCESS
