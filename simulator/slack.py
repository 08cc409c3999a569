"""A stand-in for Slack: an incoming webhook, a bot's Web API; it checks as Slack does and keeps what it took."""

import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime

from simulator.exchange import Answer, Request, json_answer, text_answer
from simulator.faults import Fault, FaultKind
from simulator.slack_payloads import find_mistake, read_payload

HOOK = "/services/T0SIMULATOR/B0SIMULATOR/incomingwebhooksecret"
BOT_TOKEN = "xoxb-simulator-bot-token"  # noqa: S105 - it opens nothing but this stand-in
CHANNEL = "C0SIMULATOR"
CHANNELS: Mapping[str, str] = {"builds": CHANNEL, "elsewhere": "C0ELSEWHERE", "old": "C0ARCHIVED", "other": "C0OTHER"}
"""The workspace's channels by name. `old` is archived; into `other` the bot was never invited."""
KEPT_MESSAGES = 10_000

_API = "/api/"
_CLOSED = {"C0ARCHIVED": "is_archived", "C0OTHER": "not_in_channel"}
_NOT_SAID = frozenset({"channel", "ts", "thread_ts", "reply_broadcast", "parse", "link_names"})


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it stands: `number` counts from 1, `at` is the simulated instant.

    `ts` names it within its channel, `thread` is the one it is a reply to, `earlier` what it said before each edit.
    """

    number: int
    at: datetime
    path: str
    payload: Mapping[str, object]
    channel: str = CHANNEL
    thread: str | None = None
    is_broadcast: bool = False
    earlier: tuple[Mapping[str, object], ...] = ()

    @property
    def text(self) -> str:
        """The plain text, which is what a notification shows."""
        return str(self.payload.get("text", ""))

    @property
    def ts(self) -> str:
        """Slack's name for it: the second, and a number that no other message of that second has."""
        return f"{int(self.at.timestamp())}.{self.number * 100 % 1_000_000:06d}"


class Slack:
    """One workspace with one incoming webhook, any other address of it is `no_service`, and one bot."""

    name = "slack"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: deque[Message] = deque(maxlen=KEPT_MESSAGES)
        self._taken = 0
        self.on_message: Callable[[Message], None] | None = None
        """Is told of every message as it is taken; set it before the first."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """Every message taken so far as it stands now, oldest first."""
        with self._lock:
            return tuple(self._messages)

    def delete(self, ts: str) -> None:
        """Take a message away, as a person may."""
        with self._lock:
            self._messages = deque((each for each in self._messages if each.ts != ts), maxlen=KEPT_MESSAGES)

    def answer(self, request: Request, now: datetime) -> Answer:
        """What Slack says: `ok`, or a word that says what is wrong."""
        return self._call(request, now) if request.path.startswith(_API) else self._hook(request, now)

    def _hook(self, request: Request, now: datetime) -> Answer:
        if not re.fullmatch(r"/services/[^/]+/[^/]+/[^/]+", request.path):
            return text_answer(404, "no_service_id")
        if request.path != HOOK:
            return text_answer(404, "no_service")
        if request.method != "POST":
            return text_answer(400, "invalid_payload")
        payload = read_payload(request)
        mistake = "invalid_payload" if payload is None else find_mistake(payload)
        if payload is None or mistake is not None:
            return text_answer(400, mistake or "invalid_payload")
        self._take(Message(0, now, request.path, payload))
        return text_answer(200, "ok", "text/html")

    def _call(self, request: Request, now: datetime) -> Answer:
        """A method of the Web API, which says nearly everything with status 200."""
        methods = {f"{_API}chat.postMessage": self._post, f"{_API}chat.update": self._update}
        if request.path not in methods:
            return _no("unknown_method")
        if not request.headers.get("authorization"):
            return _no("not_authed")
        if request.headers["authorization"] != f"Bearer {BOT_TOKEN}":
            return _no("invalid_auth")
        payload = read_payload(request)
        if payload is None:
            return _no("invalid_arguments" if request.body else "request_timeout")
        return methods[request.path](request, payload, now)

    def _post(self, request: Request, payload: Mapping[str, object], now: datetime) -> Answer:
        name = str(payload.get("channel", "")).removeprefix("#")
        channel = CHANNELS.get(name, name)
        if mistake := _closed(channel) or find_mistake(payload):
            return _no(mistake)
        # A reply to a message that is gone is taken all the same, and nobody sees it.
        thread = str(payload["thread_ts"]) if payload.get("thread_ts") else None
        is_broadcast = bool(payload.get("reply_broadcast"))
        message = Message(0, now, request.path, _said(payload), channel, thread, is_broadcast)
        return _yes(self._take(message))

    def _update(self, _request: Request, payload: Mapping[str, object], _now: datetime) -> Answer:
        channel, ts = str(payload.get("channel", "")), payload.get("ts")
        if mistake := _closed(channel) or find_mistake(payload):  # a channel's name will not do here
            return _no(mistake)
        with self._lock:
            for place, message in enumerate(self._messages):
                if (message.channel, message.ts) == (channel, ts):
                    # What is not said anew stays.
                    said = {**message.payload, **_said(payload)}
                    edited = replace(message, payload=said, earlier=(*message.earlier, message.payload))
                    self._messages[place] = edited
                    return _yes(edited)
        return _no("message_not_found")

    def _take(self, message: Message) -> Message:
        with self._lock:
            self._taken += 1
            taken = replace(message, number=self._taken)
            self._messages.append(taken)
            if self.on_message is not None:
                self.on_message(taken)
            return taken

    def refusal(self, fault: Fault, request: Request, now: datetime) -> Answer:
        """Slack's own words for a limit, an outage, a hook that is gone or a token that was revoked."""
        answers = _refusals(fault, is_api=request.path.startswith(_API))
        answer = answers.get(fault.kind, answers[FaultKind.TOO_MANY_REQUESTS])
        headers = {"Date": format_datetime(now, usegmt=True)}
        if answer.status == 429 and fault.retry_after == "seconds":
            headers["Retry-After"] = str(int(fault.seconds))
        return Answer(answer.status, answer.headers | headers, answer.body)

    def spoil(self, answer: Answer, _fault: Fault) -> Answer:
        """Slack's answers have no content that could be spoiled."""
        return answer


def _refusals(fault: Fault, *, is_api: bool) -> Mapping[FaultKind, Answer]:
    if is_api:
        return {
            FaultKind.TOO_MANY_REQUESTS: _no("ratelimited", 429),
            FaultKind.SERVER_ERROR: _no("internal_error", fault.status or 500),
            FaultKind.UNAUTHORIZED: _no("token_revoked"),
            FaultKind.FORBIDDEN: _no("missing_scope", needed="chat:write", provided="identify"),
            FaultKind.NOT_FOUND: _no("channel_not_found"),
        }
    return {
        FaultKind.TOO_MANY_REQUESTS: text_answer(429, "rate_limited"),
        FaultKind.SERVER_ERROR: text_answer(fault.status or 500, "rollup_error"),
        FaultKind.UNAUTHORIZED: text_answer(403, "invalid_token"),
        FaultKind.FORBIDDEN: text_answer(403, "action_prohibited"),
        FaultKind.NOT_FOUND: text_answer(404, "no_service"),
    }


def _closed(channel: str) -> str | None:
    """Why nothing can be said in this channel, or None."""
    return _CLOSED.get(channel) if channel in CHANNELS.values() else "channel_not_found"


def _said(payload: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in payload.items() if key not in _NOT_SAID}


def _yes(message: Message) -> Answer:
    said = {"type": "message", "subtype": "bot_message", "bot_id": "B0SIMULATOR", "ts": message.ts, **message.payload}
    return json_answer(200, {"ok": True, "channel": message.channel, "ts": message.ts, "message": said})


def _no(error: str, status: int = 200, **more: str) -> Answer:
    return json_answer(status, {"ok": False, "error": error, **more})
