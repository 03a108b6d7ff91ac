"""Which reads saw what no write touched meanwhile, so that what they found is still so when they return."""

from collections import Counter, defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

Topic = tuple[str, str]
"""A user, and what of theirs is meant: a thread, the list of threads, the attachments."""


@dataclass(eq=False, slots=True)
class Sight:
    """One read on its way.

    Attributes:
        is_clear: Whether no write of this process has touched what it reads.
    """

    is_clear: bool


class Watch:
    """Tells reads of the writes that go on beside them; it holds nothing but what is on its way."""

    def __init__(self) -> None:
        self._sights: defaultdict[Topic, set[Sight]] = defaultdict(set)
        self._writing: Counter[Topic] = Counter()

    @contextmanager
    def reading(self, topic: Topic) -> Generator[Sight, None, None]:
        """Watch *topic* while the block reads it."""
        sight = Sight(is_clear=topic not in self._writing)
        self._sights[topic].add(sight)
        try:
            yield sight
        finally:
            self._sights[topic].discard(sight)
            if not self._sights[topic]:
                del self._sights[topic]

    @contextmanager
    def writing(self, topics: list[Topic]) -> Generator[None, None, None]:
        """Blur the sight of every read of *topics* that is on its way, or begins while the block writes them."""
        for topic in topics:
            self._writing[topic] += 1
            self._blur(topic)
        try:
            yield
        finally:
            for topic in topics:
                self._blur(topic)
                self._writing[topic] -= 1
                if not self._writing[topic]:
                    del self._writing[topic]

    def _blur(self, topic: Topic) -> None:
        for sight in self._sights.get(topic, ()):
            sight.is_clear = False
