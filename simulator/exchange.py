"""One HTTP exchange as the simulator sees it: the request, the answer, and the manner of putting it on the wire."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit

import orjson

JSON_TYPE = "application/json; charset=utf-8"


class Manner(StrEnum):
    """How an answer's bytes reach the client."""

    WHOLE = "whole"
    DRIP = "drip"  # status and headers at once, then a few body bytes a second
    CUT = "cut"  # half of the body, then the end of the connection
    SILENT = "silent"  # nothing at all, the connection stays open
    RESET = "reset"  # nothing at all, the connection is reset


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived: header names are lower case, `target` is path and query as sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path without its query, as sent (still percent-encoded)."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's last value of each name."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def credential(self) -> str | None:
        """The bare token of an `Authorization` header, whatever its scheme."""
        value = self.headers.get("authorization", "")
        return value.partition(" ")[2].strip() or None


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back.

    A length is announced unless `is_length_hidden`: then the end of the connection ends the body. `filler` is how many
    bytes of nothing are sent before the body's last two, so that a huge answer needs no memory here.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    manner: Manner = Manner.WHOLE
    is_length_hidden: bool = False
    bytes_per_second: int = 1
    filler: int = 0

    def with_headers(self, **headers: str) -> "Answer":
        """The same answer with more headers; an underscore in a name stands for a dash."""
        return replace(self, headers=self.headers | {name.replace("_", "-"): text for name, text in headers.items()})


def json_answer(status: int, content: object, headers: dict[str, str] | None = None) -> Answer:
    """An answer whose body is `content` as JSON."""
    return Answer(status, {"Content-Type": JSON_TYPE} | (headers or {}), orjson.dumps(content))


def text_answer(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> Answer:
    """An answer whose body is text."""
    return Answer(status, {"Content-Type": content_type}, text.encode())
