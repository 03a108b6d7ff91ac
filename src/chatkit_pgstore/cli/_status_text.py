"""What `status` prints for a reader."""

from collections.abc import Callable
from datetime import datetime

from chatkit_pgstore.operations import Contents, Figure, Status

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
STEP = 1024


def told(found: Status) -> str:
    """Return a line for each figure; ``~`` stands before one that is estimated."""
    lines = [("PostgreSQL", found.server_version), ("revision", _revision(found))]
    if found.contents is not None:
        lines += _contents(found.contents)
    return "\n".join(f"{name:<21} {value}" for name, value in lines)


def _revision(found: Status) -> str:
    if found.revision is None:
        return "none: the database has no tables of chatkit-pgstore. Run `chatkit-pgstore migrate`."
    if found.revision == found.newest_revision:
        return f"{found.revision}, which is the newest"
    return f"{found.revision}; this release's is {found.newest_revision}: see `chatkit-pgstore check`"


def _contents(contents: Contents) -> list[tuple[str, str]]:
    return [
        ("database", contents.database),
        ("schema", contents.schema),
        ("threads", _number(contents.threads)),
        ("items", _number(contents.items)),
        ("attachments", _number(contents.attachments)),
        ("feedback", _number(contents.feedback)),
        ("files", _number(contents.files)),
        ("bytes of files", _counted(contents.bytes_of_files, _size)),
        ("files to be swept", _counted(contents.files_to_sweep, "{:,}".format)),
        ("users with a thread", _number(contents.users)),
        ("last activity", _moment(contents.last_activity)),
        *((each.table, f"{_size(each.bytes)}, indexes {_size(each.index_bytes)}") for each in contents.tables),
        ("all tables", _size(contents.total_bytes)),
    ]


def _number(figure: Figure[int]) -> str:
    return f"{figure.value:,}" if figure.is_exact else f"~{figure.value:,}"


def _counted(figure: Figure[int | None], shown: Callable[[int], str]) -> str:
    return "not counted; --exact does" if figure.value is None else shown(figure.value)


def _moment(figure: Figure[datetime | None]) -> str:
    if figure.value is None:
        return "none"
    moment = f"{figure.value:%Y-%m-%d %H:%M:%S%z}"
    return moment if figure.is_exact else f"{moment} or later"


def _size(number: float) -> str:
    unit = 0
    while number >= STEP and unit < len(UNITS) - 1:
        number, unit = number / STEP, unit + 1
    return f"{number:.1f} {UNITS[unit]}" if unit else f"{number:.0f} {UNITS[0]}"
