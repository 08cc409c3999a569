"""What of a webhook's body is kept: a JSON object without secrets, of bounded depth, that the database accepts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from urllib.parse import parse_qs

import orjson

from shared.errors import MalformedPayload
from shared.http.body import Impossible, parse_json
from shared.log.redaction import MASK, redact

DEEPEST = 24
"""Recorded bodies are at most 8 levels deep."""

LONGEST_KEY = 200
"""Of a longer key only the end is looked at."""

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 16

# Values people give to builds, and what builds print: never ours to keep.
_DROPPED = {"gitlab": frozenset({"variables"}), "jenkins": frozenset({"parameters", "log"})}
_SECRET_KEY = re.compile(r"(?i)passw|secret|token|api_?key|authorization|cookie|private_?key|credential")
# GitHub and GitLab send dozens of addresses of their APIs in every body.
_NEEDLESS = re.compile(r"(?<!html)(?<!web)(?<!full)_url\Z")
_REFUSED = re.compile("[\x00\ud800-\udfff]")
_NUL = b"\\u0000"


class Fate(Enum):
    """What becomes of a value because of its key."""

    KEPT = auto()
    MASKED = auto()
    DROPPED = auto()


@dataclass(frozen=True, slots=True)
class KeptBody:
    """The redacted JSON object, or the reason why there is none."""

    json: bytes | None
    reason: str | None = None


def keep(raw: bytes, content_type: str, provider: str) -> KeptBody:
    """Read a verified body, JSON or a form with a `payload` field (GitHub offers both), and redact it. Never raises."""
    document = _payload_field(raw) if content_type.partition(";")[0].strip().lower() == _FORM else raw
    if document is None:
        return KeptBody(None, "the form has no field called payload")
    try:
        value = _parsed(document)
    except MalformedPayload as error:
        return KeptBody(None, f"the body could not be read: {error}")
    if not isinstance(value, dict):
        return KeptBody(None, "the body is JSON, but no object")
    return KeptBody(_encoded(_cut(value, _DROPPED.get(provider, frozenset()), 0)))


def _payload_field(raw: bytes) -> bytes | None:
    try:
        fields = parse_qs(raw.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    return fields["payload"][0].encode("utf-8", "surrogatepass") if "payload" in fields else None


def _parsed(document: bytes) -> object:
    """The value; what the strict parser refuses (a lone surrogate, a number without end) gets the generous one."""
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError:
        return parse_json(document)


def _cut(value: object, dropped: frozenset[str], depth: int) -> object:
    """The value without dropped keys and addresses nobody reads, secrets masked by the names of their keys."""
    if isinstance(value, dict):
        return _cut_object(value, dropped, depth) if depth < DEEPEST else None
    if isinstance(value, list):
        return [_cut(item, dropped, depth + 1) for item in value] if depth < DEEPEST else None
    return value


def _cut_object(value: dict[str, object], dropped: frozenset[str], depth: int) -> dict[str, object]:
    kept: dict[str, object] = {}
    for key, item in value.items():
        fate = Fate.DROPPED if key in dropped else _fate(key[-LONGEST_KEY:])
        if fate is Fate.KEPT:
            # Most values are plain: to call for each of them would cost as much as everything else here.
            kept[key] = _cut(item, dropped, depth + 1) if isinstance(item, dict | list) else item
        elif fate is Fate.MASKED:
            kept[key] = MASK if item else item
    return kept


@lru_cache(maxsize=4096)
def _fate(key: str) -> Fate:
    """What becomes of a key's value; remembered, because bodies of one kind have the same keys."""
    if _SECRET_KEY.search(key):
        return Fate.MASKED
    return Fate.DROPPED if _NEEDLESS.search(key) else Fate.KEPT


def _encoded(value: object) -> bytes:
    """JSON without known or shaped secrets; only a body that has something to clean is walked for it."""
    try:
        encoded = orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:  # a lone surrogate, a number outside 64 bits, or one that is none
        return orjson.dumps(_cleaned(value))
    text = encoded.decode()
    return encoded if _NUL not in encoded and redact(text) == text else orjson.dumps(_cleaned(value))


def _cleaned(value: object) -> object:
    match value:
        case Mapping():
            return {_clean_text(key): _cleaned(item) for key, item in value.items()}
        case list():
            return [_cleaned(item) for item in value]
        case str() | Impossible():
            return _clean_text(value if isinstance(value, str) else value.text)
    is_too_large = isinstance(value, int) and not -(2**63) <= value < 2**63
    return str(value) if is_too_large else value


def _clean_text(text: str) -> str:
    return _REFUSED.sub("\ufffd", redact(text))
