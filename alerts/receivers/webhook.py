"""A webhook of your own: one signed POST a message, what each answer means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import ClassVar

import orjson
from pydantic import Field, SecretStr, field_validator

from alerts.notice import Notice
from alerts.receiver import OpenableSettings, Reference
from alerts.receivers.cdevents import as_cloud_events
from alerts.receivers.endpoint import PASSING, is_endpoint, retry_after
from alerts.receivers.identity import identity
from alerts.receivers.webhook_body import as_body
from shared.clock import utc_now
from shared.errors import ReceiverGone, Rejected, RetryLater
from shared.http.post import Answer, post_json
from shared.secret import SecretSource, SecretUnavailable
from shared.signatures import SIGNING_KEY_PREFIX, signing_key, standard_signature

DEADLINE_SECONDS = 8.0
"""For one message, from the name's resolution to the answer's end."""

_SHORTEST_KEY = 24  # bytes: Standard Webhooks asks for as many at least
_GONE = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.GONE,
}


class BodyFormat(StrEnum):
    """What is posted: our own JSON, or CDEvents in CloudEvents' envelope."""

    JSON = "json"
    CDEVENTS = "cdevents"


class OutgoingWebhookSettings(OpenableSettings):
    """`[[receivers]] kind = "webhook"`: one address of yours."""

    url: SecretStr = Field(description="the address to post to; such addresses often carry a token")
    secret: SecretSource = Field(
        default_factory=SecretSource,
        description="the key that signs what is posted, as Standard Webhooks has it: `whsec_` and base64; "
        "none signs nothing",
    )
    format: BodyFormat = Field(
        BodyFormat.JSON, description="json is our own body, cdevents are CDEvents 0.5.1 in CloudEvents' envelope"
    )

    @field_validator("url")
    @classmethod
    def _is_endpoint(cls, value: SecretStr) -> SecretStr:
        if not is_endpoint(value.get_secret_value()):
            raise ValueError(
                "is no address that may be posted to; it must be a whole https:// URL (http:// only on this machine) "
                "without a user, a password or a fragment, and not a link-local address"
            )
        return value

    @field_validator("secret")
    @classmethod
    def _can_sign(cls, value: SecretSource) -> SecretSource:
        secret = value.read()
        if secret is not None and _key(secret) is None:
            raise ValueError(
                f"names a secret that cannot sign: it must be {SIGNING_KEY_PREFIX} and the base64 of at least "
                f"{_SHORTEST_KEY} random bytes, such as from: echo {SIGNING_KEY_PREFIX}$(openssl rand -base64 32)"
            )
        return value

    def open(self, base_url: str) -> "WebhookReceiver":
        """The receiver for this address."""
        return WebhookReceiver(self, base_url)


@dataclass(frozen=True, slots=True)
class WebhookReceiver:
    """Posts every message once; the same message keeps its `webhook-id` however often it is tried.

    Signature: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """

    has_threads: ClassVar[bool] = False

    settings: OutgoingWebhookSettings
    base_url: str
    deadline_seconds: float = DEADLINE_SECONDS
    clock: Callable[[], datetime] = field(default=utc_now, repr=False)

    def send(self, notice: Notice, *, is_possible_repeat: bool, thread: Reference | None = None) -> None:  # noqa: ARG002
        """Post the message; any 2xx takes it."""
        now = self.clock()
        name = identity(notice, self.base_url, self.settings.name)
        kind, content = self._content(notice, name, now, is_possible_repeat=is_possible_repeat)
        headers = {"Content-Type": kind, **self._proof(f"msg_{name}", now, content)}
        judge(post_json(self.settings.url, content, self.deadline_seconds, headers), now)

    def _content(self, notice: Notice, name: str, now: datetime, *, is_possible_repeat: bool) -> tuple[str, bytes]:
        body = as_body(notice, self.base_url, is_possible_repeat=is_possible_repeat)
        if self.settings.format is BodyFormat.JSON:
            return "application/json", orjson.dumps(body, option=orjson.OPT_UTC_Z)
        events = as_cloud_events(notice, body, self.base_url, name, now)
        if len(events) == 1:
            return "application/cloudevents+json; charset=utf-8", orjson.dumps(events[0], option=orjson.OPT_UTC_Z)
        return "application/cloudevents-batch+json; charset=utf-8", orjson.dumps(events, option=orjson.OPT_UTC_Z)

    def _proof(self, webhook_id: str, now: datetime, content: bytes) -> Mapping[str, str]:
        """The headers of Standard Webhooks; the key is read anew each time, so that a new one needs no restart."""
        named = {"webhook-id": webhook_id, "webhook-timestamp": str(int(now.timestamp()))}
        try:
            secret = self.settings.secret.read()
        except SecretUnavailable as error:
            raise RetryLater(str(error)) from None
        if secret is None:
            return named
        if (key := _key(secret)) is None:
            raise RetryLater(f"the secret cannot sign: it must be {SIGNING_KEY_PREFIX} and base64")
        return {**named, "webhook-signature": standard_signature(key, webhook_id, named["webhook-timestamp"], content)}


def judge(answer: Answer, now: datetime) -> None:
    """Return when the message was taken; raises RetryLater, Rejected or ReceiverGone when it was not.

    The answer's own words are left out: they could hold anything, the address too.
    """
    said = f"the webhook answered {answer.status}"
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if answer.status < HTTPStatus.BAD_REQUEST:
        raise RetryLater(f"{said}, a redirect, which is not followed; set url to where it leads")
    if answer.status in PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RetryLater(said, retry_after(answer, now))
    if answer.status in _GONE:
        raise ReceiverGone(f"{said}: nobody takes messages there, or not from us; check url and secret")
    raise Rejected(f"{said}; this message cannot be delivered")


def _key(secret: SecretStr) -> bytes | None:
    """The key inside `whsec_<base64>`; None where it is none, or too short to be one."""
    text = secret.get_secret_value()
    key = signing_key(text) if text.startswith(SIGNING_KEY_PREFIX) else None
    return key if key is not None and len(key) >= _SHORTEST_KEY else None
