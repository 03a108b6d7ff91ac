"""What a cluster of Citus would have: the functions that `distribute` makes there, on a plain PostgreSQL."""

from chatkit_pgstore._append_function import functions
from chatkit_pgstore._layout import UserType
from tests.support.databases import execute


async def make_functions(database_url: str, schema: str = "public", user_type: UserType = "text") -> None:
    """Make the functions beside the tables. *schema* is quoted where SQL needs it."""
    for function in functions(schema, user_type):
        await execute(database_url, function.create)
