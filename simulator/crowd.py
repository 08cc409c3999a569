"""How many requests a credential has under way at once (GitHub asks for one), and how long each is made to take."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Crowd:
    """Counts the requests under way, by site and credential; `seconds` is how long each of them takes at least."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._now: Counter[tuple[str, str | None]] = Counter()
        self._most: Counter[tuple[str, str | None]] = Counter()

    def most(self, site: str, credential: str | None) -> int:
        """The most that were ever under way at once."""
        with self._lock:
            return self._most[site, credential]

    @contextmanager
    def joined(self, site: str, credential: str | None) -> Iterator[None]:
        """One request, from its arrival until its answer is ready."""
        key = (site, credential)
        with self._lock:
            self._now[key] += 1
            self._most[key] = max(self._most[key], self._now[key])
        try:
            time.sleep(self.seconds)
            yield
        finally:
            with self._lock:
                self._now[key] -= 1
