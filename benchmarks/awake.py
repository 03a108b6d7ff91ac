"""Keeps processors from falling asleep while something is timed.

A processor that sleeps between a question and its answer has to wake up first, which takes a virtual machine up to a
tenth of a millisecond: more than many a call. A process of the class SCHED_IDLE on each of them keeps them awake, and
runs only where nobody else wants to.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

AT_WORK = "kept awake, by a process of the scheduling class SCHED_IDLE on each"
AS_THEY_ARE = "left to fall asleep"
TURNS = 10_000
"""Between two looks at whether the parent is still there: less than a millisecond of them."""


@contextmanager
def processors_awake() -> Iterator[str]:
    """Keep the processors of this process awake within the block, and yield what was done about them, in words.

    That is nothing where the class is missing (anywhere but on Linux), or may not be used.
    """
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "SCHED_IDLE") else []
    with ExitStack() as ends:
        refusals = [ends.enter_context(_spinning_on(processor)) for processor in processors]
        if not processors:
            yield f"{AS_THEY_ARE}: {sys.platform} has no scheduling class SCHED_IDLE"
        elif refused := " ".join(filter(None, refusals)):
            yield f"{AS_THEY_ARE}: {refused}"
        else:
            yield AT_WORK


@contextmanager
def _spinning_on(processor: int) -> Iterator[str]:
    """Yield why there is no process on *processor*; nothing when there is."""
    command = [sys.executable, "-S", "-E", str(Path(__file__).resolve()), str(processor), str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603  # this file
        try:
            line = child.stdout.readline() if child.stdout else ""
            yield line.strip() if line else f"no process on {processor}"
        finally:
            child.terminate()


def _spin(processor: int, parent: int) -> None:
    """Keep *processor* awake for as long as *parent* lives; first print a line, which is empty if all is well."""
    try:
        os.sched_setaffinity(0, {processor})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError as error:
        print(error, flush=True)
        return
    print(flush=True)
    while os.getppid() == parent:
        for _ in range(TURNS):
            pass


if __name__ == "__main__":
    _spin(int(sys.argv[1]), int(sys.argv[2]))
