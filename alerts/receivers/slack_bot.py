"""Slack by a bot's token: a message for each conversation, its replies below it, edited as what it tells of goes on."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from time import monotonic
from typing import Any, ClassVar

import orjson
from pydantic import Field, SecretStr, field_validator

from alerts.message import one_line
from alerts.notice import Notice
from alerts.receiver import OpenableSettings, Reference
from alerts.receivers.endpoint import is_endpoint, retry_after
from alerts.receivers.slack_message import render, render_plain
from alerts.receivers.slack_wire import DEADLINE_SECONDS, UNREADABLE, check_passing, post
from shared.clock import utc_now
from shared.config.fields import HttpUrl
from shared.errors import ReceiverGone, Rejected, RetryLater
from shared.http.post import Answer

# The errors of https://docs.slack.dev/reference/methods/chat.postMessage and chat.update, by what to do about them.
_LATER = {
    "ratelimited",
    "rate_limited",
    "internal_error",
    "service_unavailable",
    "fatal_error",
    "request_timeout",
    "update_failed",
    "external_channel_migrating",
    "team_added_to_org",
    "org_login_required",
}
_UNREADABLE = {
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_attachments",
    "invalid_arguments",
    "block_mismatch",
    "msg_too_long",
    "msg_blocks_too_long",
    "too_many_attachments",
    "no_text",
}
_TOKEN = "give it the token of a bot that is installed: token_env or token_file"  # noqa: S105 - words, not a token
_SCOPE = "give the app the scope chat:write and install it once more"
_INVITE = "invite the bot to the channel (/invite and its name), or set channel to one where it is"
_ARCHIVED = "the channel is archived: open it again, or set channel to another"
_FORBIDDEN = "a rule of the workspace forbids it: ask its administrators, or set channel to another"
_GONE: Mapping[str, str] = {
    **dict.fromkeys(("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"), _TOKEN),
    **dict.fromkeys(("not_allowed_token_type", "team_not_found", "two_factor_setup_required"), _TOKEN),
    **dict.fromkeys(("missing_scope", "no_permission"), _SCOPE),
    **dict.fromkeys(("channel_not_found", "not_in_channel"), _INVITE),
    **dict.fromkeys(("is_archived", "is_inactive"), _ARCHIVED),
    **dict.fromkeys(("restricted_action", "restricted_action_read_only_channel", "access_denied"), _FORBIDDEN),
    **dict.fromkeys(("restricted_action_thread_only_channel", "ekm_access_denied", "accesslimited"), _FORBIDDEN),
    **dict.fromkeys(("enterprise_is_restricted", "team_access_not_granted"), _FORBIDDEN),
    **dict.fromkeys(("unknown_method", "method_deprecated", "deprecated_endpoint"), "look at api_url"),
}
# The message a conversation began with was deleted, or where it stands nothing can be said any more.
_UNANSWERABLE = {
    "message_not_found",
    "thread_not_found",
    "cant_update_message",
    "cannot_reply_to_message",
    "restricted_action_non_threadable_channel",
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "is_inactive",
}
_UNEDITABLE = {"edit_window_closed"}
_QUOTABLE = _LATER | _UNREADABLE | set(_GONE) | _UNANSWERABLE | _UNEDITABLE

_CHANNEL = re.compile(r"[CDGUW][A-Z0-9]{5,}|#[^\s#<>@&]{1,80}")


class SlackBotSettings(OpenableSettings):
    """`[[receivers]] kind = "slack-bot"`: one channel, by the token of a bot that is in it."""

    token: SecretStr = Field(description="the bot's token, as Slack shows it under OAuth & Permissions")
    channel: str = Field(description='the channel, as "#builds" or by its id; the bot must have been invited to it')
    api_url: HttpUrl = Field("https://slack.com/api", description="where Slack's Web API is")

    @field_validator("token")
    @classmethod
    def _is_bots(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if not re.fullmatch(r"[!-~]+", token) or token.startswith("xapp-"):
            raise ValueError("is no token of a bot; it begins with xoxb-, Slack shows it under OAuth & Permissions")
        return value

    @field_validator("channel")
    @classmethod
    def _is_channel(cls, value: str) -> str:
        if not _CHANNEL.fullmatch(value):
            shown = one_line(value, 80)
            raise ValueError(f'"{shown}" is no channel; write its name like "#builds", or its id like "C0123456789"')
        return value

    @field_validator("api_url")
    @classmethod
    def _is_unheard(cls, value: str) -> str:
        if not is_endpoint(value):
            raise ValueError(
                "must be a whole https:// URL, or the token could be read on its way (http:// only on this machine)"
            )
        return value

    def open(self, base_url: str) -> "SlackBotReceiver":
        """The receiver for this channel."""
        return SlackBotReceiver(self.token, self.channel, self.api_url, base_url)


@dataclass(frozen=True, slots=True)
class Said:
    """What Slack answered: `content` is empty where that cannot be read, `error` Slack's word for what is wrong."""

    answer: Answer
    content: Mapping[str, Any]
    error: str | None

    @property
    def is_unreadable(self) -> bool:
        """Whether plain words may be taken where this was not; so may they be after an error that we do not know."""
        if self.error is None:
            return self.answer.status in UNREADABLE
        is_known = self.error in _QUOTABLE - _UNREADABLE
        return not is_known and (self.answer.status < HTTPStatus.BAD_REQUEST or self.answer.status in UNREADABLE)


@dataclass(frozen=True, slots=True)
class SlackBotReceiver:
    """Posts to one channel, replies in threads, edits the messages that began them.

    Not by slack-sdk's own client: its timeout is for each read, so an answer that drips would hold it without end. Its
    models build the blocks.
    """

    has_threads: ClassVar[bool] = True

    token: SecretStr
    channel: str
    api_url: str
    base_url: str
    deadline_seconds: float = DEADLINE_SECONDS
    clock: Callable[[], datetime] = field(default=utc_now, repr=False)

    def send(self, notice: Notice, *, is_possible_repeat: bool, thread: Reference | None = None) -> Reference | None:
        """Post the message, or reply with it; the reply of a conversation that is gone begins one anew."""
        ends_at = monotonic() + self.deadline_seconds
        if thread is not None and self._reply(notice, thread, ends_at, is_repeat=is_possible_repeat):
            return None
        said = self._say("chat.postMessage", notice, {"channel": self.channel}, ends_at, is_repeat=is_possible_repeat)
        judge(said, self.clock())
        return _reference(said.content)

    def _reply(self, notice: Notice, thread: Reference, ends_at: float, *, is_repeat: bool) -> bool:
        """Whether there was something to reply to; before the reply, what the first message says from now on.

        In this order, because an edit that is made twice is as if it were made once.
        """
        if notice.board is not None:
            first = {"channel": thread["channel"], "ts": thread["ts"], "parse": "none"}
            edited = self._say("chat.update", notice.board, first, ends_at, is_repeat=False)
            if edited.error in _UNANSWERABLE:
                return False
            if edited.error not in _UNEDITABLE:
                judge(edited, self.clock())
        # Not into the channel as well: of a hundred old breaks fixed at once it would hear a hundred times.
        below = {"channel": thread["channel"], "thread_ts": thread["ts"]}
        said = self._say("chat.postMessage", notice, below, ends_at, is_repeat=is_repeat)
        if said.error in _UNANSWERABLE:
            return False
        judge(said, self.clock())
        return True

    def _say(self, method: str, notice: Notice, where: Mapping[str, Any], ends_at: float, *, is_repeat: bool) -> Said:
        """Call the method; where Slack cannot read the blocks, once more as plain text."""
        said = self._call(method, {**render(notice, self.base_url, is_possible_repeat=is_repeat), **where}, ends_at)
        if said.is_unreadable:
            plain = render_plain(notice, self.base_url, is_possible_repeat=is_repeat)
            said = self._call(method, {**plain, "blocks": [], "attachments": [], **where}, ends_at)
        return said

    def _call(self, method: str, payload: Mapping[str, Any], ends_at: float) -> Said:
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        return parse(post(SecretStr(f"{self.api_url}/{method}"), payload, ends_at, headers))


def parse(answer: Answer) -> Said:
    """What the answer says; Slack says most of what is wrong in an answer of status 200."""
    try:
        content = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict) or not ({"ok", "error"} & content.keys()):
        return Said(answer, {}, None)
    return Said(answer, content, None if content.get("ok") is True else str(content.get("error", "")))


def judge(said: Said, now: datetime) -> None:
    """Return when Slack took the message; raises RetryLater, Rejected or ReceiverGone when it did not."""
    answer = said.answer
    told = f"Slack answered {answer.status} {said.error if said.error in _QUOTABLE else ''}".rstrip()
    check_passing(answer, told, "api_url", now)
    if said.error in _LATER:
        raise RetryLater(told, retry_after(answer, now))
    if said.error is not None and said.error in _GONE:
        raise ReceiverGone(f"{told}; {_GONE[said.error]}")
    if answer.status >= HTTPStatus.BAD_REQUEST and answer.status not in UNREADABLE:
        raise ReceiverGone(f"{told}, which is not how its Web API answers; look at api_url")
    if said.error is not None or answer.status in UNREADABLE:
        raise Rejected(f"{told} to the plain text as well; this message cannot be delivered")
    if not said.content:
        raise RetryLater(f"{told} with nothing that can be read, so something else than Slack answered; check api_url")


def _reference(content: Mapping[str, Any]) -> Reference | None:
    channel, ts = content.get("channel"), content.get("ts")
    return {"channel": channel, "ts": ts} if isinstance(channel, str) and isinstance(ts, str) else None
