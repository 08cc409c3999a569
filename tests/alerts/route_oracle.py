"""What routes have to make of the incidents of one branch, worked out again from the whole log at once.

It knows nothing of the planner: it walks through each incident of the oracle's and asks for every failure and for the
end what a person would who has the routes before them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.config.routes import RouteSettings
from tests.alerts.incident_oracle import Said, end_of, next_bad, verdicts_of_the_newest_build

TELLS = {
    "broke": "what broke",
    "still_failing": "what still fails",
    "flapping": "what flaps",
    "fixed": "what is fixed",
}


@dataclass(frozen=True)
class Told:
    """One failure or the end of an incident; `failures` counts those up to it."""

    pos: int
    incident: int
    kind: str
    failures: int
    flaps: bool
    no_news: str | None


def stored_routings(session: Session) -> list[dict[str, Any]]:
    """The routings as they are in the table, each with its incident's number in the order of opening."""
    rows = session.execute(
        text("""
            SELECT event_pos, (SELECT count(*) FROM incidents o WHERE o.id < g.incident_id) AS incident,
                   route, receiver, kind, outcome, reason
            FROM routings g ORDER BY event_pos, route, receiver
        """)
    )
    return [dict(row) for row in rows.mappings()]


def true_routings(session: Session, routes: Sequence[RouteSettings]) -> list[dict[str, Any]]:
    """The same rows as they follow from the log; every build of it is of the default branch and its jobs unknown."""
    found: list[dict[str, Any]] = []
    for told in all_told(verdicts_of_the_newest_build(session)):
        heard = {row["receiver"] for row in found if row["incident"] == told.incident and row["outcome"] == "queued"}
        found += [
            {
                "event_pos": told.pos,
                "incident": told.incident,
                "route": route.name,
                "receiver": receiver,
                "kind": told.kind,
            }
            | outcome(route, told, is_known=receiver in heard)
            for route in routes
            if {"*", "@default"} & set(route.branch)
            for receiver in route.receivers
        ]
    return sorted(found, key=lambda row: (row["event_pos"], row["route"], row["receiver"]))


def all_told(said: Sequence[Said]) -> Iterator[Told]:
    """Everything that happened to all incidents, in the order of the log."""
    openings: list[Said] = []
    start = next_bad(said, 0)
    while start < len(said):
        flaps = sum((said[start].at - each.at).total_seconds() <= 3600 for each in openings) >= 2
        openings.append(said[start])
        end = end_of(said, start, passes_needed=3 if flaps else 1)
        yield from of_one(said[start:end], len(openings) - 1, flaps=flaps, is_over=end <= len(said))
        start = next_bad(said, end)


def of_one(part: Sequence[Said], incident: int, *, flaps: bool, is_over: bool) -> Iterator[Told]:
    """What happened to one incident; the same attempt is not told twice, unless the first time was no news."""
    opening = "flapping" if flaps else "broke"
    failures, last, was_silent = 1, part[0], part[0].is_backfill
    yield Told(part[0].pos, incident, opening, 1, flaps, no_news(part[0], is_silent=was_silent))
    for before, each in pairwise(part):
        is_silent = was_silent and not (before.is_good and not each.is_good and not each.is_backfill)
        is_more = not each.is_good and each.attempt != last.attempt
        failures += is_more
        if was_silent and not is_silent:
            yield Told(each.pos, incident, opening, failures, flaps, None)
        elif is_more:
            yield Told(each.pos, incident, "still_failing", failures, flaps, no_news(each, is_silent=is_silent))
        last, was_silent = last if each.is_good else each, is_silent
    if is_over:
        yield Told(part[-1].pos, incident, "fixed", failures, False, no_news(part[-1], is_silent=was_silent))


def no_news(said: Said, *, is_silent: bool) -> str | None:
    if said.is_backfill:
        return "it was learnt while the past was collected"
    silent = "its break was no news: it was there before we watched, of the past, or learnt of too late"
    return silent if is_silent else None


def outcome(route: RouteSettings, told: Told, *, is_known: bool) -> dict[str, Any]:
    """What one route makes of it for a receiver that was to hear of this incident before, or was not."""
    if told.no_news is not None:
        return {"outcome": "suppressed", "reason": told.no_news}
    kind = as_kind(route, told, is_known=is_known)
    if kind not in route.on:
        return {"outcome": "suppressed", "reason": f"this route does not tell {TELLS[kind]}"}
    tells_failures = any(word != "fixed" for word in route.on)
    if kind == "fixed" and tells_failures:
        reason = None if is_known else "its failure was not told to this receiver"
        return {"outcome": "queued" if is_known else "suppressed", "reason": reason}
    if kind != "flapping" and told.failures < route.confirm:
        return {"outcome": "suppressed", "reason": f"{told.failures} of {route.confirm} failures"}
    return {"outcome": "queued", "reason": why(route, told, kind)}


def as_kind(route: RouteSettings, told: Told, *, is_known: bool) -> str:
    """As what the route takes it."""
    as_break = "flapping" if told.flaps and "flapping" in route.on else "broke" if "broke" in route.on else None
    if told.kind == "fixed" or as_break is None:
        return told.kind
    if told.kind != "still_failing":
        return as_break
    had_to_wait = route.confirm > 1 or route.novel_only
    is_confirmed = told.failures >= route.confirm
    is_last_one_needed = told.failures == route.confirm and as_break == "broke"
    return as_break if had_to_wait and is_confirmed and (is_last_one_needed or not is_known) else told.kind


def why(route: RouteSettings, told: Told, kind: str) -> str | None:
    words = []
    if kind != "fixed" and route.novel_only:
        words.append("which jobs failed is not known, so it counts as new")
    if kind in ("broke", "still_failing") and route.confirm > 1:
        exact = told.failures == route.confirm
        words.append(f"{told.failures} of {route.confirm} failures" if exact else f"{told.failures} failures in a row")
    return "; ".join(words) or None
