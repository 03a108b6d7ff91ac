"""The command that distributes the tables over several machines."""

from chatkit_pgstore.cli._options import AsJson, DatabaseUrl, PoolerName, SchemaName, Target, say
from chatkit_pgstore.operations import Distribution
from chatkit_pgstore.operations import distribute as distributed


def distribute(
    *, database_url: DatabaseUrl = None, schema: SchemaName = None, pooler: PoolerName = None, as_json: AsJson = False
) -> None:
    """Distribute the tables by user over the machines of a Citus cluster; writes wait meanwhile."""
    found = Target(database_url, schema, pooler).run(distributed)
    say(_told(found), found, as_json=as_json)


def _told(found: Distribution) -> str:
    done = f"Distributed: {', '.join(found.done)}." if found.done else "Everything was distributed already."
    return f"{done} Each table is in {found.shards} shards, on {found.machines} machines."
