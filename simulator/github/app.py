"""Apps of the fake GitHub: it believes their signatures, knows their installations, gives tokens for an hour."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import jwt

from simulator.exchange import Answer, Request, json_answer
from simulator.github import answers, lists

TOKEN_LIVES = timedelta(hours=1)
REQUESTS_AN_HOUR = 5000

_LONGEST = timedelta(minutes=10)
_DOCS = "/apps/apps"
_UNREADABLE = "A JSON web token could not be decoded"


@dataclass(frozen=True, slots=True)
class Installation:
    """Where an app is installed, and whether the owner has paused it."""

    id: int
    app: str
    owner: str
    is_suspended: bool = False


@dataclass(frozen=True, slots=True)
class _Grant:
    installation: Installation
    ends_at: datetime


class Apps:
    """The apps, their installations, and the tokens that were given."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, str] = {}
        self._installations: dict[int, Installation] = {}
        self._grants: dict[str, _Grant] = {}
        self.token_lives = TOKEN_LIVES

    def make(self, app_id: int, public_key: str, installations: Mapping[str, int]) -> None:
        """An app with this public key (PEM), installed where `installations` maps owners to ids; or its new key."""
        with self._lock:
            self._keys[str(app_id)] = public_key
            for owner, number in installations.items():
                self._installations[number] = Installation(number, str(app_id), owner)

    def suspend(self, installation: int) -> None:
        """The owner pauses an installation; tokens that were given for it end."""
        with self._lock:
            found = self._installations[installation]
            self._installations[installation] = Installation(found.id, found.app, found.owner, is_suspended=True)
        self.revoke()

    def revoke(self) -> None:
        """End every token that was given so far."""
        with self._lock:
            self._grants.clear()

    def installation_of(self, token: str | None, now: datetime) -> Installation | None:
        """Whose token this is, None for any other or one that is over."""
        with self._lock:
            grant = self._grants.get(token or "")
        return grant.installation if grant is not None and now < grant.ends_at else None

    def answer(self, request: Request, now: datetime) -> Answer:
        """What `/app/…` answers: to the app itself, by its signature."""
        app = self._signer(request.credential or "", now)
        if isinstance(app, Answer):
            return app
        if request.method == "GET" and request.path == "/app/installations":
            return self._listed(request, app)
        found = re.fullmatch(r"/app/installations/(\d+)/access_tokens", request.path)
        if request.method == "POST" and found:
            return self._given(app, int(found[1]), now)
        return answers.not_found(_DOCS)

    def _signer(self, token: str, now: datetime) -> str | Answer:
        """The app that signed, or why its signature does not count; times are compared by this GitHub's clock."""
        try:
            claimed = jwt.decode(token, options={"verify_signature": False})
            app = str(claimed.get("iss"))
            with self._lock:
                key = self._keys.get(app)
            if key is None:
                return answers.error(404, "Integration not found", _DOCS)
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_sub": False},
            )
        except jwt.InvalidTokenError:
            return answers.error(401, _UNREADABLE, _DOCS)
        return app if (problem := _untimely(claims, now)) is None else answers.error(401, problem, _DOCS)

    def _listed(self, request: Request, app: str) -> Answer:
        with self._lock:
            rows = [_row(each) for each in self._installations.values() if each.app == app]
        return json_answer(200, rows[lists.read_window(request.query).span])

    def _given(self, app: str, number: int, now: datetime) -> Answer:
        with self._lock:
            found = self._installations.get(number)
            if found is None or found.app != app:
                return answers.not_found(_DOCS)
            if found.is_suspended:
                return answers.error(403, "This installation has been suspended", _DOCS)
            told = sha256(f"{number} {len(self._grants)} {now.isoformat()}".encode()).hexdigest()
            token, ends_at = f"ghs_{app}_eyJ{told[:32]}.{told[32:]}", now.replace(microsecond=0) + self.token_lives
            self._grants[token] = _Grant(found, ends_at)
        content = {
            "token": token,
            "expires_at": f"{ends_at:%Y-%m-%dT%H:%M:%SZ}",
            "permissions": {"actions": "read", "metadata": "read"},
            "repository_selection": "all",
        }
        return json_answer(201, content)


def _untimely(claims: Mapping[str, object], now: datetime) -> str | None:
    """GitHub's words for a signature of another time: for one second ahead of it, too old, or good for too long."""
    issued, ends, seconds = claims.get("iat"), claims.get("exp"), now.timestamp()
    if not isinstance(issued, int) or issued > seconds:
        return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
    if not isinstance(ends, int) or ends <= seconds:
        return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which ..."
    if ends > seconds + _LONGEST.total_seconds():
        return "'Expiration time' claim ('exp') is too far in the future"
    return None


def _row(installation: Installation) -> dict[str, object]:
    return {
        "id": installation.id,
        "app_id": int(installation.app),
        "account": {"login": installation.owner, "type": "Organization"},
        "target_type": "Organization",
        "repository_selection": "all",
        "suspended_at": "2026-01-05T09:00:00Z" if installation.is_suspended else None,
        "suspended_by": None,
    }
