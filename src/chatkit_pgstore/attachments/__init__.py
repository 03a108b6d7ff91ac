"""Attachments whose files are kept, too: on disk, in a bucket or in the database. Needs the extra ``attachments``."""

try:
    from chatkit_pgstore.attachments._attachments import FileAttachments
    from chatkit_pgstore.attachments._errors import RefusedFileError
    from chatkit_pgstore.attachments._files import Files
    from chatkit_pgstore.attachments._postgres import PostgresBytes
    from chatkit_pgstore.attachments._sweep import Swept
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in ("obstore", "puremagic", "python_multipart", "starlette"):
        raise
    raise ImportError(
        f'chatkit_pgstore.attachments needs {error.name}: pip install "chatkit-pgstore[attachments]"', name=error.name
    ) from error

__all__ = ["FileAttachments", "Files", "PostgresBytes", "RefusedFileError", "Swept"]
