"""The words of `/ws`: what a client may say, what it subscribes to, and what the server answers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from uuid import UUID

import orjson

from shared.errors import ObservatoryError
from shared.wire import encode

TEXT_KEYS = ("provider", "instance", "project", "repository", "branch")
NUMBER_KEYS = ("pipeline_id", "build_id")
FILTER_KEYS = (*TEXT_KEYS, *NUMBER_KEYS)
SUBSCRIBE_KEYS = ("type", "epoch", "since", "filter", "include_backfill")

Facts = Mapping[str, object]
"""What a filter is asked about: the build object with its id as `build_id`, or the incident object without any."""


class CloseCode(IntEnum):
    """Why the server closes a socket."""

    GOING_AWAY = 1001
    NOT_TEXT = 1003
    POLICY = 1008
    TOO_BIG = 1009
    TRY_AGAIN_LATER = 1013
    TOO_SLOW = 4008
    BAD_MESSAGE = 4400


class BadMessage(ObservatoryError):
    """A client's message that cannot be understood, in words for its author."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events pass: every term must equal the fact of its name. No term: everything."""

    terms: tuple[tuple[str, str | int], ...] = ()

    def passes(self, facts: Facts) -> bool:
        """Whether an event about something with these facts passes."""
        return all(facts.get(key) == wanted for key, wanted in self.terms)

    def as_json(self) -> dict[str, str | int]:
        """The filter as the client said it."""
        return dict(self.terms)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A client's wish; without `epoch` and `since` it begins at the head."""

    filter: Filter = field(default_factory=Filter)
    epoch: UUID | None = None
    since: int | None = None
    include_backfill: bool = False


def parse_subscribe(text: str) -> Subscribe:
    """Read the one message a client can send; raises BadMessage."""
    try:
        message: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadMessage(f"the message is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise BadMessage('a message is a JSON object such as {"type": "subscribe", "filter": {"branch": "main"}}')
    if message.get("type") != "subscribe":
        raise BadMessage('the only message understood here has "type": "subscribe"')
    _refuse_unknown(message, SUBSCRIBE_KEYS, "subscribe")
    epoch, since = _parse_place(message.get("epoch"), message.get("since"))
    include_backfill = message.get("include_backfill", False)
    if not isinstance(include_backfill, bool):
        raise BadMessage('"include_backfill" is true or false')
    return Subscribe(_parse_filter(message.get("filter", {})), epoch, since, include_backfill)


def _parse_place(epoch: object, since: object) -> tuple[UUID | None, int | None]:
    if epoch is None and since is None:
        return None, None
    if not isinstance(since, int) or isinstance(since, bool) or since < 0:
        raise BadMessage('"since" is the last position you have, a whole number from 0 on, given together with "epoch"')
    if not isinstance(epoch, str):
        raise BadMessage('"epoch" is the text of that name from `hello`, given together with "since"')
    try:
        return UUID(epoch), since
    except ValueError:
        raise BadMessage('"epoch" is not one of ours; take it from `hello`') from None


def _parse_filter(value: object) -> Filter:
    if not isinstance(value, dict):
        raise BadMessage('"filter" is an object such as {"branch": "main"}; {} passes everything')
    _refuse_unknown(value, FILTER_KEYS, "filter")
    for key in TEXT_KEYS:
        if key in value and not isinstance(value[key], str):
            raise BadMessage(f'"{key}" in the filter is a text')
    for key in NUMBER_KEYS:
        if key in value and (not isinstance(value[key], int) or isinstance(value[key], bool)):
            raise BadMessage(f'"{key}" in the filter is a whole number')
    return Filter(tuple((key, value[key]) for key in FILTER_KEYS if key in value))


def _refuse_unknown(given: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    unknown = ", ".join(f'"{key[:40]}"' for key in list(given)[:5] if key not in known)
    if unknown:
        raise BadMessage(f"unknown in {where}: {unknown}; it can hold {', '.join(known)}")


def hello(epoch: UUID, head: int) -> bytes:
    """The greeting: from here on everything after `head` comes, until the client subscribes."""
    return encode({"type": "hello", "epoch": epoch, "head": head, "filter": {}})


def subscribed(since: int, wish: Subscribe) -> bytes:
    """The answer to a wish that can be fulfilled; the first event's `prev_pos` is this `since`."""
    extra = {"include_backfill": True} if wish.include_backfill else {}
    return encode({"type": "subscribed", "since": since, "filter": wish.filter.as_json(), **extra})


def resync(epoch: UUID, head: int) -> bytes:
    """The past asked for is not to be had: load the present over HTTP; from here on comes what is after `head`."""
    return encode({"type": "resync", "epoch": epoch, "head": head})


def error(words: str) -> bytes:
    """What was wrong with a client's message; a close follows."""
    return encode({"type": "error", "message": words})
