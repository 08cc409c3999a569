"""What a list of builds can be narrowed to, and each filter as SQL."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.ghosts import IS_LIVE
from shared.scope import Scope
from shared.search import CHUNK_SQL, PREFIX_SQL, question
from shared.status import CancelReason, Status
from shared.words import words_of

UNKNOWN_REASON = "unknown"
"""The `cancel_reason` of a cancelled build whose provider tells none."""

CANCEL_REASONS = (*(str(reason) for reason in CancelReason), UNKNOWN_REASON)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFilter:
    """What a list of builds is narrowed to; empty says nothing, several values of one filter mean any of them.

    `since` (included) and `until` (excluded) bound `queued_at`. Of `text` every word must occur in the build, each may
    be the beginning of one (`shared.words`). `cancel_reason` is of cancelled builds, one of CANCEL_REASONS.
    `first_status` is how the first attempt ended, `is_flaky` whether the build passed right after a failure of the same
    commit, `is_active` whether it is open and to be believed, `is_stale` whether it is open and not,
    `has_duration`, `has_wait` whether its duration, its wait in the queue is known.
    """

    scope: Scope = field(default_factory=Scope)
    branch: tuple[str, ...] = ()
    status: tuple[Status, ...] = ()
    author: tuple[str, ...] = ()
    event: tuple[str, ...] = ()
    commit_sha: tuple[str, ...] = ()
    cancel_reason: tuple[str, ...] = ()
    first_status: tuple[Status, ...] = ()
    is_flaky: bool | None = None
    is_active: bool | None = None
    is_stale: bool | None = None
    has_duration: bool | None = None
    has_wait: bool | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


# Subqueries give one value of one row and so are asked build by build: Postgres may turn an EXISTS into a hash of the
# whole table beside it.
_ANY_OF = {
    "branch": "b.branch = ANY(:branch)",
    "status": "b.status = ANY(:status)",
    "author": "b.author = ANY(:author)",
    "event": "b.event = ANY(:event)",
    "commit_sha": "b.commit_sha = ANY(:commit_sha)",
    "cancel_reason": f"""
        (b.status = '{Status.CANCELLED}' AND coalesce(b.cancel_reason, '{UNKNOWN_REASON}') = ANY(:cancel_reason))
    """,
    "first_status": """
        CASE WHEN b.attempt = 1 THEN b.status
             ELSE (SELECT a.status FROM attempts a WHERE a.build_id = b.id AND a.number = 1) END = ANY(:first_status)
    """,
}

_WHETHER = {
    "is_flaky": "(SELECT true FROM flakes f WHERE f.build_id = b.id) IS NOT NULL",
    "is_active": f"""
        (NOT b.is_finished AND (SELECT {IS_LIVE} FROM pipelines p WHERE p.id = b.pipeline_id))
    """,
    "is_stale": f"""
        (NOT b.is_finished AND (SELECT NOT {IS_LIVE} FROM pipelines p WHERE p.id = b.pipeline_id))
    """,
    "has_duration": "b.duration_seconds IS NOT NULL",
    "has_wait": "b.queued_seconds IS NOT NULL",
}

QUESTION_SQL = f"replace({{words}}, '@', {PREFIX_SQL})"
"""The question about words in one chunk, as text; to be formatted with the parameter and the chunk."""

HAS_WORDS = f"""
    (s.words @@ ({QUESTION_SQL.format(words=":words", chunk=CHUNK_SQL.format(queued_at="s.queued_at"))})::tsquery)
"""
"""Whether the words of a build, `s`, are `:words`."""

LIKELY = 3
"""Of so many words, the longest ones, one is likely the rarest."""

_BOUNDS = {"since": "{queued_at} >= :since", "until": "{queued_at} < :until"}
_AFTER = "({queued_at}, {id}) < (:queued_at, :id)"
_IN_PIPELINES = "b.pipeline_id IN (SELECT unnest(CAST(:pipelines AS bigint[])))"


@dataclass(frozen=True, slots=True)
class Conditions:
    """A filter as SQL over `b`, by the filter's name, and the parameters of all of it.

    `bounds` are those by which every index of the lists can be entered, for whichever columns are its order.
    """

    by_name: Mapping[str, str]
    bounds: tuple[str, ...]
    parameters: Mapping[str, object]

    def besides(self, served: Collection[str]) -> list[str]:
        """What is left to be looked at in builds of which the filters `served` hold."""
        return [condition for name, condition in self.by_name.items() if name not in served]

    def within(self, queued_at: str = "b.queued_at", build_id: str = "b.id") -> list[str]:
        """The bounds over these columns."""
        return [bound.format(queued_at=queued_at, id=build_id) for bound in self.bounds]

    def in_pipelines(self, ids: Collection[int]) -> "Conditions":
        """The same, in these pipelines alone."""
        by_name = {**self.by_name, "pipelines": _IN_PIPELINES}
        return Conditions(by_name, self.bounds, {**self.parameters, "pipelines": list(ids)})

    def after(self, position: tuple[datetime, int]) -> "Conditions":
        """The same, from below a position in the order of the lists."""
        given = {"queued_at": position[0], "id": position[1]}
        bounds = [bound for bound in self.bounds if bound != _AFTER]
        return Conditions(self.by_name, (*bounds, _AFTER), {**self.parameters, **given})


def conditions_of(wanted: BuildFilter) -> Conditions:
    """Everything that is wanted but the scope."""
    given: dict[str, object] = {}
    by_name = {}
    for name, condition in _ANY_OF.items():
        if values := getattr(wanted, name):
            by_name[name], given[name] = condition, sorted(set(values))
    for name, condition in _WHETHER.items():
        if (is_so := getattr(wanted, name)) is not None:
            by_name[name] = condition if is_so else f"NOT ({condition})"
    if wanted.text is not None:
        words = words_of([wanted.text])
        by_name["text"] = f"(SELECT {HAS_WORDS} FROM build_search s WHERE s.build_id = b.id)"
        given["words"] = question(words)
        if len(words) > 1:
            given["likely"] = [question([word]) for word in sorted(words, key=len)[-LIKELY:]]
    bounds = {name: getattr(wanted, name) for name in _BOUNDS if getattr(wanted, name) is not None}
    return Conditions(by_name, tuple(_BOUNDS[name] for name in bounds), given | bounds)


def build_conditions(wanted: BuildFilter) -> tuple[list[str], dict[str, object]]:
    """SQL conditions over `b` for everything but the scope, and their parameters."""
    found = conditions_of(wanted)
    return [*found.by_name.values(), *found.within()], dict(found.parameters)
