"""Whether an operation on everybody's rows would see everybody's rows."""

from sqlalchemy import cast, func, literal, select
from sqlalchemy.dialects.postgresql import REGCLASS

from chatkit_pgstore._layout import threads_in
from chatkit_pgstore.errors import ConfigurationError
from chatkit_pgstore.operations._work import Work


async def check_all_rows_are_seen(w: Work) -> None:
    """Make sure that row security hides nothing from this role.

    Raises:
        ConfigurationError: It does: nothing would be found, and nobody told.
    """
    table = cast(literal(threads_in(w.layout.schema)), REGCLASS)
    if await w.connection.scalar(select(func.row_security_active(table))):
        raise ConfigurationError(
            "Row security hides the rows of the users from this role. Use the login of the owner of the tables."
        )
