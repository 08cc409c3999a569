"""How many requests of ours may be at one Jenkins at once: it limits nobody, so we do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import Unavailable

AT_ONCE = 2
"""To one controller, from all threads of a process."""

_LONGEST_WAIT_SECONDS = 40.0

_gates: dict[str, threading.BoundedSemaphore] = {}
_gates_lock = threading.Lock()


@contextmanager
def gate(base_url: str) -> Iterator[None]:
    """One of the few places at a controller; waits while others hold them, and raises Unavailable after a while."""
    with _gates_lock:
        places = _gates.setdefault(base_url, threading.BoundedSemaphore(AT_ONCE))
    if not places.acquire(timeout=_LONGEST_WAIT_SECONDS):
        raise Unavailable(f"{base_url}: it is slow, and {AT_ONCE} requests of ours are waiting for it already")
    try:
        yield
    finally:
        places.release()
