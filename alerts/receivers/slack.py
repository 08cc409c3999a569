"""Slack's incoming webhooks: where to post, what each answer means."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from time import monotonic
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from alerts.notice import Notice
from alerts.receiver import OpenableSettings, Reference
from alerts.receivers.endpoint import is_endpoint
from alerts.receivers.slack_message import render, render_plain
from alerts.receivers.slack_wire import DEADLINE_SECONDS, UNREADABLE, check_passing, post
from shared.clock import utc_now
from shared.errors import ReceiverGone, Rejected
from shared.http.post import Answer

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
    "msg_blocks_too_long",
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
        if not is_endpoint(value.get_secret_value()):
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
    """Posts to one incoming webhook, which can neither reply nor edit: every message stands by itself.

    Answers: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling_errors
    """

    has_threads: ClassVar[bool] = False

    webhook_url: SecretStr
    base_url: str
    deadline_seconds: float = DEADLINE_SECONDS
    clock: Callable[[], datetime] = utc_now

    def send(self, notice: Notice, *, is_possible_repeat: bool, thread: Reference | None = None) -> None:  # noqa: ARG002
        """Post the message; where Slack cannot read its blocks, once more as plain text."""
        ends_at = monotonic() + self.deadline_seconds
        answer = post(self.webhook_url, render(notice, self.base_url, is_possible_repeat=is_possible_repeat), ends_at)
        if answer.status in UNREADABLE and _word(answer) not in _CLOSED:
            plain = render_plain(notice, self.base_url, is_possible_repeat=is_possible_repeat)
            answer = post(self.webhook_url, plain, ends_at)
        judge(answer, self.clock())


def judge(answer: Answer, now: datetime) -> None:
    """Return when Slack took the message; raises RetryLater, Rejected or ReceiverGone when it did not."""
    said = f"Slack answered {answer.status} {_word(answer)}".rstrip()
    check_passing(answer, said, "the webhook's URL", now)
    if answer.status < HTTPStatus.BAD_REQUEST:
        return
    if answer.status in UNREADABLE and _word(answer) not in _CLOSED:
        raise Rejected(f"{said} to the plain text as well; this message cannot be delivered")
    raise ReceiverGone(f"{said}; the webhook is gone or closed: create a new one and set webhook_url to it")


def _word(answer: Answer) -> str:
    """Slack's own word for what is wrong; any other text is left out, it could hold anything, the address too."""
    word = answer.body.strip()
    return word if word in _QUOTABLE else ""
