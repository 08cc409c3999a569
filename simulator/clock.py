"""The simulator's own clock: it may run faster than ours, be set, be advanced, or stand still."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """Reads `start` at first and `speed` simulated seconds a real second from there; speed 0 stands still."""

    def __init__(self, start: datetime, speed: float = 1.0, ticks: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._ticks = ticks
        self._anchor = start.astimezone(UTC)
        self._anchor_ticks = ticks()
        self._speed = speed

    @property
    def speed(self) -> float:
        """Simulated seconds per real second."""
        return self._speed

    def now(self) -> datetime:
        """The simulated instant, aware, in UTC."""
        with self._lock:
            return self._read()

    def set(self, instant: datetime) -> None:
        """Jump to `instant`, forwards or backwards."""
        with self._lock:
            self._anchor, self._anchor_ticks = instant.astimezone(UTC), self._ticks()

    def advance(self, seconds: float) -> None:
        """Jump by so many simulated seconds; negative steps back."""
        with self._lock:
            self._anchor, self._anchor_ticks = self._read() + timedelta(seconds=seconds), self._ticks()

    def run_at(self, speed: float) -> None:
        """Go on from the present instant at another speed."""
        with self._lock:
            self._anchor, self._anchor_ticks = self._read(), self._ticks()
            self._speed = speed

    def _read(self) -> datetime:
        return self._anchor + timedelta(seconds=(self._ticks() - self._anchor_ticks) * self._speed)
