"""What was found out, as tables."""

from collections.abc import Callable, Iterator, Sequence

from benchmarks.measured import Table
from benchmarks.scale.bloat import AS_MIGRATED, Bloat, Growth
from benchmarks.scale.disk import Disk
from benchmarks.scale.findings import Findings, Stage
from benchmarks.scale.indexes import IndexCost
from benchmarks.scale.judging import P99_LIMIT, ratios_of_p99, targets

Rows = Iterator[Sequence[str]]


def tables(found: Findings) -> list[Table]:
    """Return the tables of the parts that were measured."""
    made: list[tuple[Sequence[object], Callable[[Findings], Table]]] = [
        (targets(found), _targets),
        (found.stages, _load),
        (found.stages and found.stages[0].times, _p99),
        (found.stages and found.stages[0].times, _p50),
        (found.stages and found.stages[0].touched, _buffers),
        (found.disks, _disk),
        (found.classes, _classes),
        (found.compressed, _compression),
        (found.indexes, _indexes),
        (found.bloats, _bloat),
        (found.migrations, _migrations),
    ]
    return [make(found) for what, make in made if what]


def sized(items: int) -> str:
    """Return a size as a heading has it."""
    return f"{items:,}"


def _targets(found: Findings) -> Table:
    rows = [(each.what, each.figure, each.limit, "reached" if each.reached else "missed") for each in targets(found)]
    return Table("targets", "What has to be reached", ("what", "figure", "limit", ""), rows)


def _load(found: Findings) -> Table:
    columns = ("items", "added in, s", "items a second", "vacuum and checkpoint, s", "database, GB")
    before, rows = 0, []
    for stage in found.stages:
        added, before = stage.items - before, stage.items
        rate = f"{added / stage.load_seconds:,.0f}" if stage.load_seconds else "kept"
        rows.append(
            (
                sized(stage.items),
                f"{stage.load_seconds:.0f}",
                rate,
                f"{stage.settle_seconds:.0f}",
                f"{stage.bytes / 1e9:.2f}",
            )
        )
    note = "Items of ordinary users. The user with many threads and the long thread come on top, at every size."
    return Table("load", "Loading", columns, rows, note)


def _by_call(stages: Sequence[Stage], cell: Callable[[Stage, int], str]) -> Rows:
    """Return a row for each call: a cell for each size."""
    for number, call in enumerate(stages[0].times):
        yield f"{call.whose}: {call.call}", *(cell(stage, number) for stage in stages)


def _p99(found: Findings) -> Table:
    stages = found.stages
    columns = ("p99, µs", *(sized(each.items) for each in stages), "rounds of the last", "last / first", "")
    ratios = list(ratios_of_p99(found).values())
    rows = []
    for number, row in enumerate(_by_call(stages, lambda stage, number: _micro(stage.times[number].p99))):
        spread = stages[-1].times[number].p99s
        ratio = ratios[number] if ratios else 1.0
        verdict = "reached" if ratio <= P99_LIMIT else "missed"
        rows.append((*row, f"{_micro(min(spread))}-{_micro(max(spread))}", f"{ratio:.2f}", verdict))
    rounds = stages[0].times[0].rounds
    note = (
        f"The median of the p99 of {len(rounds)} rounds of {len(rounds[0]):,} calls each, made in turns, each for a "
        f"row of its own by chance; at most {P99_LIMIT} times as long is to be reached."
    )
    return Table("p99", "99 of 100 calls are faster than", columns, rows, note)


def _p50(found: Findings) -> Table:
    stages = found.stages
    rows = []
    for number, row in enumerate(_by_call(stages, lambda stage, number: _micro(stage.times[number].p50))):
        ratio = stages[-1].times[number].p50 / stages[0].times[number].p50
        rows.append((*row, f"{ratio:.2f}"))
    columns = ("median, µs", *(sized(each.items) for each in stages), "last / first")
    return Table("p50", "Half of the calls are faster than", columns, rows)


def _buffers(found: Findings) -> Table:
    fetched = {(each.whose, each.call): each for each in found.cold}
    rows = []
    for number, call in enumerate(found.stages[0].touched):
        cells = [f"{stage.touched[number].middle:.0f} ({stage.touched[number].most})" for stage in found.stages]
        cold = fetched.get((call.whose, call.call))
        rows.append((f"{call.whose}: {call.call}", *cells, f"{cold.middle:.0f} ({cold.most})" if cold else "-"))
    columns = ("pages of 8 kB, median (most)", *(sized(each.items) for each in found.stages), "of the last, cold")
    note = (
        "By EXPLAIN (ANALYZE, BUFFERS) of the same statement; a page that is touched twice counts twice, and of a "
        "deleted thread those of all that goes with it count too. Cold: what a server with empty shared buffers "
        "fetches, each page once, without that cascade."
    )
    return Table("buffers", "Pages touched", columns, rows, note)


def _disk(found: Findings) -> Table:
    names = list(found.disks[0].indexes)
    columns = (
        *("bytes an item", "items", "JSON", "keys", "table", "out of line"),
        *(f"`{name}`" for name in names),
        *("in all", "in all / JSON and keys"),
    )
    rows = [_disk_row(disk, names) for disk in found.disks]
    return Table("disk", "On the disk", columns, rows, "Rows written in turns, as by traffic; nothing was packed.")


def _disk_row(disk: Disk, names: Sequence[str]) -> Sequence[str]:
    parts = (disk.documents, disk.keys, disk.heap + disk.other, disk.toast, *(disk.indexes[name] for name in names))
    cells = [f"{part / disk.items:,.0f}" for part in (*parts, disk.whole)]
    return disk.name, f"{disk.items:,}", *cells, f"{disk.ratio:.2f}"


def _classes(found: Findings) -> Table:
    rows = [
        (
            each.name,
            f"{each.items:,}",
            f"{each.document:,.0f}",
            f"{each.stored:,.0f}",
            f"{each.stored / each.document:.2f}",
        )
        for each in found.classes
    ]
    columns = ("document", "sampled", "JSON, B", "stored, B", "stored / JSON")
    return Table("classes", "Documents by size", columns, rows, "PostgreSQL compresses a row from 2 kB on.")


def _compression(found: Findings) -> Table:
    rows = []
    for each in found.compressed:
        if each.disk is None:
            rows.append((each.method, "not in this server", "", "", "", ""))
            continue
        disk = each.disk
        sizes = (f"{disk.documents / disk.items:,.0f}", f"{disk.whole / disk.items:,.0f}", f"{disk.ratio:.2f}")
        rows.append((each.method, *sizes, f"{disk.items / each.load_seconds:,.0f}", f"{each.page_seconds * 1e3:.2f}"))
    columns = ("method", "JSON, B", "on the disk, B", "ratio", "loaded a second", "newest 20 items, ms")
    return Table("compression", "Large documents", columns, rows, "Of 2 to 16 kB, and one in 16 of 100 kB.")


def _indexes(found: Findings) -> Table:
    columns = (
        *("index", "bytes a row", "insert, µs: with, without", "log, B: with, without", "pages: with, without"),
        *("there for", "its pages: with, without"),
    )
    rows = [_index_row(each) for each in found.indexes]
    note = f"At {found.indexes_at:,} items; time on the server, of one row of the index's table."
    return Table("indexes", "What each index costs", columns, rows, note)


def _index_row(cost: IndexCost) -> Sequence[str]:
    with_it, without = cost.before, cost.without
    reads = "; ".join(f"{whose} {before:,.0f}, {after:,.0f}" for whose, (before, after) in cost.reads.items())
    return (
        f"`{cost.name}`",
        f"{cost.bytes_a_row:.0f}",
        f"{with_it.microseconds:.0f}, {without.microseconds:.0f}",
        f"{with_it.log:.0f}, {without.log:.0f}",
        f"{with_it.pages:.1f}, {without.pages:.1f}",
        cost.call,
        reads,
    )


def _bloat(found: Findings) -> Table:
    columns = (
        *(
            "storage parameters",
            "updates",
            "a second",
            "log of one, B",
            "items: HOT",
            "table grew",
            "indexes grew",
            "vacuums",
        ),
        *("threads: HOT", "table grew", "indexes grew", "vacuums"),
    )
    rows = [_bloat_row(each) for each in found.bloats]
    note = (
        "Replies that are saved nine times while they grow, a hundred at once. Grew: against the same rows written "
        "anew without room for updates. Autovacuum looked every second, for what would take days took a minute."
    )
    return Table("bloat", f"Updates of running replies, {AS_MIGRATED} and otherwise", columns, rows, note)


def _bloat_row(bloat: Bloat) -> Sequence[str]:
    cells = [cell for growth in (bloat.items, bloat.threads) for cell in _growth_cells(growth)]
    rate, log = bloat.updates / bloat.seconds, bloat.log / bloat.updates
    return bloat.parameters, f"{bloat.updates:,}", f"{rate:,.0f}", f"{log:,.0f}", *cells


def _growth_cells(growth: Growth) -> Sequence[str]:
    in_table, in_indexes = growth.in_table / growth.packed_table, growth.in_indexes / growth.packed_indexes
    return f"{growth.hot_share:.0%}", f"{in_table:.2f}", f"{in_indexes:.2f}", str(growth.vacuums)


def _migrations(found: Findings) -> Table:
    rows = [(each.revision, each.what, f"{each.seconds * 1000:.1f}", each.locks) for each in found.migrations]
    columns = ("migration", "", "ms", "locks on tables that were there")
    return Table("migrations", "Migrations of the full tables", columns, rows)


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}"
