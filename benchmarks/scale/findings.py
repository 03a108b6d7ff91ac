"""All that was found out in one run."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.scale.bloat import Bloat
from benchmarks.scale.buffers import Touched
from benchmarks.scale.calls import Times
from benchmarks.scale.compression import Compressed
from benchmarks.scale.disk import Disk, SizeClass
from benchmarks.scale.indexes import IndexCost
from benchmarks.scale.migrating import Migration


@dataclass
class Stage:
    """One size.

    Attributes:
        items: Of ordinary users; the others come on top.
        load_seconds: For what was added since the size before.
        settle_seconds: Of vacuum and checkpoint.
        bytes: Of the database.
        times: Of the calls.
        touched: By the calls.
    """

    items: int
    load_seconds: float = 0.0
    settle_seconds: float = 0.0
    bytes: int = 0
    times: list[Times] = field(default_factory=list)
    touched: list[Touched] = field(default_factory=list)


@dataclass
class Findings:
    """What each part found out; a part that was left out found nothing."""

    stages: list[Stage] = field(default_factory=list)
    cold: Sequence[Touched] = ()
    disks: list[Disk] = field(default_factory=list)
    classes: Sequence[SizeClass] = ()
    compressed: list[Compressed] = field(default_factory=list)
    indexes: Sequence[IndexCost] = ()
    indexes_at: int = 0
    bloats: list[Bloat] = field(default_factory=list)
    migrations: Sequence[Migration] = ()
