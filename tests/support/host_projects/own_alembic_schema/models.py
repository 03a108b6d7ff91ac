"""The tables of a host, one of which has a name of ours in another schema."""

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Where the host's tables are registered."""


class Thread(Base):
    """A thread of something else."""

    __tablename__ = "chatkit_threads"

    id: Mapped[int] = mapped_column(primary_key=True)
