"""Makes a call again until it succeeds or its time is over. What is worth it, `_failures` knows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, stop_before_delay, wait_random_exponential

from chatkit_pgstore._failures import explained, is_transient, underlying
from chatkit_pgstore.errors import StoreUnavailableError

logger = logging.getLogger("chatkit_pgstore")

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 1.0

PAUSE = wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS)
"""Anything up to a limit that doubles: callers who failed together do not come back together."""


async def persistently(call: str, attempt: Callable[[float], Awaitable[T]], seconds: float) -> tuple[T, int]:
    """Return what *attempt* returns, and how many attempts it took.

    The second follows at once, for all that most failures need is another connection; the others after a pause.

    Args:
        call: What the log and the error call it.
        attempt: Idempotent. Called with the loop's time at which it has to end.
        seconds: For all attempts and pauses.

    Raises:
        StoreUnavailableError: No attempt succeeded in time; its cause is the failure that says most.
        Exception: Whatever is not worth another attempt, as `explained` words it.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        # Most calls end here, without the time that a retrying library takes for itself.
        return await attempt(deadline), 1
    except Exception as error:  # noqa: BLE001  # it is raised unless another attempt is worth it
        efforts = _Efforts(call, attempt, deadline)
        efforts.note(error)
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(_AgainError),
        wait=PAUSE,
        stop=stop_before_delay(efforts.seconds_left()),
        sleep=asyncio.sleep,
    )
    try:
        result: Any = await retrying(efforts.make)
    except RetryError:
        raise efforts.unavailable(seconds) from efforts.failure
    return result, efforts.made


class _AgainError(Exception):
    """An attempt failed in a way that makes another one worth it."""


class _Efforts(Generic[T]):
    """The attempts at one call."""

    failure: BaseException | None = None
    made = 0

    def __init__(self, call: str, attempt: Callable[[float], Awaitable[T]], deadline: float) -> None:
        self._call = call
        self._attempt = attempt
        self._deadline = deadline

    async def make(self) -> T:
        try:
            result = await self._attempt(self._deadline)
        except Exception as error:
            self.note(error)
            raise _AgainError from error
        self.made += 1
        return result

    def note(self, error: Exception) -> None:
        """Note that an attempt failed.

        Raises:
            Exception: It is not worth another one.
        """
        self.made += 1
        latest = underlying(error)
        if not is_transient(latest):
            raise explained(latest) from error
        if self.failure is None or not isinstance(latest, TimeoutError):  # which says less than what came before
            self.failure = latest
        logger.warning("%s: attempt %d failed (%s)", self._call, self.made, type(latest).__name__)

    def seconds_left(self) -> float:
        return self._deadline - asyncio.get_running_loop().time()

    def unavailable(self, seconds: float) -> StoreUnavailableError:
        failure = self.failure
        timed_out = isinstance(failure, TimeoutError)
        cause = "no attempt came to an end" if timed_out else f"{type(failure).__name__}: {failure}"
        return StoreUnavailableError(
            f"{self._call} did not succeed within {seconds:g} seconds and {self.made} attempts ({cause}). "
            "Check that the server is up and can be reached, and that the pool is large enough."
        )
