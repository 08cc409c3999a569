"""Addresses that messages are posted to: which are safe to post to, and how long one asks to be left alone."""

import re
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from shared.http.addresses import is_forbidden
from shared.http.post import Answer
from shared.http.rate_limit import pause

PASSING = frozenset(
    {
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Refusals that say nothing about the message; those of 500 and more do not either."""


def is_endpoint(url: str) -> bool:
    """Whether a URL is whole, encrypted (or on this machine) and not where machines hand out their own credentials.

    What a name leads to is looked at again whenever it is connected to (shared/http/addresses.py).
    """
    try:
        parts = urlsplit(url)
        is_plain = re.fullmatch(r"[!-~]+", url) is not None and parts.port != 0
    except ValueError:
        return False
    if not is_plain or not parts.hostname or "@" in parts.netloc or parts.fragment:
        return False
    if parts.scheme == "http":
        return parts.hostname == "localhost" or _is(parts.hostname, lambda address: address.is_loopback)
    return parts.scheme == "https" and not _is(parts.hostname, lambda address: is_forbidden(str(address)))


def _is(host: str, what: Callable[[IPv4Address | IPv6Address], bool]) -> bool:
    """Whether a host is an address, not a name, of that sort."""
    try:
        return what(ip_address(host))
    except ValueError:
        return False


def retry_after(answer: Answer, now: datetime) -> float | None:
    """How long to wait, in seconds, where the answer says so (as a number or as a date)."""
    if "retry-after" not in answer.headers:
        return None
    until = pause(HTTPStatus.TOO_MANY_REQUESTS, answer.headers, "", now)
    return None if until is None else (until - now).total_seconds()
