"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Amount:
    """Of everything.

    Attributes:
        warm_up_calls: Before anything is timed. By default as many as it takes until each of ten connections has seen
            a statement so often that every driver has prepared it.
        rounds: Of alternating blocks.
        block_seconds: What a block of calls should take; none has more than `most_calls`, or less than `least_calls`.
        throughput_rounds: Of blocks of many tasks, and how long such a block should take.
        appends_together: To one conversation, by all tasks together.
        conversations_on_disk: Of twenty messages each; `of_whole_states` where each message writes all of them.
    """

    warm_up_calls: int = 120
    rounds: int = 7
    block_seconds: float = 0.35
    most_calls: int = 500
    least_calls: int = 8
    throughput_rounds: int = 7
    throughput_seconds: float = 0.5
    tasks: int = 32
    appends_together: int = 960
    conversations_on_disk: int = 1000
    of_whole_states: int = 100


FULL = Amount()
QUICK = Amount(
    warm_up_calls=12,
    rounds=3,
    block_seconds=0.05,
    least_calls=3,
    throughput_rounds=2,
    throughput_seconds=0.15,
    appends_together=320,
    conversations_on_disk=100,
    of_whole_states=20,
)
