"""API keys: made once, shown once, kept as a hash; and the short-lived keys that browsers hold as a session.

A key reads `bo_live_<8 id>_<43 secret>_<6 checksum>`: prefix and checksum let secret scanners find a leaked one. The
secret has 256 random bits, so a plain SHA-256 keeps it; nobody can try them out.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.models import Key


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    LOGS = "logs"
    COLLECT = "collect"
    SILENCE = "silence"
    CONFIG = "config"


SESSION_HOURS = 12
"""How long a browser's session lasts, whatever it does."""

LAST_USED_GRAIN = timedelta(minutes=1)
"""`last_used_at` is written at most this often, so that reading with a key is not a write."""

_LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PRINTED = re.compile(r"(bo_(?:live|sess)_([0-9A-Za-z]{8})_([0-9A-Za-z]{43}))_([0-9A-Za-z]{6})", re.ASCII)
_NOBODY = hashlib.sha256(b"nobody").digest()

_FIND = text("""
    SELECT k.secret_sha256, k.name, k.scopes, k.parent_id, k.last_used_at,
           least(k.expires_at, parent.expires_at) AS expires_at,
           coalesce(k.revoked_at, parent.revoked_at) AS revoked_at
    FROM keys k LEFT JOIN keys parent ON parent.id = k.parent_id
    WHERE k.id = :id
""")

_TOUCH = text("UPDATE keys SET last_used_at = :now WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :before)")

_REVOKE = text("UPDATE keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL")

_FORGET_SESSIONS = text("DELETE FROM keys WHERE parent_id IS NOT NULL AND expires_at < :now")

_STILL_LIVE = text("""
    SELECT k.id FROM keys k LEFT JOIN keys parent ON parent.id = k.parent_id
    WHERE k.id = ANY(:ids) AND coalesce(k.revoked_at, parent.revoked_at) IS NULL
      AND coalesce(least(k.expires_at, parent.expires_at) > :now, true)
""")

_HAS_KEY = text("""
    SELECT EXISTS (SELECT FROM keys WHERE parent_id IS NULL AND revoked_at IS NULL
                   AND (expires_at IS NULL OR expires_at > :now))
""")


_LIST = text("""
    SELECT id, name, scopes, created_at, last_used_at, expires_at, revoked_at
    FROM keys WHERE parent_id IS NULL ORDER BY created_at, id
""")

_SAME_NAME = text("SELECT id FROM keys WHERE parent_id IS NULL AND name = :name AND revoked_at IS NULL ORDER BY id")


@dataclass(frozen=True, slots=True)
class ListedKey:
    """What may be shown of a key that was created, live or not; browsers' sessions are not listed."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key that was presented, known, and is neither revoked nor expired."""

    id: str
    name: str
    scopes: frozenset[str]
    expires_at: datetime | None
    is_session: bool


def create_key(
    session: Session, name: str, scopes: Iterable[Scope], now: datetime, *, expires_at: datetime | None = None
) -> str:
    """Store a new key and return it as it is to be shown, once: only its hash stays here."""
    row = Key(name=name, scopes=[str(scope) for scope in scopes], created_at=now, expires_at=expires_at)
    return _store(session, "live", row)


def create_session(session: Session, key: LiveKey, now: datetime) -> tuple[str, datetime]:
    """A session for a browser, with what `key` may do and no longer than it; returns it and its end.

    It is a key of its own below the first: logging out revokes it alone, revoking the first ends it too.
    """
    session.execute(_FORGET_SESSIONS, {"now": now})
    end = now + timedelta(hours=SESSION_HOURS)
    end = min(end, key.expires_at) if key.expires_at is not None else end
    row = Key(name=key.name, scopes=sorted(key.scopes), created_at=now, expires_at=end, parent_id=key.id)
    return _store(session, "sess", row), end


def authenticate(session: Session, presented: str, now: datetime) -> LiveKey | None:
    """The live key behind what was presented; None when it is malformed, unknown, wrong, revoked or expired.

    An unknown id costs the same comparison as a known one. Writes `last_used_at` at most once a minute.
    """
    parts = _PRINTED.fullmatch(presented)
    if parts is None or parts[4] != _checksum(parts[1]):
        return None
    row = session.execute(_FIND, {"id": parts[2]}).one_or_none()
    is_right = hmac.compare_digest(_hash(parts[1]), bytes(row.secret_sha256) if row else _NOBODY)
    if row is None or not is_right or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= now:
        return None
    if row.last_used_at is None or row.last_used_at < now - LAST_USED_GRAIN:
        session.execute(_TOUCH, {"id": parts[2], "now": now, "before": now - LAST_USED_GRAIN})
    return LiveKey(parts[2], row.name, frozenset(row.scopes), row.expires_at, is_session=row.parent_id is not None)


def revoke_key(session: Session, key_id: str, now: datetime) -> bool:
    """End a key, and every session it opened, at once; False when there was nothing to end."""
    return session.execute(_REVOKE, {"id": key_id, "now": now}).rowcount > 0  # type: ignore[attr-defined, no-any-return]


def list_keys(session: Session) -> list[ListedKey]:
    """Every key that was created, the oldest first."""
    return [ListedKey(**{**row, "scopes": tuple(row["scopes"])}) for row in session.execute(_LIST).mappings()]


def keys_called(session: Session, name: str) -> list[str]:
    """The ids of the keys of this name that were not revoked; a name is for people and may be taken twice."""
    return list(session.scalars(_SAME_NAME, {"name": name}))


def has_usable_key(session: Session, now: datetime) -> bool:
    """Whether anybody could present a key at all."""
    return bool(session.scalar(_HAS_KEY, {"now": now}))


def still_live(session: Session, ids: Iterable[str], now: datetime) -> set[str]:
    """Which of these keys and sessions are neither revoked nor expired nor gone."""
    return set(session.scalars(_STILL_LIVE, {"ids": sorted(ids), "now": now}))


def _store(session: Session, kind: str, row: Key) -> str:
    row.id = "".join(secrets.choice(_LETTERS) for _ in range(8))
    secret = "".join(secrets.choice(_LETTERS) for _ in range(43))
    unsigned = f"bo_{kind}_{row.id}_{secret}"
    row.secret_sha256 = _hash(unsigned)
    session.add(row)
    session.flush()
    return f"{unsigned}_{_checksum(unsigned)}"


def _hash(unsigned: str) -> bytes:
    """Of the whole key, so that a session's secret presented as a live key is another key."""
    return hashlib.sha256(unsigned.encode()).digest()


def _checksum(unsigned: str) -> str:
    rest, letters = zlib.crc32(unsigned.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        letters = _LETTERS[digit] + letters
    return letters
