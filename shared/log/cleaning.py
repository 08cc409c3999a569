"""A log line's fields made safe to write: secrets masked, control characters escaped, everything of a plain type."""

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from pathlib import PurePath
from typing import Any

from structlog.typing import EventDict, WrappedLogger

from shared.log.redaction import MASK, redact

_Container = Mapping[Any, object] | list[object] | tuple[object, ...] | set[object] | frozenset[object]

LONGEST_TEXT = 16_384
DEEPEST = 6

_SECRET_KEY = re.compile(r"(?i)(passw|secret|token|api_?key|authorization|cookie|private_?key|webhook_url|dsn)")
_NAMES_A_SECRET = re.compile(r"(?i)_(env|file|id|name|fingerprint)$")

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"  # C0, C1, unseen, bidi, surrogates
)
_CONTROL_IN_TRACEBACK = re.compile(f"(?![\n\t]){_CONTROL.pattern}")

_MULTILINE = ("exception", "stack")


def clean_fields(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Every value as plain text, number, list or table, with secrets masked by key name, known value and shape."""
    return {redact(key): _clean(key, value, 0) for key, value in fields.items()}


def escape_fields(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """No value can begin a line of its own, colour the terminal or turn the text around; JSON escapes by itself."""
    return {_escape_text(key, _CONTROL): _escaped(key, value) for key, value in fields.items()}


def to_json(fields: Mapping[str, Any]) -> str:
    """One line of JSON in ASCII, so that neither an odd terminal nor a lone surrogate can make writing it fail."""
    return json.dumps(fields, default=str, skipkeys=True)


def _clean(key: str, value: object, depth: int) -> object:
    if isinstance(value, str | bytes):
        text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
        return _clean_text(key, text)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset) and depth < DEEPEST:
        return _clean_container(key, value, depth)
    return _clean_text(key, _told(value))


def _clean_container(key: str, value: _Container, depth: int) -> object:
    if isinstance(value, Mapping):
        return {redact(str(name)): _clean(str(name), item, depth + 1) for name, item in value.items()}
    return [_clean(key, item, depth + 1) for item in value]


def _clean_text(key: str, text: str) -> str:
    if _SECRET_KEY.search(key) and not _NAMES_A_SECRET.search(key):
        return MASK
    text = redact(text)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"


def _told(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    try:
        return str(value) if isinstance(value, BaseException | PurePath) else repr(value)
    except Exception as error:  # noqa: BLE001 (a broken __repr__ must not cost the line it stands in)
        return f"<{type(value).__name__} whose text cannot be had: {type(error).__name__}>"


def _escaped(key: str, value: object) -> object:
    if isinstance(value, str):
        return _escape_text(value, _CONTROL_IN_TRACEBACK if key in _MULTILINE else _CONTROL)
    return to_json({"": value})[5:-1] if isinstance(value, Mapping | list) else value


def _escape_text(text: str, characters: re.Pattern[str]) -> str:
    return characters.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
