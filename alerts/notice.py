"""One message to one receiver, whatever channel carries it: title, facts, lines, links; every text one clean line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from alerts.message import Kind, Message, is_link, one_line
from shared.status import BROKEN, Status

MOST_LINES = 20
"""Lines of one message; what is more stands behind its link."""

_TEXT_LIMIT = 500
_LINE_LIMIT = 240
_LABEL_LIMIT = 60


class NoticeKind(StrEnum):
    """What a message is: news of incidents, one line of the raw feed, a digest, our own trouble, a trial."""

    NEWS = "news"
    TRANSITION = "transition"
    DIGEST = "digest"
    OPERATIONS = "operations"
    TEST = "test"


class Tone(StrEnum):
    """How a message or a line looks: red, orange, green, or like any other text."""

    BAD = "bad"
    UNSTEADY = "unsteady"
    GOOD = "good"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: what happened (`label` in one word or two), to what, and where to read on."""

    tone: Tone
    label: str
    text: str
    url: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", one_line(self.label, _LABEL_LIMIT))
        object.__setattr__(self, "text", one_line(self.text, _LINE_LIMIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Some lines under a title (none where there is but one section); `more` is how many are left out."""

    title: str | None
    lines: tuple[Line, ...]
    more: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", one_line(self.title or "", _TEXT_LIMIT) or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message as a receiver gets it.

    `id` is the delivery's, 0 for a trial. `thread` names the conversation for channels that sort by name (an e-mail's
    References, a webhook's dedup key): `incident-7` or `delivery-12`. `messages` is what a machine wants to read of the
    news, as many as there are lines. Links that begin with `/` are ours. `counts` is how often each kind is told,
    what is left out included. `board` is what the first message of a conversation says from now on, where this one is
    a reply in it.
    """

    kind: NoticeKind
    id: int
    title: str
    tone: Tone
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    messages: tuple[Message, ...] = ()
    counts: tuple[tuple[Kind, int], ...] = ()
    thread: str | None = None
    board: "Notice | None" = None

    def __post_init__(self) -> None:
        # Here, so that no receiver need know what a control or bidi character does in its channel.
        object.__setattr__(self, "title", one_line(self.title, _TEXT_LIMIT))
        object.__setattr__(self, "facts", _cleaned(self.facts))

    def resolved_links(self, base_url: str) -> tuple[tuple[str, str], ...]:
        """The links as (label, URL) with ours made whole; only http and https, and none of ours without a base."""
        whole = ((one_line(label, _LABEL_LIMIT), resolve(url, base_url)) for label, url in self.links)
        return tuple((label, url) for label, url in whole if url is not None)


def _cleaned(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((one_line(label, _LABEL_LIMIT), one_line(text, _TEXT_LIMIT)) for label, text in pairs)


def resolve(url: str | None, base_url: str) -> str | None:
    """A URL that may be offered for clicking, ours made whole; None where there is none."""
    if url is None or (url.startswith("/") and not base_url):
        return None
    whole = f"{base_url.rstrip('/')}{url}" if url.startswith("/") else url
    return whole if is_link(whole) else None


_ORDER = (Kind.BROKE, Kind.FLAPPING, Kind.STILL_FAILING, Kind.FIXED, Kind.RECOVERED)
"""What is worse comes first."""

_TONES = {
    Kind.BROKE: Tone.BAD,
    Kind.FLAPPING: Tone.UNSTEADY,
    Kind.STILL_FAILING: Tone.BAD,
    Kind.FIXED: Tone.GOOD,
    Kind.RECOVERED: Tone.GOOD,
}

_LABELS = {
    Kind.BROKE: "broke",
    Kind.FLAPPING: "flapping",
    Kind.STILL_FAILING: "still failing",
    Kind.FIXED: "fixed",
    Kind.RECOVERED: "failed and recovered",
    Kind.TRANSITION: "changed",
}

_VERBS = {
    Kind.BROKE: ("broke", "broke"),
    Kind.FLAPPING: ("is flapping", "are flapping"),
    Kind.STILL_FAILING: ("is still failing", "are still failing"),
    Kind.FIXED: ("is fixed", "are fixed"),
    Kind.RECOVERED: ("failed and recovered", "failed and recovered"),
}

_STORED = TypeAdapter(Notice)


def to_row(notice: Notice) -> dict[str, Any]:
    """The notice as JSON for the delivery's row."""
    row: dict[str, Any] = _STORED.dump_python(notice, mode="json")
    return row


def parse_notice(row: object) -> Notice:
    """The notice of a delivery's row; raises ValueError where the row is not one."""
    return _STORED.validate_python(row)


def notice_of(message: Message, notice_id: int, kind: NoticeKind = NoticeKind.NEWS) -> Notice:
    """A message about one thing: its title, its facts, its links."""
    return Notice(
        kind=kind,
        id=notice_id,
        title=message.title,
        tone=tone_of(message),
        facts=message.facts,
        links=message.links,
        messages=(message,),
        counts=((message.kind, 1),),
        thread=None if message.incident_id is None else f"incident-{message.incident_id}",
    )


def notice_of_group(
    messages: Sequence[Message], counts: Mapping[Kind, int], notice_id: int, *, thread: str | None = None
) -> Notice:
    """One message for many incidents; `messages` are those that get a line, `counts` counts all of them."""
    told = tuple((kind, counts[kind]) for kind in _ORDER if counts.get(kind))
    total, shown = sum(counts.values()), messages[:MOST_LINES]
    everything = f"/api/deliveries/{notice_id}"
    return Notice(
        kind=NoticeKind.NEWS,
        id=notice_id,
        title=_sum_up(told),
        tone=next((_TONES[kind] for kind, _ in told), Tone.PLAIN),
        sections=(Section(title=None, lines=tuple(map(line_of, shown)), more=total - len(shown)),),
        links=(
            (f"All {total:,} in Build Observatory" if total > len(shown) else "Open in Build Observatory", everything),
        ),
        messages=tuple(shown),
        counts=told,
        thread=thread,
    )


def line_of(message: Message) -> Line:
    """One incident's line among others."""
    url = message.web_url or f"/api/builds/{message.build_id}"
    return Line(tone=tone_of(message), label=_LABELS[message.kind], text=message.brief, url=url)


def tone_of(message: Message) -> Tone:
    """How news looks; in the raw feed, how the status it came to does."""
    if message.kind is not Kind.TRANSITION:
        return _TONES[message.kind]
    if message.status in BROKEN:
        return Tone.BAD
    return Tone.GOOD if message.status is Status.SUCCEEDED else Tone.PLAIN


def _sum_up(counts: Sequence[tuple[Kind, int]]) -> str:
    """`980 pipelines broke, 3 are fixed`."""
    words = []
    for place, (kind, count) in enumerate(counts):
        subject = "" if place else " pipeline" if count == 1 else " pipelines"
        words.append(f"{count:,}{subject} {_VERBS[kind][count != 1]}")
    return ", ".join(words)
