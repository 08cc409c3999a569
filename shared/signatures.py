"""Who sent a webhook: each provider's proof, checked over the raw body before anything reads it."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

TOLERANCE_SECONDS = 300
"""How far a signed timestamp may be off, either way (Standard Webhooks)."""

SIGNING_KEY_PREFIX = "whsec_"
MOST_SIGNATURES = 8
"""One delivery lists a signature for each key of a rotation; more is nobody's rotation."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_IN_A_PATH = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)


class Verdict(IntEnum):
    """What a proof turned out to be; of several secrets the greatest counts."""

    MISSING = 0
    WRONG = 1
    STALE = 2
    VALID = 3


@dataclass(frozen=True, slots=True)
class Proof:
    """What came with a delivery: the raw body, the headers by lower-case name, and what the path ended in."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    path_secret: str | None = field(default=None, repr=False)


def verify(kind: str, proof: Proof, secrets: Iterable[str], now: datetime) -> Verdict:
    """Whether one of the secrets vouches for the delivery; `kind` is one of SCHEMES, `now` an aware instant.

    Two secrets are tried while one replaces the other.
    """
    best = Verdict.MISSING
    for secret in secrets:
        best = max(best, SCHEMES[kind](proof, secret, now))
        if best is Verdict.VALID:
            break
    return best


def what_is_wrong(kind: str, secret: str) -> str | None:
    """Why a secret cannot serve this kind of provider, in words without the secret; None when it can."""
    if kind == "jenkins" and not _IN_A_PATH.fullmatch(secret):
        return 'it ends the address Jenkins sends to, so it may only hold letters, digits and ". _ ~ -"'
    if kind == "gitlab" and secret.startswith(SIGNING_KEY_PREFIX) and signing_key(secret) is None:
        return "it begins with whsec_ like a signing token of GitLab, but the rest is not base64; copy all of it"
    return None


def signing_key(secret: str) -> bytes | None:
    """The key inside `whsec_<base64>`; None when there is none."""
    encoded = secret.removeprefix(SIGNING_KEY_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key or None


def github_signature(secret: str, body: bytes) -> str:
    """`X-Hub-Signature-256` of a body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def standard_signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    """One entry of `webhook-signature`: over `{id}.{timestamp}.{body}` (standardwebhooks.com)."""
    signed = b".".join((webhook_id.encode("latin-1", "replace"), timestamp.encode("latin-1", "replace"), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def _github(proof: Proof, secret: str, _now: datetime) -> Verdict:
    return _compared(proof.headers.get("x-hub-signature-256"), github_signature(secret, proof.body))


def _gitlab(proof: Proof, secret: str, now: datetime) -> Verdict:
    """A `whsec_` secret signs (GitLab's signing token); any other is the plain token GitLab sends along."""
    if not secret.startswith(SIGNING_KEY_PREFIX):
        return _compared(proof.headers.get("x-gitlab-token"), secret)
    key = signing_key(secret)
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    webhook_id, timestamp, listed = (proof.headers.get(name, "") for name in names)
    if key is None or not (webhook_id and timestamp and listed):
        return Verdict.MISSING
    expected = standard_signature(key, webhook_id, timestamp, proof.body)
    signatures = listed.split()[:MOST_SIGNATURES]
    if not any(_compared(signature, expected) is Verdict.VALID for signature in signatures):
        return Verdict.WRONG
    return Verdict.VALID if _is_recent(timestamp, now) else Verdict.STALE


def _jenkins(proof: Proof, secret: str, _now: datetime) -> Verdict:
    return _compared(proof.path_secret, secret)


def _compared(presented: str | None, expected: str) -> Verdict:
    """Compared in a time that tells nothing. A header's bytes come as Latin-1, a configured secret is UTF-8."""
    if not presented:
        return Verdict.MISSING
    is_same = hmac.compare_digest(presented.encode("latin-1", "replace"), expected.encode())
    return Verdict.VALID if is_same else Verdict.WRONG


def _is_recent(timestamp: str, now: datetime) -> bool:
    return bool(_TIMESTAMP.fullmatch(timestamp)) and abs(now.timestamp() - int(timestamp)) <= TOLERANCE_SECONDS


SCHEMES: Mapping[str, Callable[[Proof, str, datetime], Verdict]] = {
    "github": _github,
    "gitlab": _gitlab,
    "jenkins": _jenkins,
}
"""How each kind of provider proves who it is."""
