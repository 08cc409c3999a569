"""What each credential may still ask for in this hour (or minute), counted as the provider counts it."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """A credential's budget after a request; `is_exceeded` when that request was one too many."""

    limit: int
    used: int
    reset_at: datetime
    is_exceeded: bool = False

    @property
    def remaining(self) -> int:
        """How many requests are left."""
        return max(0, self.limit - self.used)


class Budget:
    """A fixed window of an hour (or another length) a credential, starting with its first request."""

    def __init__(self, length: timedelta = HOUR) -> None:
        self._length = length
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[datetime, int]] = {}

    def spend(self, who: str, limit: int, now: datetime, cost: int) -> Standing:
        """Count `cost` requests of `who`; beyond the limit nothing is counted."""
        with self._lock:
            reset_at, used = self._windows.get(who, (now, 0))
            if reset_at <= now or reset_at > now + self._length:
                reset_at, used = now.replace(microsecond=0) + self._length, 0
            if cost and used >= limit:
                return Standing(limit, used, reset_at, is_exceeded=True)
            self._windows[who] = (reset_at, used + cost)
            return Standing(limit, used + cost, reset_at)

    def set_used(self, who: str, used: int, now: datetime) -> None:
        """Put a credential at a place in its window, for tests of what happens near the end of it."""
        with self._lock:
            self._windows[who] = (now.replace(microsecond=0) + self._length, used)
