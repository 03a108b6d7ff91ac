"""The statements on the rows of files; each is about one user, but for those that walk over all."""

from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    ColumnElement,
    Double,
    Executable,
    LargeBinary,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from chatkit_pgstore._layout import USER_TYPES, Layout
from chatkit_pgstore._tables import attachments, file_chunks, files
from chatkit_pgstore.attachments._bytes import StoredFile

NOW = func.clock_timestamp()
"""Later than the beginning of the transaction, so that a claim differs from the time a file was registered."""

DOUBLE: Double[float] = Double()

FILES_LOOKED_AT = 1000
"""By a sweep in one step, whether anything names them or not."""


def _own(table: Table, file_id: str, user_id: str, layout: Layout) -> ColumnElement[bool]:
    row_id = table.c.file_id if table is file_chunks else table.c.id
    return and_(table.c.user_id == layout.user(user_id), row_id == file_id)


def register_file(file: StoredFile, layout: Layout) -> Executable:
    """Inserts the row of a file that has no bytes yet, or begins with it anew; no row where it has all its bytes."""
    values = {
        "user_id": layout.user(file.user_id),
        "id": file.id,
        "storage_key": file.storage_key,
        "mime_type": file.mime_type,
        "created_at": func.now(),
        "updated_at": func.now(),
    }
    row = insert(files).values(values)
    anew = {name: row.excluded[name] for name in ("storage_key", "mime_type", "created_at", "updated_at")}
    return row.on_conflict_do_update(
        index_elements=["user_id", "id"], set_=anew, where=files.c.size.is_(None)
    ).returning(files.c.updated_at)


def claim_file(user_id: str, file_id: str, layout: Layout, *, lease_seconds: float) -> Executable:
    """Claims a file for one upload by its time; no row where it is stored, claimed, or no attachment any more.

    A claim that is older than an upload may last is a dead process's.
    """
    expired = files.c.updated_at < NOW - func.make_interval(0, 0, 0, 0, 0, 0, lease_seconds)
    unclaimed = or_(files.c.updated_at == files.c.created_at, expired)
    named = exists(select(attachments.c.id).where(_own(attachments, file_id, user_id, layout)))
    return (
        update(files)
        .where(_own(files, file_id, user_id, layout), files.c.size.is_(None), unclaimed, named)
        .values(updated_at=NOW)
        .returning(files.c.storage_key, files.c.mime_type, files.c.updated_at)
    )


def find_file(user_id: str, file_id: str, layout: Layout) -> Executable:
    """A file and the document of its attachment; no row where either is gone."""
    same = and_(attachments.c.user_id == files.c.user_id, attachments.c.id == files.c.id)
    return (
        select(
            files.c.storage_key,
            files.c.mime_type,
            files.c.size,
            files.c.sha256,
            cast(attachments.c.attachment, Text).label("document"),
        )
        .select_from(files.join(attachments, same))
        # For both tables: Citus does not conclude it from the join alone in every plan.
        .where(_own(files, file_id, user_id, layout), _own(attachments, file_id, user_id, layout))
    )


def lock_claimed(user_id: str, file_id: str, layout: Layout) -> Executable:
    """Locks a file that is being uploaded, as long as the claim is the one given."""
    return select(files.c.id).where(_own(files, file_id, user_id, layout), _claimed()).with_for_update()


def finish_file(user_id: str, file_id: str, layout: Layout) -> Executable:
    """Says that all bytes are stored; again, if it was said and nobody knows."""
    size, digest = bindparam("all_bytes", type_=BigInteger()), bindparam("digest", type_=Text())
    done = and_(files.c.size == size, files.c.sha256 == digest)
    return (
        update(files)
        .where(_own(files, file_id, user_id, layout), or_(_claimed(), done))
        .values(size=size, sha256=digest, updated_at=NOW)
        .returning(files.c.id)
    )


def _claimed() -> ColumnElement[bool]:
    return and_(files.c.size.is_(None), files.c.updated_at == bindparam("claim", type_=files.c.updated_at.type))


def any_file(user_id: str, file_id: str, layout: Layout) -> Executable:
    """The storage key and MIME type of a file, whatever names it."""
    return select(files.c.storage_key, files.c.mime_type).where(_own(files, file_id, user_id, layout))


def delete_file(user_id: str, file_id: str, layout: Layout) -> Executable:
    """Deletes a file's row, and with it the chunks that are in the database."""
    return delete(files).where(_own(files, file_id, user_id, layout))


def lock_attachment(user_id: str, file_id: str, layout: Layout) -> Executable:
    """Locks an attachment, and reads its document."""
    return (
        select(cast(attachments.c.attachment, Text))
        .where(_own(attachments, file_id, user_id, layout))
        .with_for_update()
    )


def replace_document(user_id: str, file_id: str, document: str, layout: Layout) -> Executable:
    """Replaces the document of an attachment."""
    return (
        update(attachments)
        .where(_own(attachments, file_id, user_id, layout))
        .values(attachment=cast(literal(document, Text()), JSON), updated_at=NOW)
    )


def delete_attachment(user_id: str, file_id: str, layout: Layout) -> Executable:
    """Deletes an attachment."""
    return delete(attachments).where(_own(attachments, file_id, user_id, layout))


# Bytes in the database


def delete_chunks(user_id: str, file_id: str, layout: Layout) -> Executable:
    """Deletes all bytes of a file."""
    return delete(file_chunks).where(_own(file_chunks, file_id, user_id, layout))


def add_chunk(user_id: str, file_id: str, number: int, data: bytes, layout: Layout) -> Executable:
    """Inserts some bytes of a file; its row has to be there."""
    values = {"user_id": layout.user(user_id), "file_id": file_id, "number": number}
    row = insert(file_chunks).values(**values, data=literal(data, LargeBinary()))
    return row.on_conflict_do_update(
        index_elements=["user_id", "file_id", "number"], set_={"data": row.excluded["data"]}
    )


def load_chunk(user_id: str, file_id: str, number: int, layout: Layout) -> Executable:
    """Some bytes of a file."""
    return select(file_chunks.c.data).where(_own(file_chunks, file_id, user_id, layout), file_chunks.c.number == number)


# Sweep


def page_of_files(layout: Layout, *, behind: bool) -> Executable:
    """The next files in the order of the primary key, and whether each is to go; *behind* a key, or the first.

    So every step costs the same, whatever it finds.
    """
    rows = select(cast(files.c.user_id, Text).label("user_id"), files.c.id, _is_left().label("is_left"))
    if behind:
        after = tuple_(
            cast(bindparam("after_user", type_=Text()), USER_TYPES[layout.user_type]),
            bindparam("after_id", type_=Text()),
        )
        rows = rows.where(tuple_(files.c.user_id, files.c.id) > after)
    return rows.order_by(files.c.user_id, files.c.id).limit(literal_column(str(FILES_LOOKED_AT), BigInteger()))


def lock_left(user_id: str, file_id: str, layout: Layout) -> Executable:
    """Locks a file that is to go, if it still is."""
    return (
        select(files.c.storage_key, files.c.mime_type)
        .where(_own(files, file_id, user_id, layout), _is_left())
        .with_for_update()
    )


def _is_left() -> ColumnElement[bool]:
    """Whether a file is older than the grace time, and no attachment names it."""
    same = and_(attachments.c.user_id == files.c.user_id, attachments.c.id == files.c.id)
    seconds: BindParameter[float] = bindparam("grace_seconds", type_=DOUBLE)
    old = files.c.updated_at < NOW - func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    return and_(old, ~exists(select(attachments.c.id).where(same).correlate(files)))
