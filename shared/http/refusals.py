"""What a provider's refusal means for the caller, in words: from status, headers and body to one of our errors."""

import json
import re
from collections.abc import Mapping
from datetime import datetime

from shared.errors import (
    CredentialRefused,
    MalformedPayload,
    NotFound,
    ProviderError,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unprocessable,
)
from shared.http.rate_limit import is_told, pause, which_limit

_LONGEST_QUOTE = 200
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]+")
_PERMISSIONS = (
    ("x-accepted-github-permissions", "it needs the permission"),
    ("x-accepted-oauth-scopes", "it needs one of the scopes"),
    ("x-oauth-scopes", "it has the scopes"),
)


class PassingTrouble(Unavailable):
    """Unavailable for a reason that may be gone a second later."""


def refusal(
    where: str, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime, is_anonymous: bool
) -> ProviderError | None:
    """The error an answer stands for, or None for a good one (2xx, 304); `where` opens the message."""
    if 200 <= status < 300 or status == 304:
        return None
    said = quoted(body)
    retry_at = pause(status, headers, said, now)
    if retry_at is not None:
        limit = f"{which_limit(headers, said)} ({status}{_colon(said)})"
        return RateLimited(
            f"{where}: {limit}; asked again after {retry_at:%H:%M:%SZ}", retry_at, is_told=is_told(headers)
        )
    if status in (401, 403):
        error = CredentialRefused if status == 401 and not is_anonymous else Unauthorized
        return error(f"{where}: {_denied(status, headers, is_anonymous)} ({status}{_colon(said)})")
    if status in (404, 410, 451):
        hint = "set a token that may see it" if is_anonymous else "let the token see it"
        return NotFound(f"{where}: not there ({status}{_colon(said)}); check the name, or {hint}")
    if status >= 500 or status == 408:
        trouble = Unavailable if "retry-after" in headers else PassingTrouble
        return trouble(f"{where}: the provider has a problem of its own ({status}{_colon(said)}); asked again later")
    kind = Unprocessable if status == 422 else MalformedPayload
    return kind(f"{where}: refused the request ({status}{_colon(said)})")


def quoted(body: bytes) -> str:
    """What an error body says, on one printable line of bounded length; empty when it is a page or nothing."""
    text = body.decode("utf-8", "replace").strip()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = text
    if isinstance(content, dict):
        content = content.get("message", content.get("error", ""))
    if not isinstance(content, str) or content.lstrip().startswith("<"):
        return ""
    return _UNPRINTABLE.sub(" ", content).strip()[:_LONGEST_QUOTE]


def _colon(said: str) -> str:
    return f": {said}" if said else ""


def _denied(status: int, headers: Mapping[str, str], is_anonymous: bool) -> str:
    if is_anonymous:
        return "wants a credential and none is configured; set token_env or token_file"
    if status == 401:
        return "the credential is wrong, expired or revoked; make a new one and put it where the configuration points"
    told = [f"{words} {headers[name]}" for name, words in _PERMISSIONS if headers.get(name, "").strip()]
    return f"the credential lacks a permission: {', '.join(told) or 'give it read access to what is watched'}"
