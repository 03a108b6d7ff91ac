"""What has to be reached, and the ratios that are guarded."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.scale.findings import Findings
from benchmarks.scale.targets import MANY_THREADS

P99_LIMIT = 1.5
FIRST_PAGE_LIMIT_SECONDS = 0.002
DISK_LIMIT = 1.8
FIRST_PAGE = "load_threads, first page"
SMALL_MESSAGES = "messages under 1 kB"


@dataclass(frozen=True)
class Target:
    """One thing that has to be reached."""

    what: str
    figure: str
    limit: str
    reached: bool


def targets(found: Findings) -> list[Target]:
    """Return what has to be reached, of what was measured."""
    return list(_targets(found))


def _targets(found: Findings) -> Iterator[Target]:
    if ratios := ratios_of_p99(found):
        worst = max(ratios, key=ratios.__getitem__)
        reached = ratios[worst] <= P99_LIMIT
        yield Target(f"every {worst}", f"{ratios[worst]:.2f}", f"{P99_LIMIT}", reached)
    for call in found.stages[-1].times if found.stages else ():
        if (call.whose, call.call) == (MANY_THREADS, FIRST_PAGE):
            what = f"first page of a user with many threads, p99, {found.stages[-1].items:,} items"
            limit = f"{FIRST_PAGE_LIMIT_SECONDS * 1000:.0f} ms"
            yield Target(what, f"{call.p99 * 1000:.2f} ms", limit, call.p99 <= FIRST_PAGE_LIMIT_SECONDS)
    for disk in found.disks:
        if disk.name == SMALL_MESSAGES:
            what = f"bytes on the disk of {SMALL_MESSAGES}, against JSON and keys"
            yield Target(what, f"{disk.ratio:.2f}", f"{DISK_LIMIT}", disk.ratio <= DISK_LIMIT)


def ratios_of_p99(found: Findings) -> dict[str, float]:
    """Return how many times the p99 of the smallest size each call has at the largest."""
    if len(found.stages) < 2:  # noqa: PLR2004  # a ratio takes two
        return {}
    first, last = found.stages[0], found.stages[-1]
    return {
        f"p99 at {last.items:,} items against {first.items:,}, at worst that of {small.whose}: {small.call}": large.p99
        / small.p99
        for small, large in zip(first.times, last.times, strict=True)
    }


def guarded(found: Findings) -> dict[str, float]:
    """Return the ratios that must not grow: those that depend on the store and not on the machine."""
    ratios = {name.replace(", at worst that", ""): ratio for name, ratio in ratios_of_p99(found).items()}
    ratios |= {f"disk of {disk.name} / JSON and keys": disk.ratio for disk in found.disks}
    for bloat in found.bloats:
        if bloat.updates == max(each.updates for each in found.bloats):
            ratios[f"growth of items by {bloat.updates:,} updates"] = bloat.items.growth
    for number, small in enumerate(found.stages[0].touched if len(found.stages) > 1 else ()):
        last = found.stages[-1]
        ratios[f"pages at {last.items:,} items of {small.whose}: {small.call}"] = (
            last.touched[number].middle / small.middle
        )
    return ratios
