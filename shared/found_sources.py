"""What a look through a pattern means for the sources: who is new, renamed, back or gone. A plan, then its writing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Found:
    """One thing a provider lists; `external_id` is the id that stays when it is renamed, None where there is none."""

    scope: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A source of the instance as it is stored."""

    id: int
    scope: str
    external_id: str | None
    origin: str
    is_active: bool
    pattern: str | None

    @property
    def is_asked_for(self) -> bool:
        """Whether somebody named it, so that no listing decides about it."""
        return self.is_active and self.origin != "found"


@dataclass(slots=True)
class Changes:
    """`written` are the stored sources that become what was found, `outnamed` those whose name is another's now."""

    added: list[Found] = field(default_factory=list)
    written: dict[int, Found] = field(default_factory=dict)
    renamed: list[int] = field(default_factory=list)
    outnamed: list[int] = field(default_factory=list)
    identified: dict[int, str] = field(default_factory=dict)
    vanished: list[int] = field(default_factory=list)

    @property
    def gone(self) -> list[int]:
        """The sources that are archived."""
        return sorted({*self.vanished, *self.outnamed})

    @property
    def is_nothing(self) -> bool:
        """Whether the tables are as they should be."""
        return not (self.added or self.written or self.gone or self.identified)


def plan(known: Sequence[Known], found: Iterable[Found], pattern: str, *, is_complete: bool) -> Changes:
    """What has to change so that the sources are what this pattern finds. Pure.

    The id decides who somebody is, the name only where no id is known. A list that broke off only adds: what it does
    not show may be there, and a name it shows may have been given away further down.
    """
    changes = Changes()
    by_id = {row.external_id: row for row in known if row.external_id is not None}
    by_name = {row.scope.casefold(): row for row in known}
    taken: dict[int, Found] = {}
    rivals: list[Known] = []
    for item in _once(found):
        holder, owner = by_name.get(item.scope.casefold()), by_id.get(item.external_id or "")
        if _is_covered(item, holder, owner, changes):
            continue
        row = owner or (holder if holder and None in (holder.external_id, item.external_id) else None)
        if row is None and (holder is None or is_complete):
            changes.added.append(item)
        elif row is not None:
            taken[row.id] = item
        if holder is not None and holder is not row:
            rivals.append(holder)
    if is_complete:
        changes.outnamed = [row.id for row in rivals if row.id not in taken]
        changes.vanished = [row.id for row in known if _was_found_by(pattern, row) and row.id not in taken]
    for row in known:
        if row.id in taken:
            _keep(row, taken[row.id], changes, is_complete=is_complete)
    return changes


def _once(found: Iterable[Found]) -> Iterable[Found]:
    """Nobody twice: a list that shifted while it was read may show one thing under two names, or two under one."""
    by_id = {item.external_id or item.scope.casefold(): item for item in found}
    return {item.scope.casefold(): item for item in by_id.values()}.values()


def _is_covered(item: Found, holder: Known | None, owner: Known | None, changes: Changes) -> bool:
    """Whether somebody named this source already; if so its id is learnt, which keeps it one source when renamed."""
    asked = next((row for row in (holder, owner) if row is not None and row.is_asked_for), None)
    if asked is None:
        return False
    if asked.external_id is None and item.external_id is not None and owner is None:
        changes.identified[asked.id] = item.external_id
    return True


def _keep(row: Known, item: Found, changes: Changes, *, is_complete: bool) -> None:
    is_renamed = row.scope != item.scope
    if is_renamed and not is_complete:
        return
    if is_renamed:
        changes.renamed.append(row.id)
    if is_renamed or not row.is_active or row.external_id != item.external_id:
        changes.written[row.id] = item


def _was_found_by(pattern: str, row: Known) -> bool:
    return row.is_active and row.origin == "found" and row.pattern == pattern


_KNOWN = text("""
    SELECT id, scope, external_id, origin, is_active, pattern FROM sources WHERE instance_id = :instance ORDER BY id
""")

# Two sources may swap their names, and a unique key is checked row by row: first all of them let go.
_LET_GO = text("""
    UPDATE sources SET scope = scope || '~' || coalesce(external_id, CAST(id AS text)) WHERE id = ANY(:ids)
""")

# One that was away begins anew: what happened meanwhile is the past and alerts nobody. Not so one that another pattern
# missed a moment ago, because it was renamed, or that a list left out for once. A renamed one goes to the
# pattern that sees it under its new name, since another's may no longer stand for it; nothing else of it changes.
_WRITE = text("""
    UPDATE sources SET
        scope = wanted.scope, external_id = coalesce(wanted.external_id, sources.external_id),
        origin = 'found', is_active = true, archived_at = NULL,
        pattern = CASE WHEN sources.is_active AND NOT sources.id = ANY(:renamed)
                       THEN coalesce(sources.pattern, :pattern) ELSE :pattern END,
        cursor = CASE WHEN sources.is_active OR sources.archived_at > clock_timestamp() - interval '1 hour'
                      THEN sources.cursor ELSE '{}' END,
        baseline_at = CASE WHEN sources.is_active OR sources.archived_at > clock_timestamp() - interval '1 hour'
                           THEN sources.baseline_at END,
        next_poll_at = CASE WHEN sources.is_active THEN sources.next_poll_at ELSE clock_timestamp() END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:scopes AS text[]), CAST(:external_ids AS text[]))
        AS wanted (id, scope, external_id)
    WHERE sources.id = wanted.id
""")

_ARCHIVE = text("""
    UPDATE sources SET is_active = false, archived_at = clock_timestamp() WHERE id = ANY(:ids) AND is_active
""")

_ADD = text("""
    INSERT INTO sources (instance_id, scope, external_id, origin, pattern)
    SELECT :instance, wanted.scope, wanted.external_id, 'found', :pattern
    FROM unnest(CAST(:scopes AS text[]), CAST(:external_ids AS text[])) AS wanted (scope, external_id)
    ON CONFLICT DO NOTHING
""")

_IDENTIFY = text("""
    UPDATE sources SET external_id = wanted.external_id
    FROM unnest(CAST(:ids AS bigint[]), CAST(:external_ids AS text[])) AS wanted (id, external_id)
    WHERE sources.id = wanted.id
""")


def known_sources(session: Session, instance_id: int) -> list[Known]:
    """Every source of an instance, archived ones too."""
    return [Known(*row) for row in session.execute(_KNOWN, {"instance": instance_id})]


def write(session: Session, instance_id: int, pattern: str, changes: Changes) -> None:
    """Make the changes; `sources.lock` has to be held since `known_sources` was read."""
    session.execute(_LET_GO, {"ids": [*changes.renamed, *changes.outnamed]})
    session.execute(
        _WRITE,
        {
            "pattern": pattern,
            "renamed": changes.renamed,
            "ids": list(changes.written),
            "scopes": [item.scope for item in changes.written.values()],
            "external_ids": [item.external_id for item in changes.written.values()],
        },
    )
    archive(session, changes.gone)
    session.execute(
        _ADD,
        {
            "instance": instance_id,
            "pattern": pattern,
            "scopes": [item.scope for item in changes.added],
            "external_ids": [item.external_id for item in changes.added],
        },
    )
    session.execute(_IDENTIFY, {"ids": list(changes.identified), "external_ids": list(changes.identified.values())})


def archive(session: Session, ids: Sequence[int]) -> None:
    """Poll these sources no longer; they keep everything they have."""
    session.execute(_ARCHIVE, {"ids": list(ids)})
