"""Slack's incoming webhooks: where to post, what each answer means."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from ipaddress import ip_address
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import Field, SecretStr, field_validator

from alerts.message import Message
from alerts.post import Answer, post_json
from alerts.receiver import OpenableSettings
from alerts.slack_message import render, render_plain
from shared.clock import utc_now
from shared.errors import Rejected, RetryLater
from shared.http.rate_limit import pause

DEADLINE_SECONDS = 8.0
"""For one message, its plain second try included; far inside a delivery's lease."""

_PASSING = {
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_UNREADABLE = {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
# Slack says these with 400 or 403 as well, and no other text would be let in either.
_CLOSED = {
    "invalid_token",
    "no_service",
    "no_service_id",
    "no_active_hooks",
    "no_team",
    "team_disabled",
    "channel_not_found",
    "channel_is_archived",
    "action_prohibited",
    "posting_to_general_channel_denied",
}
_QUOTABLE = _CLOSED | {
    "invalid_payload",
    "invalid_blocks",
    "invalid_attachments",
    "no_text",
    "msg_too_long",
    "too_many_attachments",
    "user_not_found",
    "rate_limited",
    "rollup_error",
}


class SlackSettings(OpenableSettings):
    """`[[receivers]] kind = "slack"`: one channel, by its incoming webhook."""

    webhook_url: SecretStr = Field(description="the address Slack gave out for the channel; whoever has it can post")

    @field_validator("webhook_url")
    @classmethod
    def _is_webhook(cls, value: SecretStr) -> SecretStr:
        if not _is_safe(value.get_secret_value()):
            raise ValueError(
                "is no address of a webhook; it must be a whole https:// URL such as Slack gives out for an app's "
                "incoming webhook (http:// only on this machine)"
            )
        return value

    def open(self, base_url: str) -> "SlackReceiver":
        """The receiver for this webhook."""
        return SlackReceiver(self.webhook_url, base_url)


@dataclass(frozen=True, slots=True)
class SlackReceiver:
    """Posts to one incoming webhook.

    Answers: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling_errors
    """

    webhook_url: SecretStr
    base_url: str
    deadline_seconds: float = DEADLINE_SECONDS
    clock: Callable[[], datetime] = utc_now

    def send(self, message: Message, *, is_possible_repeat: bool) -> None:
        """Post the message; where Slack cannot read its blocks, once more as plain text."""
        ends_at = monotonic() + self.deadline_seconds
        answer = self._post(render(message, self.base_url, is_possible_repeat=is_possible_repeat), ends_at)
        if answer.status in _UNREADABLE and _word(answer) not in _CLOSED:
            answer = self._post(render_plain(message, self.base_url, is_possible_repeat=is_possible_repeat), ends_at)
        judge(answer, self.clock())

    def _post(self, payload: dict[str, Any], ends_at: float) -> Answer:
        return post_json(self.webhook_url, orjson.dumps(payload), max(0.0, ends_at - monotonic()))


def judge(answer: Answer, now: datetime) -> None:
    """Return when Slack took the message; raises RetryLater when it may later, Rejected when it never will."""
    said = f"Slack answered {answer.status} {_word(answer)}".rstrip()
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        if answer.body.lstrip().startswith("<"):
            raise RetryLater(f"{said} with a web page, so something else than Slack answered; check the webhook's URL")
        return
    if answer.status < HTTPStatus.BAD_REQUEST:
        raise RetryLater(f"{said}, a redirect, which is not followed; check the webhook's URL")
    if answer.status in _PASSING or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RetryLater(said, _retry_after(answer, now))
    if answer.status in _UNREADABLE and _word(answer) not in _CLOSED:
        raise Rejected(f"{said} to the plain text as well; this message cannot be delivered")
    raise Rejected(f"{said}; the webhook is gone or closed: create a new one and set webhook_url to it")


def _retry_after(answer: Answer, now: datetime) -> float | None:
    """How long to wait, in seconds, where the answer says so (as a number or as a date)."""
    if "retry-after" not in answer.headers:
        return None
    until = pause(HTTPStatus.TOO_MANY_REQUESTS, answer.headers, "", now)
    return None if until is None else (until - now).total_seconds()


def _word(answer: Answer) -> str:
    """Slack's own word for what is wrong; any other text is left out, it could hold anything, the address too."""
    word = answer.body.strip()
    return word if word in _QUOTABLE else ""


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_plain = re.fullmatch(r"[!-~]+", url) is not None and parts.port != 0
    except ValueError:
        return False
    if not is_plain or not parts.hostname or "@" in parts.netloc or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
