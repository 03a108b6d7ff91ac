import asyncio
import os

from alembic import context
from models import Base
from sqlalchemy.ext.asyncio import create_async_engine

import chatkit_pgstore
import chatkit_pgstore.alembic


def migrate(connection):
    context.configure(
        connection=connection,
        target_metadata=[Base.metadata, chatkit_pgstore.metadata],
        include_object=chatkit_pgstore.alembic.include_object,
        process_revision_directives=chatkit_pgstore.alembic.process_revision_directives,
    )
    with context.begin_transaction():
        context.run_migrations()


async def main():
    engine = create_async_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(main())
