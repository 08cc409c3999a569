"""What a download came to, and the one hop to another host that it may take: to which, and what refusals mean."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

import httpx

from shared.errors import MalformedPayload, NotFound, ProviderError, Unavailable
from shared.http.refusals import PassingTrouble

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Download:
    """A file was filled with `size` bytes; `is_cut` when there was more. `headers` have lower-case names."""

    headers: Mapping[str, str]
    size: int
    is_cut: bool


def storage_url(base: httpx.URL, asked: httpx.URL, location: str, hosts: Collection[str]) -> httpx.URL:
    """Where a provider keeps what was asked for, if it is one of `hosts`; raises MalformedPayload if it is not.

    A host is written `host` or `host:port`, a `*` in it stands for anything. An encrypted way never leads to a plain
    one, and an address that brings a name and a password is refused: httpx would send them.
    """
    whence = f"{asked.host}{asked.path}"
    try:
        url = asked.join(location)
    except httpx.InvalidURL:
        raise MalformedPayload(f"{whence}: redirects to nowhere") from None
    host = url.host if url.port in (None, _DEFAULT_PORTS.get(url.scheme)) else f"{url.host}:{url.port}"
    is_plain = url.scheme == "http" and base.scheme == "http"
    is_allowed = any(fnmatchcase(host, pattern.lower()) for pattern in hosts)
    if url.userinfo or not is_allowed or not (is_plain or url.scheme == "https"):
        raise MalformedPayload(
            f"{whence}: leads to another host ({url.scheme}://{host}), which was not asked and got no credential; add "
            f"it to log_hosts if logs are kept there"
        )
    return url


def storage_refusal(where: str, status: int) -> ProviderError | None:
    """What a storage host's answer means: its link lives a minute, so a refusal is worth asking for a new one."""
    if 200 <= status < 300:
        return None
    if status in (404, 410):
        return NotFound(f"{where}: no longer kept there ({status})")
    if 300 <= status < 400:
        return MalformedPayload(f"{where}: the storage redirects once more ({status}); that is not followed")
    trouble = PassingTrouble if status in (403, 408) or status >= 500 else Unavailable
    return trouble(f"{where}: the storage refused the link ({status}); a new one is asked for later")


def not_a_page(where: str, headers: Mapping[str, str]) -> None:
    """Raise MalformedPayload for a web page: a login or a proxy stands where a log was expected."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml"):
        raise MalformedPayload(
            f"{where}: answered with a web page ({kind}); does a login or a proxy stand in front of it?"
        )
