"""GitHub Apps: a key signs for the app, the app is given a token for each of its installations, renewed in time."""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import SecretStr

from collectors.fields import Fields
from collectors.paging import every_page
from shared.clock import utc_now
from shared.errors import CredentialRefused, MalformedPayload, NotFound, ProviderError, Unauthorized
from shared.http.client import Client, Limits
from shared.secret import fingerprint

log = structlog.get_logger()

RENEWED_BEFORE = timedelta(minutes=5)
TRIED_AGAIN_AFTER = timedelta(seconds=30)
"""When renewing fails and the token at hand is still good."""

LIMITS = Limits(total_seconds=8, tries=2, all_tries_seconds=20)
"""A renewal happens inside a request that itself has to end before a lease does."""

_BACKDATED = timedelta(seconds=60)
_SIGNED_FOR = timedelta(minutes=8)  # GitHub takes ten, counted from `iat`
_NOTABLE_SKEW = timedelta(seconds=30)
_INSTALLATIONS_A_PAGE = 100
_MOST_PAGES = 20
_QUOTE = re.compile(r"\((\d{3}: .*)\)$")
_OWNER = re.compile(r"/(?:repos|orgs|users)/([^/]+)")

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of one installation, and until when (of our clock) GitHub takes it."""

    secret: SecretStr
    ends_at: datetime


def read_key(pem: SecretStr) -> SecretStr:
    """The key as PEM, also of a variable in which a backslash and an n end its lines. Raises ValueError for no key."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 (slow; only apps need it)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    text = pem.get_secret_value().replace("\\n", "\n")
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ValueError("names no private key in PEM; make one on the app's page at GitHub and download it") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("names a private key that is not RSA; use the one GitHub made for the app")  # noqa: TRY004
    return SecretStr(text)


def sign(app_id: int, pem: SecretStr, now: datetime) -> SecretStr:
    """The JSON web token by which GitHub knows the app; `now` is GitHub's time."""
    import jwt  # noqa: PLC0415 (slow; only apps need it)

    claims = {"iat": int((now - _BACKDATED).timestamp()), "exp": int((now + _SIGNED_FOR).timestamp())}
    return SecretStr(jwt.encode(claims | {"iss": str(app_id)}, pem.get_secret_value(), algorithm="RS256"))


class SharedToken:
    """One installation's token, for every thread of this process: one of them renews it, the others wait for that."""

    def __init__(self, renew: Callable[[], Token], clock: Callable[[], datetime] = utc_now) -> None:
        self._renew = renew
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at: datetime | None = None
        self._tries = 0
        self._trouble: ProviderError | None = None

    def current(self) -> SecretStr:
        """A token that is good for five minutes at least; raises what GitHub's answer to asking for one means."""
        tries = self._tries
        if (secret := self._good()) is not None:
            return secret
        with self._lock:
            if (secret := self._good()) is not None:
                return secret
            if self._tries != tries and self._trouble is not None:
                raise self._trouble  # asked while we waited; asking again would say the same
            return self._renewed()

    def refuse(self, secret: SecretStr) -> None:
        """Never give this token again."""
        with self._lock:
            if self._token is not None and self._token.secret == secret:
                self._token = self._renew_at = None

    def _good(self) -> SecretStr | None:
        token, renew_at = self._token, self._renew_at
        return token.secret if token is not None and renew_at is not None and self._clock() < renew_at else None

    def _renewed(self) -> SecretStr:
        try:
            token = self._renew()
        except ProviderError as error:
            self._trouble = error
            return self._kept(error)
        finally:
            self._tries += 1
        self._trouble = None
        self._token, self._renew_at = token, token.ends_at - RENEWED_BEFORE
        return token.secret

    def _kept(self, trouble: ProviderError) -> SecretStr:
        """The token at hand for as long as it lasts, when no new one can be had; raises the trouble without one."""
        now, token = self._clock(), self._token
        if token is None or token.ends_at <= now + TRIED_AGAIN_AFTER:
            raise trouble
        log.warning("could not renew an installation's token", error=str(trouble), ends_at=token.ends_at.isoformat())
        self._renew_at = now + TRIED_AGAIN_AFTER
        return token.secret


class App:
    """One GitHub App and the tokens of its installations, by owner; they live in this process's memory only."""

    def __init__(
        self,
        base_url: str,
        app_id: int,
        key: SecretStr,
        *,
        installation_id: int | None = None,
        headers: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._base_url, self._app_id, self._key = base_url, app_id, key
        self._installation_id = installation_id
        self._headers, self._ca_file = headers, ca_file
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, SharedToken] = {}
        self._skew = self._heard_skew = timedelta()

    def token_for(self, owner: str) -> SharedToken:
        """The token for an owner's repositories (names ignore case), the same one for every thread."""
        key = "" if self._installation_id is not None else owner.lower()
        with self._lock:
            if key not in self._tokens:
                self._tokens[key] = SharedToken(lambda: self.exchange(owner), self._clock)
            return self._tokens[key]

    def exchange(self, owner: str) -> Token:
        """A new token. GitHub's clock counts for what we sign: when ours is wrong, the second try knows by how much."""
        try:
            return self._asked(lambda client: self._given(client, owner))
        except CredentialRefused as error:
            if abs(self._heard_skew - self._skew) < _NOTABLE_SKEW:
                raise self._in_words(error) from error
        self._skew = self._heard_skew
        log.warning("this machine's clock is wrong", seconds_behind=round(self._skew.total_seconds()))
        try:
            return self._asked(lambda client: self._given(client, owner))
        except CredentialRefused as error:
            raise self._in_words(error) from error

    def _asked(self, ask: Callable[[Client], R]) -> R:
        """Ask as the app itself."""
        proof = sign(self._app_id, self._key, self._clock() + self._skew)
        with Client(
            self._base_url,
            proof,
            headers=self._headers,
            ca_file=self._ca_file,
            limits=LIMITS,
            on_date=self._hear,
            clock=self._clock,
        ) as client:
            return ask(client)

    def _hear(self, theirs: datetime) -> None:
        self._heard_skew = theirs - self._clock()

    def _given(self, client: Client, owner: str) -> Token:
        installation = self._installation_id or self._installation_of(client, owner)
        try:
            answer = client.post_json(f"/app/installations/{installation}/access_tokens")
        except NotFound as error:
            raise Unauthorized(
                f"{self} has no installation {installation}; take installation_id out of the configuration, or set it "
                "to the number at the end of the installation's address at GitHub"
            ) from error
        log.info("got an installation's token", app=self._app_id, installation=installation)
        return parse_token(answer.payload, (answer.date or self._clock()) - self._clock())

    def _installation_of(self, client: Client, owner: str) -> int:
        params = {"per_page": _INSTALLATIONS_A_PAGE}
        try:
            for answer in every_page(client, "/app/installations", params, _MOST_PAGES):
                found = find_installation(answer.payload, owner)
                if found is not None:
                    return found
        except NotFound as error:
            raise Unauthorized(f"{self} is not known there; check app_id and base_url") from error
        raise Unauthorized(
            f"{self} is not installed on {owner}, or suspended there; install it from the app's page at GitHub, for "
            "the repositories that are watched"
        )

    def _in_words(self, error: CredentialRefused) -> CredentialRefused:
        behind = round(self._skew.total_seconds())
        direction = "behind" if behind > 0 else "ahead of"
        clock = f"; set this machine's clock right, it is {abs(behind)} s {direction} GitHub's" if behind else ""
        words = "app_id and app_key have to belong together, and the key must still be listed on the app's page"
        said = _QUOTE.search(str(error))
        return CredentialRefused(
            f"{self}: GitHub does not believe its signature{f' ({said[1]})' if said else ''}; {words}{clock}"
        )

    def __str__(self) -> str:
        return f"the GitHub App {self._app_id}"


class InstallationCredential:
    """What one client asks with: the token of the installation that the path's owner has.

    A client reads one source: a path without an owner (`/repositories/1/…`, where a link leads) is of the last one.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._owner = ""
        self._given: SecretStr | None = None

    def current(self, path: str) -> SecretStr:
        """The token that opens this path."""
        if (named := _OWNER.search(path)) is not None:
            self._owner = named[1]
        self._given = None
        self._given = self._app.token_for(self._owner).current()
        return self._given

    def refused(self) -> bool:
        """Have the token renewed, unless it is the app that was refused and there was none."""
        if self._given is None:
            return False
        self._app.token_for(self._owner).refuse(self._given)
        return True


def find_installation(payload: object, owner: str) -> int | None:
    """The id of an owner's installation on a page of the list, None when it is not there or suspended."""
    for row in payload if isinstance(payload, list) else []:
        installation = Fields(row)
        login = installation.inside("account").text("login") or ""
        if login.lower() == owner.lower() and not installation.has("suspended_at"):
            return installation.whole("id", smallest=1)
    return None


def parse_token(payload: object, skew: timedelta) -> Token:
    """The token of an answer; `skew` is how far GitHub's clock is ahead of ours. Raises MalformedPayload."""
    fields = Fields(payload)
    secret, ends_at = fields.text("token", cap=4096), fields.instant("expires_at")
    if secret is None or ends_at is None:
        raise MalformedPayload("GitHub's answer holds no token with its end; is base_url the API's address?")
    return Token(SecretStr(secret), ends_at - skew)


def identity_of(app_id: int, key: SecretStr, installation_id: int | None) -> str:
    """What tells an app's credential from others, whatever token it has this hour; a new key is tried at once."""
    return fingerprint(SecretStr(f"{app_id}/{installation_id or ''}/{fingerprint(key)}"))


_apps: dict[tuple[object, ...], App] = {}
_apps_lock = threading.Lock()


def shared_app(
    base_url: str,
    app_id: int,
    key: SecretStr,
    *,
    installation_id: int | None,
    headers: Mapping[str, str],
    ca_file: Path | None,
) -> App:
    """The one App of this process for what is configured: its tokens outlive a client. A new key makes a new App."""
    identity = (base_url, identity_of(app_id, key, installation_id), ca_file)
    with _apps_lock:
        if identity not in _apps:
            _apps[identity] = App(
                base_url, app_id, key, installation_id=installation_id, headers=headers, ca_file=ca_file
            )
        return _apps[identity]
