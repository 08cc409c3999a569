"""How often one address may fail: a sliding minute, exact, in bounded memory."""

import math
from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address, ip_network

MOST_FAILURES = 100
WINDOW_SECONDS = 60.0
MOST_ADDRESSES = 2048


class Throttle:
    """Counts the failures of each address; the one heard of longest ago is forgotten for a new one.

    One process's own: several API processes allow several times as much.
    """

    def __init__(self, *, most: int = MOST_FAILURES, addresses: int = MOST_ADDRESSES) -> None:
        self._most = most
        self._addresses = addresses
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, address: str, now: float) -> int:
        """Whole seconds until this address may fail again, 0 when it may now; `now` is a monotonic instant."""
        failures = self._failures.get(_neighbourhood(address))
        if failures is None or len(failures) < self._most:
            return 0
        return max(0, math.ceil(failures[0] + WINDOW_SECONDS - now))

    def count(self, address: str, now: float) -> None:
        """One more failure, which was allowed."""
        key = _neighbourhood(address)
        self._failures.setdefault(key, deque(maxlen=self._most)).append(now)
        self._failures.move_to_end(key)
        if len(self._failures) > self._addresses:
            self._failures.popitem(last=False)


def _neighbourhood(address: str) -> str:
    """The address itself; of IPv6 the /64 that one customer has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(ip_network((parsed.packed[:8] + bytes(8), 64)))
    return address
