"""`observatory observe`: how we read something a provider said, one JSON line an observation."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from cli.failures import Failure
from cli.observed import build_line, job_line
from cli.style import Command
from cli.table import one_line
from collectors import COLLECTORS
from collectors.reading import Reading
from shared.errors import MalformedPayload
from shared.http.body import Truncated, parse_json


@dataclass(frozen=True, slots=True)
class Payload:
    """One payload of a file: `place` is where it stands, `url` the address that answered with it, where told."""

    place: str
    content: object
    url: str | None = None
    status: int = 200


@click.command(cls=Command)
@click.argument("provider", type=click.Choice(sorted(COLLECTORS)))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--url",
    metavar="ADDRESS",
    callback=lambda _context, _option, value: _told_address(value),
    help="The address that answered, where the payload does not tell it.",
)
def observe(provider: str, file: Path, url: str | None) -> None:
    """Show how we read what a PROVIDER said, from a FILE (- is stdin), without asking it anything.

    FILE holds an object or a list of its API, the body of a webhook, or JSON lines of these. Every build and job
    becomes one line of JSON; what is neither says on stderr what it is.
    """
    content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    unreadable = 0
    for payload in payloads(content):
        reading = read(provider, payload, url)
        for line in lines(provider, reading):
            click.echo(line)
        for words in remarks(reading):
            click.echo(f"{payload.place}: {one_line(words)}", err=True)
        unreadable += len(reading.unreadable)
    if unreadable:
        raise Failure([f"{unreadable} {'row' if unreadable == 1 else 'rows'} could not be read; the reasons are above"])


def payloads(content: bytes) -> Iterator[Payload]:
    """The payloads of a file: one JSON document, or one a line; raises Failure where it is neither."""
    text = content.removeprefix(b"\xef\xbb\xbf")
    try:
        documents = iter([("the file", parse_json(text))])
    except Truncated as error:
        documents = _json_lines(text, error)
    return (_unwrapped(place, document) for place, document in documents)


def read(provider: str, payload: Payload, url: str | None) -> Reading:
    """One payload read; a recorded refusal is no build, whatever its body holds."""
    if payload.status >= 300:
        return Reading(not_a_build=f"answer with the status {payload.status}")
    return COLLECTORS[provider].read(payload.content, url or payload.url)


def lines(provider: str, reading: Reading) -> Iterator[str]:
    """A line for each build, its jobs behind it, then the jobs that came without their build."""
    for build in reading.builds:
        yield _json(build_line(build))
        for job in build.jobs or ():
            yield _json(job_line(provider, build.external_id, build.attempt, job))
    for found in reading.jobs:
        yield _json(job_line(provider, found.build_external_id, found.attempt, found.job))


def remarks(reading: Reading) -> Iterator[str]:
    """What there is to say beside the lines."""
    if reading.not_a_build is not None:
        yield f"not a build: {reading.not_a_build}"
    for row in reading.unreadable:
        known = f" {row.external_id}" if row.external_id else ""
        yield f"unreadable {row.kind}{known}: {row.reason}"


def _json_lines(text: bytes, no_document: Truncated) -> Iterator[tuple[str, object]]:
    """The documents of a file that is not one; a first line that is none either means that no lines are meant."""
    rows = [(f"line {number}", row) for number, row in enumerate(text.splitlines(), 1) if row.strip()]
    for place, row in rows:
        try:
            yield place, parse_json(row)
        except MalformedPayload as error:
            is_first = (place, row) == rows[0]
            words = f"the file holds {no_document}" if is_first else f"{place} holds {error}"
            raise Failure([words], "observe reads one JSON document, or one a line.") from error
    if not rows:
        raise Failure(["the file is empty"], "observe reads one JSON document, or one a line.")


def _unwrapped(place: str, document: object) -> Payload:
    """The payload of a recording: an exchange with its URL and status, or a raw row with its `_meta`."""
    if isinstance(document, dict):
        meta = document.get("_meta")
        if isinstance(meta, dict) and "data" in document:
            return Payload(place, document["data"], _address(meta.get("url")))
        if {"url", "status", "body"} <= document.keys() and isinstance(document["status"], int):
            return Payload(place, document["body"], _address(document["url"]), document["status"])
    return Payload(place, document)


def _address(value: object) -> str | None:
    """The value if it is the address of something on the web."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return None
    try:
        return value if urlsplit(value).hostname else None
    except ValueError:
        return None


def _told_address(value: str | None) -> str | None:
    if value is not None and _address(value) is None:
        raise click.BadParameter('write it like "https://ci.example.com/job/app/"')
    return value


def _json(line: dict[str, object]) -> str:
    """One line that no terminal obeys: what cannot be printed is escaped."""
    text = json.dumps(line, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)
