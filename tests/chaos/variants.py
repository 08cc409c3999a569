"""Known-bad variants of ours: each undoes one promise in the process that puts it in, and a drill has to notice.

They exist to prove that the drills have teeth. Nothing of the product knows them: a start script of the tests replaces
one statement or function before the process begins its work.
"""

import threading
from datetime import datetime
from enum import StrEnum
from types import ModuleType

from sqlalchemy import Engine, TextClause, text
from sqlalchemy.orm import Session

from alerts.deliveries import State
from alerts.receiver import Receiver


class Variant(StrEnum):
    """What is done wrong."""

    IDENTITY_CURSOR = "identity-cursor"
    LAST_WRITER_WINS = "last-writer-wins"
    UNFENCED_LEASE = "unfenced-lease"
    NOTIFY_ONLY = "notify-only"
    STATUS_FILTER = "status-filter"
    ANY_ADDRESS = "any-address"
    MARK_BEFORE_SEND = "mark-before-send"


CAUGHT_BY = {
    Variant.IDENTITY_CURSOR: "F36",
    Variant.LAST_WRITER_WINS: "F20",
    Variant.UNFENCED_LEASE: "F05",
    Variant.NOTIFY_ONLY: "F40",
    Variant.STATUS_FILTER: "F29",
    Variant.ANY_ADDRESS: "F19",
    Variant.MARK_BEFORE_SEND: "F02",
}
"""The drill that has to turn red for each."""


def prepare(engine: Engine, variant: Variant) -> None:
    """What a variant needs in the database of its drill."""
    if variant is Variant.IDENTITY_CURSOR:
        with engine.begin() as connection:
            connection.execute(text("CREATE SEQUENCE chaos_pos"))


def put_in(variant: Variant) -> None:
    """Spoil this process."""
    _SPOILERS[variant]()


def _identity_cursor() -> None:
    """Positions from a sequence: drawn before the commit, and gone with a rollback."""
    from shared import events  # noqa: PLC0415 - each variant loads what it spoils, and nothing before it has to

    _change(events, "_APPEND", "(SELECT coalesce(max(pos), 0) FROM events) + e.ordinal", "nextval('chaos_pos')")
    _change(events, "_LOCK", "pg_advisory_xact_lock(:key)", "CAST(:key AS bigint)")


def _last_writer_wins() -> None:
    """Whatever was seen last is the truth."""
    from shared import recorder_sql  # noqa: PLC0415

    for statement in ("CHANGED", "MERGE"):
        _change(recorder_sql, statement, recorder_sql._BEATS, "true")  # noqa: SLF001


def _unfenced_lease() -> None:
    """Whoever once held a source, or the credential that is asked with, may go on for ever."""
    from shared import credentials, leases  # noqa: PLC0415

    for statement in ("_RENEW", "_RENEW_AND_ASK", "_RELEASE"):
        _change(leases, statement, "AND fence = :fence AND lease_until IS NOT NULL", "AND :fence > 0")
    _change(credentials, "_KEEP", "AND lease_owner = :owner", "AND :owner <> ''")


def _notify_only() -> None:
    """Wait for a notification, however long it takes."""
    from shared.listener import Listener  # noqa: PLC0415

    wait = Listener.wait

    def wait_for_ever(listener: Listener, timeout_seconds: float) -> bool:
        while not wait(listener, timeout_seconds):
            pass
        return True

    Listener.wait = wait_for_ever  # type: ignore[method-assign, assignment]


def _status_filter() -> None:
    """Read only the list of what runs."""
    from collectors.github import GitHubCollector  # noqa: PLC0415

    params = GitHubCollector._page_params  # noqa: SLF001

    def filtered(collector: GitHubCollector, size: int | None = None) -> dict[str, str | int]:
        return params(collector, size) | {"status": "in_progress"}

    GitHubCollector._page_params = filtered  # type: ignore[method-assign, assignment]  # noqa: SLF001


def _any_address() -> None:
    """Follow a name wherever it leads."""
    from shared.http import deadline  # noqa: PLC0415

    deadline.allowed = lambda host, addresses: list(addresses)  # type: ignore[attr-defined]  # noqa: ARG005


def _mark_before_send() -> None:
    """A message counts as sent before it is handed over."""
    from alerts import deliver  # noqa: PLC0415

    begun = threading.local()
    claim, try_once, settle = deliver._claim, deliver._try_once, deliver._settle  # noqa: SLF001

    def claim_and_note(session: Session, name: str, receiver: Receiver, terms: deliver._Terms) -> deliver._Job | None:
        begun.terms = terms
        return claim(session, name, receiver, terms)

    def mark_and_try(receiver: Receiver, job: deliver._Job, now: datetime) -> deliver.Outcome:
        settle(job, deliver.Outcome(State.SENT), begun.terms)
        return try_once(receiver, job, now)

    deliver._claim, deliver._try_once = claim_and_note, mark_and_try  # noqa: SLF001


def _change(module: ModuleType, name: str, old: str, new: str) -> None:
    """Replace a part of one of a module's statements, its parameters' types kept."""
    statement: str | TextClause = getattr(module, name)
    words = statement if isinstance(statement, str) else statement.text
    if old not in words:
        raise LookupError(f"{module.__name__}.{name} has no {old!r} any more: bring this variant up to date")
    words = words.replace(old, new)
    if isinstance(statement, str):
        setattr(module, name, words)
        return
    kept = [each for each in statement._bindparams.values() if f":{each.key}" in words]  # noqa: SLF001
    setattr(module, name, text(words).bindparams(*kept))


_SPOILERS = {
    Variant.IDENTITY_CURSOR: _identity_cursor,
    Variant.LAST_WRITER_WINS: _last_writer_wins,
    Variant.UNFENCED_LEASE: _unfenced_lease,
    Variant.NOTIFY_ONLY: _notify_only,
    Variant.STATUS_FILTER: _status_filter,
    Variant.ANY_ADDRESS: _any_address,
    Variant.MARK_BEFORE_SEND: _mark_before_send,
}
