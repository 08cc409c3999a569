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
from collectors.base import Check
from shared.config.patterns import matches, parse_pattern
from shared.config.settings import Config, ProviderSettings, ServerSettings
from shared.embedded.folder import MARKER
from shared.embedded.server import running_url
from shared.errors import CannotStart, ProviderError, Unavailable
from shared.freshness import sources
from shared.http.client import Client
from shared.jobs import told
from shared.rows import Row
from shared.scope import Scope
from shared.standing import Quarantine, processes, quarantined, unknown_words

WINDOW = timedelta(days=30)
MOST_SOURCES = 10_000
MOST_NAMES = 3
MOST_REASONS = 3

NO_NETWORK = "Check this machine's network and DNS; the sources are tried again by themselves."
SEE_SOURCES = "They are tried again by themselves; `observatory source list` shows each with its remark."
SEE_LOG = "Its log has the whole error: look for `job failed` and `database trouble`. A restart does no harm."
REPORT = "Report these with the version of this program; the table `quarantine` has each row's id."


class State(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: about what, what was found, and how to cure it where it is not fine."""

    state: State
    subject: str
    words: str
    cure: str | None = None


def database(config: Config) -> Iterator[Finding]:
    """Is there a database we can use: yours, or a private one in a folder that is ours?"""
    if config.database.url is not None:
        try:
            check_database(config.database.url.get_secret_value())
        except CannotStart as error:
            yield Finding(State.ERROR, "database", error.problem, error.cure)
        else:
            yield Finding(State.OK, "database", "the database of DATABASE_URL is reachable and new enough")
        return
    folder = config.database.folder
    if problem := _what_is_wrong_with(folder):
        yield problem
    elif running_url(folder):
        yield Finding(State.OK, "database", f"the private PostgreSQL in {folder} runs")
    else:
        yield Finding(
            State.WARNING,
            "database",
            f"no private PostgreSQL runs in {folder}",
            "`observatory up` starts (and creates) it.",
        )


def _what_is_wrong_with(folder: Path) -> Finding | None:
    cure = "Set another folder under [database] in the configuration, or DATABASE_URL."
    try:
        owner = folder.stat().st_uid
        is_ours = (folder / MARKER).exists() or not any(folder.iterdir())
    except FileNotFoundError:
        return None
    except OSError as error:
        return Finding(State.ERROR, "database", f"the data folder {folder} cannot be used: {error.strerror}", cure)
    if owner != os.geteuid():
        words = f"the data folder {folder} belongs to uid {owner}, and this runs as uid {os.geteuid()}"
        return Finding(State.ERROR, "database", words, "Run it as that account. " + cure)
    if not is_ours:
        return Finding(State.ERROR, "database", f"the data folder {folder} holds files that are not ours", cure)
    return None


def tables(engine: Engine) -> Finding:
    """Are the tables those of this version?"""
    current, head = migrations.current(engine), migrations.head()
    if current == head:
        return Finding(State.OK, "tables", f"at revision {head}")
    words = f"at revision {current or 'none'}, this version needs {head}"
    return Finding(State.ERROR, "tables", words, "Run `observatory migrate`; if that is no help, update this program.")


def port(server: ServerSettings) -> Iterator[Finding]:
    """Can the API listen, or does it already?"""
    if server.port and answers(server):
        yield Finding(State.OK, "port", f"our API answers on {server.host}:{server.port}")
        return
    try:
        check_port(server.host, server.port)
    except CannotStart as error:
        yield Finding(State.ERROR, "port", error.problem, error.cure)
    else:
        yield Finding(State.OK, "port", f"{server.host}:{server.port or 'any port'} is free")


def answers(server: ServerSettings) -> bool:
    """Whether an API of ours listens where this configuration says."""
    status, body = get(reachable(server.host), server.port, "/api/openapi.json", seconds=3.0)
    return status == 200 and b"Build Observatory" in body


def files(server: ServerSettings) -> Iterator[Finding]:
    """May a process open enough files for its sockets?"""
    try:
        warning = raise_file_limit(server.max_sockets)
    except CannotStart as error:
        yield Finding(State.ERROR, "open files", error.problem, error.cure)
        return
    if warning:
        yield Finding(State.WARNING, "open files", warning, "Until then the last clients of the stream are refused.")
    else:
        yield Finding(State.OK, "open files", f"enough for {server.max_sockets} sockets")


def provider(settings: ProviderSettings) -> Iterator[Finding]:
    """Is the installation reachable, is the credential good? Tried on the first thing watched."""
    if not settings.watch:
        cure = f"Add to its `watch`, or use `observatory source add {settings.name} …`."
        yield Finding(State.WARNING, settings.name, "the configuration watches nothing on it", cure)
        return
    kind, scope = COLLECTORS[settings.kind], settings.scopes[0] if settings.scopes else settings.patterns[0]
    try:
        with kind.open_client(settings) as client:
            try:
                client.find_host()
            except Unavailable as error:
                yield Finding(State.ERROR, settings.name, str(error), NO_NETWORK)
                return
            check = kind(settings, scope, client).check() if settings.scopes else _try_pattern(settings, scope, client)
    except ProviderError as error:
        yield Finding(State.ERROR, settings.name, str(error), "Check base_url, the network and the credential.")
        return
    words = "; ".join(check.words)
    # What went wrong says by itself where and what to do.
    yield Finding(
        State.OK if check.is_ok else State.ERROR, settings.name, words if scope in words else f"{scope}: {words}"
    )


def _try_pattern(settings: ProviderSettings, pattern: str, client: Client) -> Check:
    """Whether a pattern finds anything: the first is enough to know that the credential may list."""
    listed = COLLECTORS[settings.kind].discover(settings, client, parse_pattern(pattern))
    first = next((item.scope for item in listed if matches(pattern, item.scope)), None)
    if first is None:
        return Check(is_ok=False, words=(f"{pattern} finds nothing: what may the credential see?",))
    return Check(is_ok=True, words=(f"{pattern} finds sources, such as {first}",))


def scheduler(session: Session, now: datetime, *, is_expected: bool) -> Iterator[Finding]:
    """Does a scheduler live? `is_expected`: the API runs, so one should."""
    alive = [process for process in processes(session, now) if process.kind == "scheduler" and process.is_alive]
    if alive:
        places = ", ".join(f"{process.host} (pid {process.pid})" for process in alive)
        yield Finding(State.OK, "scheduler", f"alive on {places}")
        for process in alive:
            for trouble in process.troubles:
                words = f"{told(trouble)}; on {process.host} (pid {process.pid})"
                yield Finding(State.ERROR, "scheduler", words, SEE_LOG)
    else:
        state = State.ERROR if is_expected else State.WARNING
        yield Finding(
            state, "scheduler", "none runs, so nothing is collected", "Start `observatory up` or `scheduler`."
        )


def freshness(session: Session) -> Iterator[Finding]:
    """Which sources are failing, stale or were never reached: one line for each cause."""
    groups: dict[str, list[str]] = {}
    for row in sources(session, Scope(), limit=MOST_SOURCES):
        if cause := _why_not_fresh(row):
            groups.setdefault(cause, []).append(f"{row['instance']}:{row['scope']}")
    for cause, names in groups.items():
        yield Finding(State.WARNING, "freshness", f"{_counted(names)} {cause}", SEE_SOURCES)
    if not groups:
        yield Finding(State.OK, "freshness", "every source is fresh")


def _why_not_fresh(row: Row) -> str | None:
    """The end of the sentence "3 sources …", the same for every source with the same cause; None for a fresh one."""
    if not row["is_active"]:
        return None
    error = _without_place(str(row["last_error"]), str(row["scope"])) if row["failures"] and row["last_error"] else ""
    said = f": {error}" if error else ""
    if row["last_contact_at"] is None:
        return f"never reached yet{said}"
    if row["failures"]:
        return f"failing{said}"
    return "stale: no poll when one was due" if row["is_stale"] else None


def _without_place(error: str, scope: str) -> str:
    """An error without the path it begins with, if that is the source's own and so hides that others say the same."""
    place, _, rest = error.partition(": ")
    return rest if rest and scope in place else error


def _counted(names: list[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return f"{len(names)} source{'s' if len(names) > 1 else ''} ({shown})"


def knowledge(session: Session, now: datetime) -> Iterator[Finding]:
    """Which words nobody understood, what could not be stored, what was not read."""
    words = unknown_words(session, now - WINDOW)
    for word in words:
        said = f"says {word.word!r} of {word.builds} build(s), a word we do not know; they are shown as `unknown`"
        yield Finding(State.WARNING, word.provider, said, "Update this program, or report the word.")
    if not words:
        yield Finding(State.OK, "words", "every status of the last 30 days was understood")
    yield from quarantine(quarantined(session, most=MOST_REASONS))


def quarantine(found: Quarantine) -> Iterator[Finding]:
    """Rows that could not be used with their newest reasons, lists that were cut short, and what is no fault."""
    if found.unusable:
        said = f"{found.unusable} row(s) of providers' answers could not be stored; the newest reasons:"
        yield Finding(State.WARNING, "quarantine", said, REPORT)
    for aside in found.newest:
        rows = f"{aside.rows} row(s) of kind {aside.kind}, the last at {_minute(aside.last_seen_at)}"
        said = f"{aside.source}: {aside.reason}; {rows}"
        yield Finding(State.WARNING, "quarantine", said, REPORT)
    for aside in found.cut_lists:
        said = f"{aside.source} at {_minute(aside.last_seen_at)}: {aside.reason}"
        yield Finding(State.WARNING, "cut list", said, "What is missing is not collected by itself; raise max_pages.")
    if not found.unusable:
        yield Finding(State.OK, "quarantine", "every row of the providers' answers could be stored")
    if found.given_up:
        said = f"{found.given_up} old build(s) or attempt(s) the provider no longer shows are asked for once a day"
        yield Finding(State.OK, "follow-ups", said)


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z"
