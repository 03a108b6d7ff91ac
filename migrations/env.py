"""How Alembic runs these migrations: on the connection it is given, or as SQL where there is none."""

from alembic import context

from chatkit_pgstore._tables import VERSION_TABLE

connection = context.config.attributes.get("connection")

if connection is None:
    context.configure(
        dialect_name="postgresql",
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        version_table=VERSION_TABLE,
    )
else:
    context.configure(connection=connection, version_table=VERSION_TABLE)

with context.begin_transaction():
    context.run_migrations()
