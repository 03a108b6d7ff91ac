"""How Alembic runs these migrations: on the connection it is given, or as SQL where there is none."""

from alembic import context
from sqlalchemy import func, select

from chatkit_pgstore._tables import VERSION_TABLE

connection = context.config.attributes.get("connection")
schema = context.config.attributes.get("schema")

if connection is None:
    context.configure(
        dialect_name="postgresql",
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        version_table=VERSION_TABLE,
        version_table_schema=schema,
    )
else:
    context.configure(connection=connection, version_table=VERSION_TABLE, version_table_schema=schema)

with context.begin_transaction():
    if schema is not None:
        # The migrations name no schema: they work in the first of the search path, until the transaction ends.
        quoted = schema.replace('"', '""')
        context.execute(select(func.set_config("search_path", f'"{quoted}"', True)))
    context.run_migrations()
