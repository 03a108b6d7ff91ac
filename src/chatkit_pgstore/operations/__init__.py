"""What is done to the tables besides the calls of a server: async functions, each of which takes a `PostgresStore`."""

from chatkit_pgstore.operations._copy import Copied, copy_user
from chatkit_pgstore.operations._differences import Difference
from chatkit_pgstore.operations._distribute import Distribution, distribute
from chatkit_pgstore.operations._erase import Receipt, erase
from chatkit_pgstore.operations._export import export_everybody, export_users
from chatkit_pgstore.operations._import import Imported, import_users
from chatkit_pgstore.operations._purge import Purged, purge
from chatkit_pgstore.operations._row_security import enable_row_security
from chatkit_pgstore.operations._status import Contents, Figure, Status, TableSize, status

__all__ = [
    "Contents",
    "Copied",
    "Difference",
    "Distribution",
    "Figure",
    "Imported",
    "Purged",
    "Receipt",
    "Status",
    "TableSize",
    "copy_user",
    "distribute",
    "enable_row_security",
    "erase",
    "export_everybody",
    "export_users",
    "import_users",
    "purge",
    "status",
]
