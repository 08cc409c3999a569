"""Where a drill's messages go: Slack, a mail server with STARTTLS and a webhook, all real servers on loopback."""

import html
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulator import Simulator
from simulator.exchange import Answer, Request, text_answer
from simulator.listener import Listener
from simulator.slack import BOT_TOKEN, CHANNEL, HOOK, Message
from tests.alerts.receivers.smtp import CERTIFICATE, USER, SmtpStand
from tests.chaos.drill import Alerts

REPEAT = "possible repeat: "
HOOK_TOKEN = "canary-of-the-hook"
HOOK_SECRET = "whsec_Y2FuYXJ5LW9mLXRoZS1ob29rcy1zaWduYXR1cmU="

_COMMON = """
[[receivers]]
kind = "{kind}"
name = "{name}"
group_wait = {wait}
group_interval = {interval}
digest = "never"
"""

_EVERYTHING = """
[[routes]]
name = "everything"
receivers = {receivers}
branch = ["*"]
on = {on}
"""

_KINDS = {"slack": "slack", "bot": "slack-bot", "mail": "smtp", "hook": "webhook"}

_AMBIGUOUS = frozenset({"reset_after", "drip", "truncated"})
"""Faults by which a message is taken and the client is not sure of it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One message as a receiver's far side took it.

    `text` is everything in it; `items` what it says of which incidents as (id, kind), None where only people read it.
    """

    title: str
    is_repeat: bool
    text: str
    items: tuple[tuple[int, str], ...] | None = None


class HookEnd:
    """Takes what is posted to one address; `manner` answers instead, when a drill wants it to."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.requests: list[Request] = []
        self.manner: Callable[[Request], Answer | None] = lambda _: None
        self.closing = threading.Event()
        self._failures: list[str] = []
        self._listener = Listener(0, self._failures.append)

    @property
    def url(self) -> str:
        """Where to post."""
        return f"{self._listener.base}/in/{HOOK_TOKEN}"

    def __enter__(self) -> Self:
        self._listener.start(self._respond)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._listener.close()

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        said = self.manner(request)
        if said is not None:
            return said
        self.bodies.append(json.loads(request.body))
        return text_answer(200, "taken")


@dataclass(kw_only=True)
class Endpoints:
    """The far sides of a drill's receivers. `ambiguous` counts what a course itself made ambiguous, by receiver."""

    alerts: Alerts
    simulator: Simulator
    mail: SmtpStand
    hook: HookEnd
    folder: Path
    ambiguous: Counter[str]

    @property
    def secrets(self) -> Mapping[str, str]:
        """What may stand nowhere: whose it is, and the secret."""
        return {
            "the Slack webhook's token": HOOK.rpartition("/")[2],
            "the bot's token": BOT_TOKEN,
            "the mail password": self.mail.secret,
            "the webhook's token": HOOK_TOKEN,
            "the webhook's signing secret": HOOK_SECRET,
        }

    def sections(self, **changed: float) -> str:
        """The `[[receivers]]` and `[[routes]]` of the drill; `changed` are other common settings than at its start."""
        common = {"wait": self.alerts.group_wait, "interval": self.alerts.group_interval} | changed
        told = [
            _COMMON.format(kind=_KINDS[name], name=name, **common) + self._settings(name)
            for name in self.alerts.receivers
        ]
        everything = _EVERYTHING.format(receivers=json.dumps(self.alerts.receivers), on=json.dumps(self.alerts.on))
        return "".join(told) + (everything if self.alerts.routes is None else self.alerts.routes)

    def _settings(self, name: str) -> str:
        """The keys of a receiver's own kind; every secret is a file."""
        secrets = {
            "slack": ("webhook_url", self.simulator.slack_url),
            "bot": ("token", BOT_TOKEN),
            "mail": ("password", self.mail.secret),
            "hook": ("url", self.hook.url),
        }
        keys: dict[str, dict[str, object]] = {
            "slack": {},
            "bot": {"channel": CHANNEL, "api_url": self.simulator.slack_api_url},
            "mail": {
                "host": "localhost",
                "port": self.mail.port,
                "username": USER,
                "sender": "builds@example.com",
                "to": ["ops@example.com", "ada@example.com"],
                "ca_file": str(CERTIFICATE),
            },
            "hook": {},
        }
        key, secret = secrets[name]
        told = keys[name] | {f"{key}_file": self._secret_file(f"{name}-secret", secret)}
        if name == "hook":
            told["secret_file"] = self._secret_file("hook-signature", HOOK_SECRET)
        return "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())

    def _secret_file(self, name: str, secret: str) -> str:
        file = self.folder / name
        file.write_text(secret)
        return str(file)

    def taken(self, receiver: str) -> list[Taken]:
        """Everything a receiver's far side took, in order."""
        match receiver:
            case "slack" | "bot":
                path = HOOK if receiver == "slack" else "/api/chat.postMessage"
                return [_of_slack(each) for each in self.simulator.messages if each.path == path]
            case "mail":
                return [_of_mail(mail, said) for mail, said in zip(self.mail.mails, self.mail.taken, strict=False)]
            case _:
                return [_of_hook(body) for body in self.hook.bodies]

    def doubtful(self, receiver: str) -> int:
        """How many of a receiver's messages were taken, and it may be that we do not know it."""
        path = {"slack": HOOK, "bot": "/api/chat.postMessage"}.get(receiver)
        hit = [
            each
            for each in self.simulator.requests("slack")
            if each.fault in _AMBIGUOUS and each.target.partition("?")[0] == path
        ]
        return len(hit) + self.ambiguous[receiver]

    def has_asked(self, receiver: str) -> int:
        """How many messages somebody tried to hand over to a receiver."""
        match receiver:
            case "slack" | "bot":
                path = HOOK if receiver == "slack" else "/api/chat.postMessage"
                return sum(each.target == path for each in self.simulator.requests("slack"))
            case "mail":
                return sum(step == "MAIL" for step in self.mail.steps)
            case _:
                return len(self.hook.requests)


@contextmanager
def endpoints(alerts: Alerts, simulator: Simulator, folder: Path) -> Iterator[Endpoints]:
    """The far sides, started, for as long as the drill."""
    with ExitStack() as ending:
        yield Endpoints(
            alerts=alerts,
            simulator=simulator,
            mail=ending.enter_context(SmtpStand()),
            hook=ending.enter_context(HookEnd()),
            folder=folder,
            ambiguous=Counter(),
        )


def _of_slack(message: Message) -> Taken:
    """As it was first said, whatever it was edited to since; its text has all it ever said."""
    first = (*message.earlier, message.payload)[0]
    title = html.unescape(str(first.get("text", "")).partition("\n")[0])
    everything = json.dumps([*message.earlier, message.payload], ensure_ascii=False)
    return Taken(title.removeprefix(REPEAT), title.startswith(REPEAT), everything)


def _of_mail(mail: EmailMessage, everything: str) -> Taken:
    """The title stands above the text; the subject is what its conversation is called by."""
    body = mail.get_body(("plain",))
    title = body.get_content().partition("\n")[0].strip() if body is not None else ""
    return Taken(title.removeprefix(REPEAT), title.startswith(REPEAT), everything)


def _of_hook(body: Mapping[str, Any]) -> Taken:
    items = tuple((int(each["incident_id"]), str(each["kind"])) for each in body["messages"] if each["incident_id"])
    return Taken(str(body["title"]), bool(body["is_possible_repeat"]), json.dumps(body, ensure_ascii=False), items)
