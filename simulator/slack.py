"""A stand-in for Slack's incoming webhooks: it checks payloads as Slack does and keeps every message it took."""

import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import parse_qs

import orjson

from simulator.exchange import Answer, Request, text_answer
from simulator.faults import Fault, FaultKind

HOOK = "/services/T0SIMULATOR/B0SIMULATOR/incomingwebhooksecret"
KEPT_MESSAGES = 10_000
_TEXT_LIMIT = 40_000
_BLOCK_TEXT_LIMITS = {"header": 150, "section": 3000}
_BLOCK_KINDS = frozenset({"actions", "context", "divider", "header", "image", "rich_text", "section", "markdown"})


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was taken: `number` counts from 1, `at` is the simulated instant."""

    number: int
    at: datetime
    path: str
    payload: Mapping[str, object]

    @property
    def text(self) -> str:
        """The plain text, which is what a notification shows."""
        return str(self.payload.get("text", ""))


class Slack:
    """One workspace with one incoming webhook; any other address of it is `no_service`."""

    name = "slack"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: deque[Message] = deque(maxlen=KEPT_MESSAGES)
        self._taken = 0
        self.on_message: Callable[[Message], None] | None = None
        """Is told of every message as it is taken; set it before the first."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """Every message taken so far, oldest first."""
        with self._lock:
            return tuple(self._messages)

    def answer(self, request: Request, now: datetime) -> Answer:
        """What Slack says: `ok`, or a word that says what is wrong."""
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
        self._take(request, payload, now)
        return text_answer(200, "ok", "text/html")

    def _take(self, request: Request, payload: Mapping[str, object], now: datetime) -> None:
        with self._lock:
            self._taken += 1
            message = Message(self._taken, now, request.path, payload)
            self._messages.append(message)
            if self.on_message is not None:
                self.on_message(message)

    def refusal(self, fault: Fault, now: datetime) -> Answer:
        """Slack's own words for a limit, an outage, a hook that is gone."""
        answers = {
            FaultKind.TOO_MANY_REQUESTS: text_answer(429, "rate_limited"),
            FaultKind.SERVER_ERROR: text_answer(fault.status or 500, "rollup_error"),
            FaultKind.UNAUTHORIZED: text_answer(403, "invalid_token"),
            FaultKind.FORBIDDEN: text_answer(403, "action_prohibited"),
            FaultKind.NOT_FOUND: text_answer(404, "no_service"),
        }
        answer = answers.get(fault.kind, text_answer(429, "rate_limited"))
        headers = {"Date": format_datetime(now, usegmt=True)}
        if answer.status == 429 and fault.retry_after == "seconds":
            headers["Retry-After"] = str(int(fault.seconds))
        return Answer(answer.status, answer.headers | headers, answer.body)

    def spoil(self, answer: Answer, _fault: Fault) -> Answer:
        """Slack's answers have no content that could be spoiled."""
        return answer


def read_payload(request: Request) -> Mapping[str, object] | None:
    """The payload, sent as JSON or as a form's `payload`; None when it cannot be read."""
    body = request.body
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        body = parse_qs(body.decode(errors="replace")).get("payload", [""])[0].encode()
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def find_mistake(payload: Mapping[str, object]) -> str | None:
    """Slack's word for what is wrong with a payload, or None."""
    text, blocks, attachments = payload.get("text"), payload.get("blocks"), payload.get("attachments")
    if text is not None and not isinstance(text, str):
        return "invalid_payload"
    if not text and not blocks and not attachments:
        return "no_text"
    if text is not None and len(text) > _TEXT_LIMIT:
        return "msg_too_long"
    if isinstance(attachments, list) and len(attachments) > 100:
        return "too_many_attachments"
    if blocks is not None and (not isinstance(blocks, list) or len(blocks) > 50 or not all(map(is_block, blocks))):
        return "invalid_blocks"
    return None


def is_block(block: object) -> bool:
    """Whether one block has a kind that exists and no text that is empty or too long."""
    if not isinstance(block, dict) or block.get("type") not in _BLOCK_KINDS:
        return False
    limit = _BLOCK_TEXT_LIMITS.get(str(block["type"]))
    content = block.get("text")
    if limit is None or (content is None and block.get("fields")):
        return True
    text = content.get("text") if isinstance(content, dict) else None
    return isinstance(text, str) and 0 < len(text) <= limit
