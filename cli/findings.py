"""What `doctor` looks at: each check yields findings, in words, with the cure where something is wrong."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

import migrations
from cli.preflight import check_database, check_port, raise_file_limit
from cli.probe import get, reachable
from collectors import COLLECTORS
from shared.config.settings import Config, ProviderSettings, ServerSettings
from shared.embedded.folder import MARKER
from shared.embedded.server import running_url
from shared.errors import CannotStart, ProviderError
from shared.freshness import stale_sources
from shared.scope import Scope
from shared.standing import processes, quarantined, unknown_words

WINDOW = timedelta(days=30)


class Mark(StrEnum):
    """How bad a finding is."""

    FINE = "✓"
    ODD = "!"
    WRONG = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: about what, what was found, and how to cure it where it is not fine."""

    mark: Mark
    subject: str
    words: str
    cure: str | None = None


def database(config: Config) -> Iterator[Finding]:
    """Is there a database we can use: yours, or a private one in a folder that is ours?"""
    if config.database.url is not None:
        try:
            check_database(config.database.url.get_secret_value())
        except CannotStart as error:
            yield Finding(Mark.WRONG, "database", error.problem, error.cure)
        else:
            yield Finding(Mark.FINE, "database", "the database of DATABASE_URL is reachable and new enough")
        return
    folder = config.database.folder
    if problem := _what_is_wrong_with(folder):
        yield problem
    elif running_url(folder):
        yield Finding(Mark.FINE, "database", f"the private PostgreSQL in {folder} runs")
    else:
        yield Finding(
            Mark.ODD, "database", f"no private PostgreSQL runs in {folder}", "`observatory up` starts (and creates) it."
        )


def _what_is_wrong_with(folder: Path) -> Finding | None:
    cure = "Set another folder under [database] in the configuration, or DATABASE_URL."
    try:
        owner = folder.stat().st_uid
        is_ours = (folder / MARKER).exists() or not any(folder.iterdir())
    except FileNotFoundError:
        return None
    except OSError as error:
        return Finding(Mark.WRONG, "database", f"the data folder {folder} cannot be used: {error.strerror}", cure)
    if owner != os.geteuid():
        words = f"the data folder {folder} belongs to uid {owner}, and this runs as uid {os.geteuid()}"
        return Finding(Mark.WRONG, "database", words, "Run it as that account. " + cure)
    if not is_ours:
        return Finding(Mark.WRONG, "database", f"the data folder {folder} holds files that are not ours", cure)
    return None


def tables(engine: Engine) -> Iterator[Finding]:
    """Are the tables those of this version?"""
    current, head = migrations.current(engine), migrations.head()
    if current == head:
        yield Finding(Mark.FINE, "tables", f"at revision {head}")
    else:
        words = f"at revision {current or 'none'}, this version needs {head}"
        yield Finding(
            Mark.WRONG, "tables", words, "Run `observatory migrate`; if that is no help, update this program."
        )


def port(server: ServerSettings) -> Iterator[Finding]:
    """Can the API listen, or does it already?"""
    if server.port and answers(server):
        yield Finding(Mark.FINE, "port", f"our API answers on {server.host}:{server.port}")
        return
    try:
        check_port(server.host, server.port)
    except CannotStart as error:
        yield Finding(Mark.WRONG, "port", error.problem, error.cure)
    else:
        yield Finding(Mark.FINE, "port", f"{server.host}:{server.port or 'any port'} is free")


def answers(server: ServerSettings) -> bool:
    """Whether an API of ours listens where this configuration says."""
    status, body = get(reachable(server.host), server.port, "/api/openapi.json", seconds=3.0)
    return status == 200 and b"Build Observatory" in body


def files(server: ServerSettings) -> Iterator[Finding]:
    """May a process open enough files for its sockets?"""
    try:
        warning = raise_file_limit(server.max_sockets)
    except CannotStart as error:
        yield Finding(Mark.WRONG, "open files", error.problem, error.cure)
        return
    if warning:
        yield Finding(Mark.ODD, "open files", warning, "Until then the last clients of the stream are refused.")
    else:
        yield Finding(Mark.FINE, "open files", f"enough for {server.max_sockets} sockets")


def provider(settings: ProviderSettings) -> Iterator[Finding]:
    """Is the installation reachable, is the credential good? Tried on the first thing watched."""
    if not settings.watch:
        cure = f"Add to its `watch`, or use `observatory source add {settings.name} …`."
        yield Finding(Mark.ODD, settings.name, "the configuration watches nothing on it", cure)
        return
    kind = COLLECTORS[settings.kind]
    try:
        with kind.open_client(settings) as client:
            check = kind(settings, settings.watch[0], client).check()
    except ProviderError as error:
        yield Finding(Mark.WRONG, settings.name, str(error), "Check base_url, the network and the credential.")
        return
    words = f"{settings.watch[0]}: {'; '.join(check.words)}"
    if check.is_ok:
        yield Finding(Mark.FINE, settings.name, words)
    else:
        yield Finding(Mark.WRONG, settings.name, words, "Correct what it says in the configuration, then try again.")


def scheduler(session: Session, now: datetime, *, is_expected: bool) -> Iterator[Finding]:
    """Does a scheduler live? `is_expected`: the API runs, so one should."""
    alive = [process for process in processes(session, now) if process.kind == "scheduler" and process.is_alive]
    if alive:
        places = ", ".join(f"{process.host} (pid {process.pid})" for process in alive)
        yield Finding(Mark.FINE, "scheduler", f"alive on {places}")
    else:
        mark = Mark.WRONG if is_expected else Mark.ODD
        yield Finding(mark, "scheduler", "none runs, so nothing is collected", "Start `observatory up` or `scheduler`.")


def knowledge(session: Session, now: datetime) -> Iterator[Finding]:
    """What is stale, what could not be stored, which words nobody understood."""
    stale = stale_sources(session, Scope(), limit=20)
    for row in stale:
        cure = "See `observatory source list`; the remark says what the provider answered."
        yield Finding(Mark.ODD, f"{row['instance']}:{row['scope']}", str(row["reason"]), cure)
    if not stale:
        yield Finding(Mark.FINE, "freshness", "no source is stale")
    words = unknown_words(session, now - WINDOW)
    for word in words:
        said = f"says {word.word!r} of {word.builds} build(s), a word we do not know; they are shown as `unknown`"
        yield Finding(Mark.ODD, word.provider, said, "Update this program, or report the word.")
    if not words:
        yield Finding(Mark.FINE, "words", "every status of the last 30 days was understood")
    count, last_seen_at = quarantined(session)
    if count and last_seen_at:
        said = (
            f"{count} row(s) of providers' answers could not be stored, the last one at {last_seen_at:%Y-%m-%d %H:%M}Z"
        )
        yield Finding(
            Mark.ODD, "quarantine", said, "The table `quarantine` names each one and the reason; report them."
        )
    else:
        yield Finding(Mark.FINE, "quarantine", "empty")
