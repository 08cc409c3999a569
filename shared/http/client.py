"""The one hardened HTTP client, and the only importer of httpx: asks a provider for JSON and survives the answer."""

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

import httpcore
import httpx
import structlog
import tenacity
from pydantic import SecretStr

from shared.clock import utc_now
from shared.errors import CredentialRefused, MalformedPayload, Unavailable
from shared.http.addresses import ForbiddenAddressError
from shared.http.authorization import AuthStyle, Renewable, authorization
from shared.http.body import TooLarge, Truncated, copy_limited, parse_json, read_limited
from shared.http.deadline import DeadlinePassedError, NameUnknownError, check_name, deadline
from shared.http.download import Download, not_a_page, storage_refusal, storage_url
from shared.http.rate_limit import Budget, read_budget, server_date
from shared.http.refusals import PassingTrouble, refusal
from shared.http.transport import Transport
from shared.http.trust import trusted

log = structlog.get_logger()

T = TypeVar("T")

# At INFO they print every URL with its query, at DEBUG the headers.
for _chatty in ("httpx", "httpcore"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)

# What libraries put around the words of an error: "[Errno 111] …", "[SSL: …] certificate verify failed: … (_ssl.c:1)".
_PLUMBING = re.compile(r"\[(?:Errno|SSL)[^\]]*\] |certificate verify failed: |[. ]*\(_ssl\.c:\d+\)")
_REDIRECTS = (301, 302, 307, 308)
_LARGEST_REFUSAL = 65_536
_FOR_STRANGERS = ("user-agent", "accept-encoding")
_WIRE_ERRORS = (
    httpx.HTTPError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how much: one try ends after `total_seconds`, all of them after `all_tries_seconds` (< a lease)."""

    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    total_seconds: float = 30.0
    tries: int = 3
    all_tries_seconds: float = 50.0
    pause_seconds: float = 1.0
    largest_body: int = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer: `payload` is untyped JSON for a `parse_*`, None when the caller's copy is still good (304).

    `headers` have lower-case names, `links` maps the `Link` header's rel to its URL, `date` is the provider's clock.
    """

    status: int
    headers: Mapping[str, str]
    payload: object
    date: datetime | None
    links: Mapping[str, str] = field(default_factory=dict)
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class _Reply:
    url: httpx.URL
    status: int
    headers: Mapping[str, str]
    body: bytes
    links: Mapping[str, str]


class _Sink:
    """The file a download fills, from its beginning at each try."""

    def __init__(self, file: BinaryIO, largest: int) -> None:
        self._file, self._largest = file, largest
        self.size, self.is_cut = 0, False

    def fill(self, response: httpx.Response, *, is_gzip: bool) -> None:
        self._file.seek(0)
        self._file.truncate()
        self.size, self.is_cut = copy_limited(response.iter_raw(), self._file, is_gzip=is_gzip, limit=self._largest)


class Client:
    """Asks one provider's installation for JSON, with one credential that is sent to `base_url`'s origin only.

    Errors are those of `shared.errors`; each message names the host, the path, the status and a remedy, never the query
    or the credential. Only passing troubles are tried again here; a pause the provider asks for is raised as
    `RateLimited(retry_at)` and never slept. `on_budget` hears every budget a provider tells, `before_try` runs before
    each request and may raise (a lease to renew), `on_date` hears the provider's clock with every answer, refusals too.
    A credential that can be renewed is, once, when it is refused. Safe to use from several threads, if that one is.
    """

    def __init__(
        self,
        base_url: str,
        credential: SecretStr | Renewable | None = None,
        *,
        auth: AuthStyle = AuthStyle.BEARER,
        headers: Mapping[str, str] | None = None,
        ca_file: Path | None = None,
        limits: Limits | None = None,
        on_budget: Callable[[Budget], None] | None = None,
        before_try: Callable[[], None] | None = None,
        on_date: Callable[[datetime], None] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._base = httpx.URL(base_url.rstrip("/"))
        self._limits = limits or Limits()
        self._renewable = None if isinstance(credential, SecretStr) else credential
        self._auth = auth
        self._fixed = authorization(auth, credential, self._base.host) if isinstance(credential, SecretStr) else {}
        self._headers = {
            "user-agent": "build-observatory",
            "accept": "application/json",
            "accept-encoding": "gzip",
            **(headers or {}),
        }
        self._on_budget = on_budget
        self._before_try = before_try
        self._on_date = on_date
        self._clock = clock
        context = trusted(ca_file) if self._base.scheme == "https" else None
        self._http = httpx.Client(transport=Transport(context), trust_env=False, follow_redirects=False)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def get_json(
        self,
        path_or_url: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        shape: type[dict[str, object]] | type[list[object]] = dict,
    ) -> Answer:
        """The JSON at a path below the base URL, or at a full URL of the same origin; `shape` is what it has to be.

        Raises RateLimited, Unauthorized, NotFound, Unavailable or MalformedPayload.
        """
        url = self._target(path_or_url)
        if params:
            url = url.copy_merge_params(params)
        ends_at = monotonic() + self._limits.all_tries_seconds
        return self._renewing(lambda: self._tries()(self._try, "GET", url, dict(headers or {}), shape, ends_at))

    def post_json(self, path: str) -> Answer:
        """The JSON object that a POST without a body is answered with; it may arrive twice, so that must do no harm.

        Raises like `get_json`.
        """
        ends_at = monotonic() + self._limits.all_tries_seconds
        return self._renewing(lambda: self._tries()(self._try, "POST", self._target(path), {}, dict, ends_at))

    def download(
        self,
        path_or_url: str,
        into: BinaryIO,
        *,
        largest: int,
        must_be_whole: bool = False,
        hosts: Collection[str] = (),
    ) -> Download:
        """Fill a file with what is at a path (of our origin), at most `largest` bytes of it.

        Where it is kept on another host (a redirect) it is fetched from there in a fresh request that carries nothing
        of ours, if that is one of `hosts`. Raises like `get_json`, and TooLarge when it had to be cut and
        `must_be_whole`.
        """
        url = self._target(path_or_url)
        ends_at = monotonic() + self._limits.all_tries_seconds
        done = self._renewing(lambda: self._tries()(self._try_download, url, into, largest, tuple(hosts), ends_at))
        if done.is_cut and must_be_whole:
            raise TooLarge(f"{_where(url)}: the answer has more than {largest:,} bytes")
        return done

    def _renewing(self, ask: Callable[[], T]) -> T:
        """Ask, and once more with a new credential where the one at hand was over before its time."""
        try:
            return ask()
        except CredentialRefused:
            if self._renewable is None or not self._renewable.refused():
                raise
            return ask()

    def _authorization(self, url: httpx.URL) -> dict[str, str]:
        if self._renewable is None:
            return self._fixed
        return authorization(self._auth, self._renewable.current(url.path), self._base.host)

    def _tries(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._limits.tries)
            | tenacity.stop_before_delay(self._limits.all_tries_seconds),
            wait=tenacity.wait_random_exponential(self._limits.pause_seconds, max=8 * self._limits.pause_seconds),
            retry=tenacity.retry_if_exception_type((PassingTrouble, Truncated)),
            before_sleep=_log_another_try,
            reraise=True,
        )

    def find_host(self) -> None:
        """Raises Unavailable when the host's name cannot be resolved: then the way is missing, not the provider."""
        try:
            check_name(self._base.host, self._limits.connect_seconds)
        except (httpcore.ConnectError, httpcore.ConnectTimeout, DeadlinePassedError) as error:
            raise Unavailable(str(error) or f"the name {self._base.host} was not resolved in time") from error

    def is_own(self, url: str) -> bool:
        """Whether a URL (a `Link`'s, say) is of the origin that the credential belongs to."""
        try:
            return _origin(httpx.URL(url)) == _origin(self._base) and not httpx.URL(url).userinfo
        except httpx.InvalidURL:
            return False

    def _target(self, path_or_url: str) -> httpx.URL:
        is_path = path_or_url.startswith("/") and not path_or_url.startswith("//")
        return self._checked(f"{self._base}{path_or_url}" if is_path else path_or_url, f"{self._base.host}: leads")

    def _checked(self, url: str, whence: str) -> httpx.URL:
        """The URL if it is of our origin: nothing else is ever asked, so nothing else ever sees the credential."""
        if not self.is_own(url):
            raise MalformedPayload(
                f"{whence} to another address ({_place(url)}); it was not asked and no credential was sent; if the API "
                f"moved there, set base_url to it"
            )
        return httpx.URL(url)

    def _try(self, method: str, url: httpx.URL, headers: dict[str, str], shape: type, ends_at: float) -> Answer:
        if self._before_try is not None:
            self._before_try()
        reply = self._ask(method, url, headers, ends_at)
        budget = self._judge(url, reply)
        is_conditional = any(name.lower() == "if-none-match" for name in headers)
        return Answer(
            status=reply.status,
            headers=reply.headers,
            payload=None if reply.status == 304 and is_conditional else _payload(reply, shape),
            date=server_date(reply.headers),
            links=reply.links,
            budget=budget,
        )

    def _judge(self, url: httpx.URL, reply: _Reply) -> Budget | None:
        """Pass on the budget an answer of the provider tells, and raise what it refuses."""
        now = self._clock()
        budget = read_budget(reply.headers, now)
        if budget is not None and self._on_budget is not None:
            self._on_budget(budget)
        date = server_date(reply.headers)
        if date is not None and self._on_date is not None:
            self._on_date(date)
        is_anonymous = not self._fixed and self._renewable is None
        error = refusal(_where(url), reply.status, reply.headers, reply.body, now=now, is_anonymous=is_anonymous)
        if error is not None:
            raise error
        return budget

    def _try_download(
        self, url: httpx.URL, into: BinaryIO, largest: int, hosts: tuple[str, ...], ends_at: float
    ) -> Download:
        if self._before_try is not None:
            self._before_try()
        sink = _Sink(into, largest)
        ours = {**self._headers, "accept": "*/*", **self._authorization(url)}
        with self._deadline(url, ends_at):
            reply = self._exchange(url, ours, sink)
            if reply.status in _REDIRECTS and self.is_own(_location(reply)):
                # A repository that was renamed; its log may still be kept elsewhere.
                reply = self._exchange(self._redirected(reply), ours, sink)
            if reply.status not in _REDIRECTS:
                self._judge(url, reply)
            else:
                away = storage_url(self._base, reply.url, reply.headers.get("location", ""), hosts)
                reply = self._exchange(away, {name: self._headers[name] for name in _FOR_STRANGERS}, sink)
                error = storage_refusal(_where(away), reply.status)
                if error is not None:
                    raise error
        not_a_page(_where(reply.url), reply.headers)
        return Download(reply.headers, sink.size, sink.is_cut)

    @contextmanager
    def _deadline(self, url: httpx.URL, ends_at: float) -> Iterator[None]:
        """What happens inside is one try, with redirects and all, and over in time."""
        seconds = max(0.0, min(self._limits.total_seconds, ends_at - monotonic()))
        try:
            with deadline(seconds):
                yield
        except DeadlinePassedError:
            raise Unavailable(
                f"{_where(url)}: no complete answer within {seconds:.0f} s; the provider or the way to it is too slow"
            ) from None

    def _ask(self, method: str, url: httpx.URL, headers: Mapping[str, str], ends_at: float) -> _Reply:
        """One answer, one redirect within the origin included, inside one deadline."""
        ours = {**self._headers, **headers, **self._authorization(url)}
        with self._deadline(url, ends_at):
            reply = self._exchange(url, ours, method=method)
            if reply.status not in _REDIRECTS:
                return reply
            reply = self._exchange(self._redirected(reply), ours, method=method)
        if reply.status in _REDIRECTS:
            raise MalformedPayload(f"{_where(url)}: redirected twice in a row; set base_url to where the API really is")
        return reply

    def _redirected(self, reply: _Reply) -> httpx.URL:
        whence = f"{_where(reply.url)}: redirects ({reply.status})"
        try:
            return self._checked(str(reply.url.join(reply.headers["location"])), whence)
        except (httpx.InvalidURL, KeyError):
            raise MalformedPayload(f"{whence} to nowhere") from None

    def _exchange(
        self, url: httpx.URL, headers: Mapping[str, str], sink: _Sink | None = None, method: str = "GET"
    ) -> _Reply:
        # Built by hand: nothing of the client's (cookies, defaults, environment) gets in, and the origin is checked.
        request = httpx.Request(method, url, headers=headers, extensions={"timeout": self._timeouts()})
        try:
            response = self._http.send(request, stream=True)
            try:
                return self._read(url, response, sink)
            finally:
                response.close()
        except _WIRE_ERRORS as error:
            raise _wire_trouble(_where(url), error) from error

    def _read(self, url: httpx.URL, response: httpx.Response, sink: _Sink | None) -> _Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        is_good = response.status_code < 300
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip", ""):
            raise MalformedPayload(f"{_where(url)}: encoded as {encoding[:20]}, although only gzip was offered")
        limit = self._limits.largest_body if is_good else _LARGEST_REFUSAL
        try:
            if sink is not None and is_good:
                sink.fill(response, is_gzip="gzip" in encoding)
                body = b""
            else:
                body = read_limited(response.iter_raw(), is_gzip="gzip" in encoding, limit=limit)
        except (TooLarge, Truncated) as error:
            if is_good:
                raise type(error)(f"{_where(url)}: the answer has {error}") from error
            body = b""  # the status alone says enough
        links = {rel: link["url"] for rel, link in response.links.items() if rel and "url" in link}
        return _Reply(url, response.status_code, headers, body, links)

    def _timeouts(self) -> dict[str, float]:
        limits = self._limits
        return {
            "connect": limits.connect_seconds,
            "read": limits.read_seconds,
            "write": limits.read_seconds,
            "pool": limits.total_seconds,
        }


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _location(reply: _Reply) -> str:
    try:
        return str(reply.url.join(reply.headers.get("location", "")))
    except httpx.InvalidURL:
        return ""


def _where(url: httpx.URL) -> str:
    """Host and path, never the query: it may hold what is nobody's business."""
    return f"{url.netloc.decode()}{url.path}"


def _place(text: str) -> str:
    try:
        return f"{httpx.URL(text).scheme or '?'}://{httpx.URL(text).host or '?'}"
    except httpx.InvalidURL:
        return "not a URL"


def _payload(reply: _Reply, shape: type) -> object:
    where = _where(reply.url)
    if reply.status in (204, 205, 304):
        raise MalformedPayload(f"{where}: answered {reply.status}, without the JSON that was asked for")
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise MalformedPayload(
            f"{where}: answered {reply.status} with {kind[:50] or 'no content type'} instead of JSON; is base_url the "
            f"API's address, or does a login or proxy page stand in front of it?"
        )
    try:
        payload = parse_json(reply.body)
    except MalformedPayload as error:
        raise type(error)(f"{where}: the answer holds {error}") from error
    if not isinstance(payload, shape):
        raise MalformedPayload(f"{where}: a JSON {type(payload).__name__} where the API has a {shape.__name__}")
    return payload


def _wire_trouble(where: str, error: Exception) -> PassingTrouble:
    """Where and what; a name that leads nowhere is said alone, so that every path of that host says the same."""
    is_about_name = isinstance(error, NameUnknownError | ForbiddenAddressError)
    return PassingTrouble(str(error) if is_about_name else f"{where}: {_wire_words(error)}")


def _wire_words(error: Exception) -> str:
    said = _PLUMBING.sub("", str(error))
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return f"its certificate is not trusted: {said}; if your company signs its own, set ca_file to its authority"
    if isinstance(error, httpcore.TimeoutException):
        step = type(error).__name__.removesuffix("Timeout").lower()
        return f"timed out ({step}); is the provider up and the way to it open?"
    if isinstance(error, httpcore.RemoteProtocolError):
        return f"the answer broke off or is no HTTP: {said}"
    return f"cannot be reached: {said or type(error).__name__}; check base_url and the network"


def _log_another_try(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.debug("retrying", reason=str(error), tries=state.attempt_number)
