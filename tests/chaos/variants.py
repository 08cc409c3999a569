"""Known-bad variants of ours: each undoes one promise in the process that puts it in, and a drill has to notice.

They exist to prove that the drills have teeth. Nothing of the product knows them: a start script of the tests replaces
one statement or function before the process begins its work.
"""

from enum import StrEnum

from sqlalchemy import Engine, TextClause, text


class Variant(StrEnum):
    """What is done wrong."""

    IDENTITY_CURSOR = "identity-cursor"
    LAST_WRITER_WINS = "last-writer-wins"
    UNFENCED_LEASE = "unfenced-lease"
    NOTIFY_ONLY = "notify-only"
    STATUS_FILTER = "status-filter"


CAUGHT_BY = {
    Variant.IDENTITY_CURSOR: "F36",
    Variant.LAST_WRITER_WINS: "F20",
    Variant.UNFENCED_LEASE: "F05",
    Variant.NOTIFY_ONLY: "F40",
    Variant.STATUS_FILTER: "F29",
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

    dense = "(SELECT coalesce(max(pos), 0) FROM events) + e.ordinal"
    events._APPEND = _changed(events._APPEND, dense, "nextval('chaos_pos')")  # noqa: SLF001
    events._LOCK = _changed(events._LOCK, "pg_advisory_xact_lock(:key)", "CAST(:key AS bigint)")  # noqa: SLF001


def _last_writer_wins() -> None:
    """Whatever was seen last is the truth."""
    from shared import recorder_sql  # noqa: PLC0415

    beats = recorder_sql._BEATS  # noqa: SLF001
    recorder_sql.CHANGED = _changed(recorder_sql.CHANGED, beats, "true")
    recorder_sql.MERGE = _changed(recorder_sql.MERGE, beats, "true")


def _unfenced_lease() -> None:
    """Whoever once held a source may write for it for ever."""
    from shared import leases  # noqa: PLC0415

    fence = "AND fence = :fence AND lease_until IS NOT NULL"
    leases._RENEW = _changed(leases._RENEW, fence, "AND :fence > 0")  # noqa: SLF001
    leases._RELEASE = _changed(leases._RELEASE, fence, "AND :fence > 0")  # noqa: SLF001


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


def _changed(statement: TextClause, old: str, new: str) -> TextClause:
    """The statement with a part replaced, its parameters' types kept."""
    if old not in statement.text:
        raise LookupError(f"the statement has no {old!r} any more: bring this variant up to date")
    kept = [parameter for parameter in statement._bindparams.values() if f":{parameter.key}" in statement.text]  # noqa: SLF001
    return text(statement.text.replace(old, new)).bindparams(*kept)


_SPOILERS = {
    Variant.IDENTITY_CURSOR: _identity_cursor,
    Variant.LAST_WRITER_WINS: _last_writer_wins,
    Variant.UNFENCED_LEASE: _unfenced_lease,
    Variant.NOTIFY_ONLY: _notify_only,
    Variant.STATUS_FILTER: _status_filter,
}
