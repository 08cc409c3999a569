"""The ring: dense, bounded in number and weight, and every event of a build shows the build as it stands."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.portion import Place
from api.ring import GONE, Entry, Ring, Subject, make_entries
from api.subscription import Filter
from shared.models import Event
from shared.queries import Row

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def an_event(pos: int, *, build_id: int = 1, to_status: str = "succeeded", **overrides: Any) -> Event:
    fields: dict[str, Any] = {
        "kind": "transition",
        "subject_kind": "build",
        "subject_id": build_id,
        "project_id": 1,
        "attempt": 1,
        "version": 1,
        "from_status": None,
        "to_status": to_status,
        "is_superseded": False,
        "is_backfill": False,
        "at": NOON,
    }
    return Event(pos=pos, **(fields | overrides))


def a_row(build_id: int = 1, **overrides: Any) -> Row:
    fields: dict[str, Any] = {
        "id": build_id,
        "provider": "github",
        "instance": "github.com",
        "project": "default",
        "pipeline_id": 7,
        "repository": "acme/web",
        "branch": "main",
        "attempt": 1,
        "status": "succeeded",
        "finished_at": NOON,
    }
    return fields | overrides


def an_incident_event(pos: int, *, incident_id: int = 1, **overrides: Any) -> Event:
    about: dict[str, Any] = {
        "subject_kind": "incident",
        "subject_id": incident_id,
        "attempt": None,
        "to_status": "broken",
    }
    return an_event(pos, **(about | overrides))


def an_incident(incident_id: int = 1, **overrides: Any) -> Row:
    where = {key: a_row()[key] for key in ("provider", "instance", "project", "repository", "pipeline_id", "branch")}
    return {"id": incident_id, **where, "status": "broken", "failures": 1} | overrides


def entries(*events: Event, rows: tuple[Row, ...] = (), incidents: tuple[Row, ...] = ()) -> list[Entry]:
    shown: dict[Subject, Row] = {("build", int(str(row["id"]))): row for row in rows or (a_row(),)}
    return make_entries(events, shown | {("incident", int(str(row["id"]))): row for row in incidents})


def frames(data: bytes) -> list[dict[str, Any]]:
    """Cut unmasked text frames."""
    found = []
    while data:
        short = data[1]
        extra = {126: 2, 127: 8}.get(short, 0)
        size = int.from_bytes(data[2 : 2 + extra]) if extra else short
        found.append(json.loads(data[2 + extra : 2 + extra + size]))
        data = data[2 + extra + size :]
    return found


def test_a_message_has_exactly_the_promised_shape() -> None:
    (entry,) = entries(an_event(5, from_status="running"))

    assert json.loads(entry.message(3)) == {
        "type": "complete",
        "pos": 5,
        "prev_pos": 3,
        "subject_kind": "build",
        "build_id": 1,
        "attempt": 1,
        "is_superseded": False,
        "data": {
            "build": json.loads(json.dumps(a_row(), default=lambda _: "2026-11-20T12:00:00Z")),
            "from_status": "running",
            "to_status": "succeeded",
            "at": "2026-11-20T12:00:00Z",
        },
    }


@pytest.mark.parametrize(
    ("to_status", "row", "kind"),
    [
        ("running", a_row(), "status"),
        ("blocked", a_row(), "status"),
        ("skipped", a_row(), "complete"),
        ("failed", a_row(), "complete"),
        ("unknown", a_row(status="unknown", finished_at=NOON), "complete"),
        ("unknown", a_row(status="unknown", finished_at=None), "status"),
        ("unknown", a_row(status="failed", attempt=2), "status"),
    ],
)
def test_an_event_is_complete_when_its_new_status_is_finished(to_status: str, row: Row, kind: str) -> None:
    (entry,) = entries(an_event(1, to_status=to_status), rows=(row,))

    assert json.loads(entry.message(0))["type"] == kind


def test_an_event_of_a_build_that_was_deleted_passes_only_the_empty_filter() -> None:
    (entry,) = make_entries([an_event(1, build_id=9)], {})

    assert json.loads(entry.message(0))["data"]["build"] is None
    assert entry.shown is GONE
    assert Filter().passes(entry.shown.facts)
    assert not Filter((("branch", "main"),)).passes(entry.shown.facts)


def test_older_events_of_a_build_show_it_as_it_stands_now() -> None:
    ring = Ring(head=0)
    for entry in entries(an_event(1, to_status="running"), rows=(a_row(status="running"),)):
        ring.append(entry)
    for entry in entries(an_event(2), rows=(a_row(status="succeeded"),)):
        ring.append(entry)

    shown = [json.loads(entry.message(0)) for entry in ring.after(0)]

    assert [message["data"]["to_status"] for message in shown] == ["running", "succeeded"]
    assert [message["data"]["build"]["status"] for message in shown] == ["succeeded", "succeeded"]


def test_the_ring_refuses_a_hole() -> None:
    ring = Ring(head=4)

    with pytest.raises(ValueError, match="cannot follow 4"):
        ring.append(entries(an_event(6))[0])


def test_the_ring_keeps_only_so_many_events() -> None:
    ring = Ring(head=0, max_events=3)
    for pos in range(1, 8):
        ring.append(entries(an_event(pos, build_id=pos), rows=(a_row(pos),))[0])

    assert (ring.floor, ring.head) == (4, 7)
    assert [entry.pos for entry in ring.after(5)] == [6, 7]


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2000), st.booleans()), max_size=60))
def test_the_ring_weighs_what_it_holds(history: list[tuple[int, int, bool]]) -> None:
    ring = Ring(head=0, max_bytes=20_000)
    for pos, (subject_id, size, is_incident) in enumerate(history, 1):
        if is_incident:
            incident = an_incident(subject_id, commits_url="x" * size)
            ring.append(entries(an_incident_event(pos, incident_id=subject_id), incidents=(incident,))[0])
        else:
            ring.append(entries(an_event(pos, build_id=subject_id), rows=(a_row(subject_id, author="x" * size),))[0])

    held = list(ring.after(ring.floor))
    subjects = {id(entry.shown): len(entry.shown.json) for entry in held}

    assert ring.bytes_held == sum(entry.weight for entry in held) + sum(subjects.values())
    assert len(subjects) == len({entry.shown.subject for entry in held})
    assert ring.bytes_held <= 20_000 or len(held) == 1


@given(st.lists(st.tuples(st.sampled_from(["main", "dev"]), st.booleans()), max_size=40), st.integers(1, 3000))
def test_a_subscription_gets_what_passes_in_order_each_naming_the_one_before(
    history: list[tuple[str, bool]], chunk: int
) -> None:
    ring = Ring(head=0)
    for pos, (branch, is_backfill) in enumerate(history, 1):
        rows = (a_row(pos, branch=branch),)
        ring.append(entries(an_event(pos, build_id=pos, is_backfill=is_backfill), rows=rows)[0])
    place = Place(Filter((("branch", "main"),)), include_backfill=False, cursor=0, prev_pos=0)

    got: list[dict[str, Any]] = []
    while place.cursor < ring.head:
        got += frames(place.take(ring.after(place.cursor), chunk))

    wanted = [pos for pos, passed in enumerate(history, 1) if passed == ("main", False)]
    assert [message["pos"] for message in got] == wanted
    assert [message["prev_pos"] for message in got] == [0, *wanted][:-1]


def test_backfilled_events_come_only_on_request() -> None:
    ring = Ring(head=0)
    ring.append(entries(an_event(1, is_backfill=True))[0])

    assert Place(Filter(), include_backfill=False, cursor=0, prev_pos=0).take(ring.after(0)) == b""
    assert len(frames(Place(Filter(), include_backfill=True, cursor=0, prev_pos=0).take(ring.after(0)))) == 1


def test_an_event_about_a_scheduler_says_how_it_stands_and_shows_no_build() -> None:
    silent = an_event(
        6,
        subject_kind="scheduler",
        attempt=None,
        from_status="alive",
        to_status="silent",
        data={"reason": "nothing is collected"},
    )

    (entry,) = entries(silent)

    assert json.loads(entry.message(3)) == {
        "type": "status",
        "pos": 6,
        "prev_pos": 3,
        "subject_kind": "scheduler",
        "subject_id": 1,
        "data": {
            "from_status": "alive",
            "to_status": "silent",
            "at": "2026-11-20T12:00:00Z",
            "reason": "nothing is collected",
        },
    }


def test_a_filter_on_builds_passes_over_a_scheduler_and_keeps_its_chain() -> None:
    ring = Ring(0)
    scheduler = an_event(2, subject_kind="scheduler", from_status="alive", to_status="silent")
    for entry in entries(an_event(1), scheduler, an_event(3)):
        ring.append(entry)
    of_main = Place(Filter((("branch", "main"),)), include_backfill=False, cursor=0, prev_pos=0)
    of_all = Place(Filter(), include_backfill=False, cursor=0, prev_pos=0)

    narrowed, whole = frames(of_main.take(ring.after(0))), frames(of_all.take(ring.after(0)))

    assert [(frame["pos"], frame["prev_pos"]) for frame in narrowed] == [(1, 0), (3, 1)]
    assert [(frame["pos"], frame["prev_pos"]) for frame in whole] == [(1, 0), (2, 1), (3, 2)]
    assert of_main.cursor == of_all.cursor == 3


def test_an_incident_event_has_exactly_the_promised_shape() -> None:
    event = an_incident_event(7, incident_id=3, from_status="broken", data={"failures": 2})

    (entry,) = entries(event, incidents=(an_incident(3, failures=2),))

    assert json.loads(entry.message(5)) == {
        "type": "incident",
        "pos": 7,
        "prev_pos": 5,
        "subject_kind": "incident",
        "incident_id": 3,
        "data": {
            "incident": an_incident(3, failures=2),
            "from_status": "broken",
            "to_status": "broken",
            "at": "2026-11-20T12:00:00Z",
        },
    }


def test_an_incident_and_a_build_of_the_same_id_are_two_things() -> None:
    ring = Ring(0)
    for entry in entries(an_event(1), an_incident_event(2), rows=(a_row(),), incidents=(an_incident(),)):
        ring.append(entry)

    build, incident = (json.loads(entry.message(0))["data"] for entry in ring.after(0))

    assert build["build"]["status"] == "succeeded"
    assert incident["incident"]["status"] == "broken"


def test_older_events_of_an_incident_show_it_as_it_stands_now() -> None:
    ring = Ring(0)
    ring.append(entries(an_incident_event(1), incidents=(an_incident(),))[0])
    ring.append(entries(an_incident_event(2, to_status="fixed"), incidents=(an_incident(status="fixed"),))[0])

    shown = [json.loads(entry.message(0))["data"] for entry in ring.after(0)]

    assert [data["to_status"] for data in shown] == ["broken", "fixed"]
    assert [data["incident"]["status"] for data in shown] == ["fixed", "fixed"]


@pytest.mark.parametrize(
    ("term", "passes"),
    [
        (("provider", "github"), True),
        (("instance", "github.com"), True),
        (("project", "default"), True),
        (("repository", "acme/web"), True),
        (("pipeline_id", 7), True),
        (("branch", "main"), True),
        (("branch", "dev"), False),
        (("pipeline_id", 8), False),
        (("build_id", 1), False),
    ],
)
def test_filters_ask_an_incident_where_it_happened_and_one_on_a_build_passes_none(
    term: tuple[str, str | int], passes: bool
) -> None:
    (entry,) = entries(an_incident_event(1), incidents=(an_incident(),))

    assert Filter((term,)).passes(entry.shown.facts) is passes


def test_an_incident_that_was_deleted_is_null() -> None:
    (entry,) = entries(an_incident_event(1, incident_id=9))

    assert json.loads(entry.message(0))["data"]["incident"] is None


def test_an_incident_of_the_past_comes_only_on_request() -> None:
    ring = Ring(0)
    ring.append(entries(an_incident_event(1, is_backfill=True), incidents=(an_incident(),))[0])

    assert Place(Filter(), include_backfill=False, cursor=0, prev_pos=0).take(ring.after(0)) == b""
    assert len(frames(Place(Filter(), include_backfill=True, cursor=0, prev_pos=0).take(ring.after(0)))) == 1
