"""Alembic on a driver without async, with a filter and a hook of the host's own; ours are in the schema "chat"."""

import os

import models
from alembic import context
from sqlalchemy import create_engine

import chatkit_pgstore.alembic


def include_object(item, name, type_, reflected, compare_to):
    ours = chatkit_pgstore.alembic.include_object(item, name, type_, reflected, compare_to, schema="chat")
    return ours and name != "kept_by_hand"


def process_revision_directives(migration_context, revision, directives):
    chatkit_pgstore.alembic.process_revision_directives(migration_context, revision, directives, schema="chat")
    if directives[0].upgrade_ops.is_empty():
        directives[:] = []


engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"))
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=models.Base.metadata,
        include_object=include_object,
        include_schemas=True,
        process_revision_directives=process_revision_directives,
    )
    with context.begin_transaction():
        context.run_migrations()
