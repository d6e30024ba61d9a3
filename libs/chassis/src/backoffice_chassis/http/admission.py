"""What a process lets in when more comes than it can serve.

What is turned away was not begun and may be sent again: 503 when the process has its hands full, 429 when one person
asks too often. Health and metrics are always answered.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from backoffice_chassis.http.problems import Problem, unavailable
from backoffice_chassis.settings import ServiceSettings


class Place:
    """A request's place among those at work. body_bytes: how much of its body is in memory."""

    def __init__(self, admission: "Admission") -> None:
        self._admission = admission
        self.body_bytes = 0

    def take(self, size: int) -> None:
        """Make room for more of the body. Raises 503 when the bodies in memory are too much together."""
        self._admission.make_room(size)
        self.body_bytes += size


class Admission:
    """Bounds the requests at work in this process, the bytes of their bodies, and the requests a second by person."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._most_requests = settings.max_requests_in_flight
        self._most_bytes = settings.max_body_bytes_in_flight
        self._rate = RateLimitItemPerSecond(settings.max_requests_per_second)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._requests = 0
        self._bytes = 0

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Hold a place until the request is answered. Raises 503 when all are taken."""
        if self._requests >= self._most_requests:
            raise _full(f"{self._requests} requests are being worked on")
        place = Place(self)
        self._requests += 1
        try:
            yield place
        finally:
            self._requests -= 1
            self._bytes -= place.body_bytes

    def make_room(self, size: int) -> None:
        """Count bytes of a body in. Raises 503 when there is no room for them."""
        if self._bytes + size > self._most_bytes:
            raise _full(f"{self._bytes} bytes of other requests are in memory")
        self._bytes += size

    async def check_rate(self, subject: str) -> None:
        """Raise 429 when a person's requests of the last second are too many."""
        if not await self._limiter.hit(self._rate, subject):
            raise Problem(
                429,
                "too-many-requests",
                "Too many requests",
                f"At most {self._rate.amount} a second are answered to one caller: send several things in one request.",
                headers={"Retry-After": "1"},
            )


def _full(what: str) -> Problem:
    return unavailable(
        f"The service has its hands full ({what}); nothing was begun. Send it again a little later.",
        slug="overloaded",
        retry_after=1,
    )
