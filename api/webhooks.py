"""`/webhooks/…` and `/webhook`: verify, redact, store, answer. What a webhook means, the scheduler finds out."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import BoundedSemaphore

import gevent
import structlog
from flask import Flask, Response, current_app, request
from sqlalchemy import Engine
from werkzeug.exceptions import RequestEntityTooLarge

from api.auth import needs
from api.group_commit import GroupCommit, NotCommitted
from api.parameters import ApiBlueprint
from api.principal import Permission
from api.problems import RETRY_SECONDS, Problem
from api.services import services
from api.shapes import ReceiptSchema
from api.throttle import Throttle
from shared import receipts, webhook_body
from shared.clock import utc_now
from shared.config.settings import ProviderSettings
from shared.receipts import Delivery, Stored
from shared.secret import SecretSource, SecretUnavailable
from shared.signatures import Proof, Verdict, verify
from shared.wire import encode
from shared.writing import writing

MAX_BODY_BYTES = 5 * 1024 * 1024
"""GitHub sends up to 25 MB: a push of thousands of commits. What is larger than this, the poll finds out."""

LARGE_BODY_BYTES = 128 * 1024
MOST_LARGE_BODIES = 16
"""So many bodies larger than that are read at the same time."""

BODY_SECONDS = 10
"""For the whole body; providers give up waiting for the answer after as long."""

LONGEST_NAME = 200

_NAME = "webhooks"
_PROOF = {
    "github": ("X-Hub-Signature-256",),
    "gitlab": ("X-Gitlab-Token", "webhook-signature"),
    "jenkins": (),
}
_TOLD_BY = {"x-github-event": "github", "x-gitlab-event": "gitlab", "webhook-signature": "gitlab"}
_EVENT = {"github": "x-github-event", "gitlab": "x-gitlab-event"}

log = structlog.get_logger()

blueprint = ApiBlueprint("webhooks", __name__, description="What providers send by themselves")


@dataclass(frozen=True, slots=True)
class Inbox:
    """What receiving needs besides the request: one for an application."""

    commits: GroupCommit[Delivery, Stored | None]
    throttle: Throttle
    room: BoundedSemaphore


def register(app: Flask, engine: Engine) -> None:
    """Give an application its inbox."""
    app.extensions[_NAME] = Inbox(
        GroupCommit(partial(_commit, engine)), Throttle(), BoundedSemaphore(MOST_LARGE_BODIES)
    )


@blueprint.route("/webhooks/<string:provider>/<string:instance>", methods=["POST"])
@needs(Permission.PUBLIC)
@blueprint.response(202, ReceiptSchema)
def receive_webhook(provider: str, instance: str) -> Response:
    """Take a webhook of a configured installation, proven by its signature or token.

    202 once it is stored; what it means is found out afterwards. GitHub signs with `X-Hub-Signature-256`, GitLab sends
    `X-Gitlab-Token` or signs with `webhook-signature`. 401 for a wrong proof, 429 after a hundred refusals a minute.
    """
    if provider == "jenkins":
        raise _failure(404, "Jenkins proves itself by the address: /webhooks/jenkins/{instance}/{secret}.")
    return _receive(_proven(_candidates(provider, instance), _proof(provider)))


@blueprint.route("/webhooks/jenkins/<string:instance>/<string:secret>", methods=["POST"])
@needs(Permission.PUBLIC)
@blueprint.response(202, ReceiptSchema)
def receive_jenkins_webhook(instance: str, secret: str) -> Response:
    """Take a webhook of Jenkins' notification plugin, which signs nothing: the address itself ends in the secret."""
    return _receive(_proven(_candidates("jenkins", instance), _proof("jenkins", secret)))


@blueprint.route("/webhook", methods=["POST"])
@needs(Permission.PUBLIC)
@blueprint.response(202, ReceiptSchema)
def receive_any_webhook() -> Response:
    """Take a webhook of GitHub or GitLab: the headers tell which of them, the installation is the one it proves.

    409 when two installations share the secret; each has an address of its own.
    """
    kind = next((kind for header, kind in _TOLD_BY.items() if header in request.headers), None)
    if kind is None:
        raise _failure(400, "No header tells whose webhook this is; send it to /webhooks/{provider}/{instance}.")
    return _receive(_proven(_candidates(kind, None), _proof(kind)))


def _candidates(kind: str, instance: str | None) -> list[ProviderSettings]:
    """The installations it may come from; 404 when none of them takes webhooks."""
    known = [each for each in services().config.providers if each.kind == kind and instance in {None, each.name}]
    found = [each for each in known if each.webhook_secret != SecretSource()]
    if found:
        return found
    name = "installation" if instance is None else f"installation called {instance[:LONGEST_NAME]}"
    if known:
        raise _failure(404, f"No {kind} {name} has a webhook_secret_env or webhook_secret_file: it takes no webhooks.")
    raise _failure(404, f"No {kind} {name} is configured here.")


def _proof(kind: str, path_secret: str | None = None) -> Proof:
    headers = {name.lower(): value for name, value in request.headers.items()}
    _refuse_before_reading(kind, headers)
    return Proof(_body(), headers, path_secret)


def _refuse_before_reading(kind: str, headers: Mapping[str, str]) -> None:
    """Whoever brings no proof at all is not even listened to."""
    names = _PROOF[kind]
    if names and not any(name.lower() in headers for name in names):
        words = f"This webhook carries no {' or '.join(names)}. Enter the secret of this installation at the provider."
        raise _failure(401, words)


def _body() -> bytes:
    """The raw body, all of it in time and within the limit."""
    request.max_content_length = MAX_BODY_BYTES
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        with _room_for(request.content_length), gevent.Timeout(BODY_SECONDS, False):
            return request.get_data(cache=False)
    except RequestEntityTooLarge:  # it came in pieces and had not said how large it is
        raise _too_large() from None
    raise _failure(408, f"The body did not arrive within {BODY_SECONDS} s.")


@contextmanager
def _room_for(length: int | None) -> Iterator[None]:
    """Bounds the memory that bodies nobody has vouched for yet can take; `length` is None where it is not told."""
    if length is not None and length <= LARGE_BODY_BYTES:
        yield
        return
    room = _inbox().room
    if not room.acquire(blocking=False):
        raise _not_now(f"{MOST_LARGE_BODIES} large webhooks are being read at this moment.")
    try:
        yield
    finally:
        room.release()


def _too_large() -> Problem:
    limit = MAX_BODY_BYTES // 1024**2
    return _failure(413, f"The body is larger than the {limit} MB taken here; the next poll finds out what it tells.")


def _proven(candidates: Sequence[ProviderSettings], proof: Proof) -> tuple[ProviderSettings, Proof]:
    """The one installation whose secret vouches for it; 401 when none does, 503 when one could not be asked."""
    now = utc_now()
    secrets = [(each, _secrets(each)) for each in candidates]
    verdicts = [(verify(each.kind, proof, known, now), each) for each, known in secrets if known is not None]
    proven = [each for verdict, each in verdicts if verdict is Verdict.VALID]
    if len(proven) > 1:
        names = " and ".join(each.name for each in proven)
        raise Problem(409, f"{names} have the same secret; send it to /webhooks/{{provider}}/{{instance}}.")
    if proven:
        return proven[0], proof
    if unread := [each.name for each, known in secrets if known is None]:
        raise _not_now(f"The webhook secret of {' and '.join(unread)} cannot be read at the moment.")
    if any(verdict is Verdict.STALE for verdict, _ in verdicts):
        raise _failure(401, "webhook-timestamp is more than 5 minutes off. Set both clocks by NTP; it may be a replay.")
    raise _failure(401, "The secret at the provider is not the one configured here.")


def _secrets(provider: ProviderSettings) -> tuple[str, ...] | None:
    """What it is believed by; None when that cannot be read."""
    try:
        return provider.webhook_secrets()
    except SecretUnavailable as error:
        log.warning("webhook secret unavailable", instance=provider.name, error=str(error))
        return None


def _receive(proven: tuple[ProviderSettings, Proof]) -> Response:
    """Store and answer, in this order."""
    provider, proof = proven
    delivery = read_delivery(provider, proof, request.content_type or "")
    try:
        stored = _inbox().commits.write(delivery)
    except NotCommitted:
        raise _not_now("The database cannot be reached or is overloaded. Try again shortly.") from None
    if stored is None:
        raise _not_now(f"No scheduler has started with {provider.name} yet, so nothing is known of it.")
    payload = {"id": stored.id, "state": stored.state, "reason": stored.reason, "seen": stored.seen}
    return Response(encode(payload), 202, {"Cache-Control": "no-store"}, content_type="application/json")


def read_delivery(provider: ProviderSettings, proof: Proof, content_type: str) -> Delivery:
    """What is kept of a verified webhook. Pure."""
    kept = webhook_body.keep(proof.body, content_type, provider.kind)
    header = _EVENT.get(provider.kind)
    kind = provider.kind if header is None else proof.headers.get(header, "unknown")
    names = ("x-github-delivery",) if provider.kind == "github" else ("webhook-id", "idempotency-key")
    delivery_id = next((proof.headers[name] for name in names if name in proof.headers), None)
    return Delivery(
        provider=provider.kind,
        instance=provider.name,
        kind=kind[:LONGEST_NAME],
        sha256=_digest(provider.kind, proof.body, delivery_id),
        delivery_id=delivery_id and delivery_id[:LONGEST_NAME],
        body=kept.json,
        reason=kept.reason,
    )


def _digest(kind: str, body: bytes, delivery_id: str | None) -> bytes:
    """What makes two deliveries the same: the body, and for GitLab the key that its repetitions share.

    A push of GitLab's holds no instant: a branch that is made, deleted and made again sends the same body twice.
    """
    key = (delivery_id or "").encode() if kind == "gitlab" else b""
    return hashlib.sha256(body + key).digest()


def _commit(engine: Engine, deliveries: Sequence[Delivery]) -> list[Stored | None]:
    with writing(engine) as session:
        return receipts.store(session, deliveries)


def _inbox() -> Inbox:
    found = current_app.extensions[_NAME]
    assert isinstance(found, Inbox)  # noqa: S101 (put there by `register`, above)
    return found


def _failure(status: int, words: str) -> Problem:
    """The refusal of a delivery that proved nothing; 429 instead once its address had a hundred in a minute."""
    throttle, address, now = _inbox().throttle, request.remote_addr or "", time.monotonic()
    if wait := throttle.wait_seconds(address, now):
        words = "This address sent 100 webhooks within a minute that were refused. Wait, and look at the secret."
        return Problem(429, words, headers={"Retry-After": str(wait)})
    throttle.count(address, now)
    return Problem(status, words)


def _not_now(words: str) -> Problem:
    return Problem(503, words, headers={"Retry-After": str(RETRY_SECONDS)})
