"""Errors of collecting are counted by source and kind, and listed with the one seen last first."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.collector_errors import ErrorKind, errors, kind_of, kind_of_row, note, note_elsewhere
from shared.errors import (
    CredentialRefused,
    MalformedPayload,
    NotFound,
    ProviderError,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unprocessable,
)
from shared.scope import Scope
from tests.factories import NOON

EVERYTHING = Scope()


def a_source(session: Session, scope: str = "acme/web") -> int:
    return int(
        session.execute(
            text("""
                WITH made AS (
                    INSERT INTO instances (name, provider, base_url) VALUES ('github.com', 'github', 'x')
                    ON CONFLICT (name) DO UPDATE SET base_url = 'x' RETURNING id)
                INSERT INTO sources (instance_id, scope) SELECT id, :scope FROM made RETURNING id
            """),
            {"scope": scope},
        ).scalar_one()
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RateLimited("slow down", NOON), "rate_limited"),
        (CredentialRefused("no"), "credential_refused"),
        (Unauthorized("not you"), "unauthorized"),
        (NotFound("gone"), "not_found"),
        (Unavailable("502"), "unavailable"),
        (Unprocessable("too deep"), "unprocessable"),
        (MalformedPayload("HTML"), "malformed_payload"),
        (ProviderError("?"), "other"),
    ],
)
def test_every_error_of_a_provider_has_its_word(error: ProviderError, kind: str) -> None:
    assert kind_of(error) == kind


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("run", "quarantined_build"),
        ("queue item", "quarantined_build"),
        ("job", "quarantined_job"),
        ("attempt", "given_up"),
        ("anything", "quarantined_other"),
    ],
)
def test_every_row_set_aside_has_its_word(row: str, kind: str) -> None:
    assert kind_of_row(row) == kind


def test_the_same_kind_again_is_counted_and_shows_the_latest_example(session: Session) -> None:
    source = a_source(session)
    note(session, source, ErrorKind.UNAVAILABLE, "502 from the provider")
    note(session, source, ErrorKind.UNAVAILABLE, "timed out")
    note(session, source, ErrorKind.NOT_FOUND, "gone")

    not_found, unavailable = errors(session, EVERYTHING, limit=10)

    assert (not_found["kind"], not_found["count"]) == ("not_found", 1)
    assert (unavailable["count"], unavailable["example"]) == (2, "timed out")
    assert str(unavailable["first_seen_at"]) < str(unavailable["last_seen_at"])


def test_an_example_holds_no_secret_and_nothing_that_cannot_be_stored(session: Session) -> None:
    note(session, a_source(session), ErrorKind.OTHER, f"ghp_{'a' * 36} \x00 \ud800 {'long ' * 1000}")

    (row,) = errors(session, EVERYTHING, limit=10)

    assert str(row["example"]).startswith("[secret] ")
    assert len(str(row["example"])) == 500


def test_what_belongs_to_no_source_is_counted_with_the_oldest_its_pattern_found(session: Session) -> None:
    for scope in ("other/named", "acme/archived", "acme/web", "acme/api"):
        a_source(session, scope)
    session.execute(text("UPDATE sources SET pattern = 'acme/*', origin = 'found' WHERE scope LIKE 'acme/%'"))
    session.execute(text("UPDATE sources SET is_active = false WHERE scope = 'acme/archived'"))
    instance = session.scalar(text("SELECT max(id) FROM instances")) or 0
    for _ in range(2):
        note_elsewhere(session, instance, ErrorKind.UNAVAILABLE, "502", pattern="acme/*")
    note_elsewhere(session, instance, ErrorKind.NOT_FOUND, "gone")

    without, found = errors(session, EVERYTHING, limit=10)

    assert (found["scope"], found["kind"], found["count"], found["example"]) == ("acme/web", "unavailable", 2, "502")
    assert (without["scope"], without["kind"]) == ("other/named", "not_found")


def test_an_installation_without_a_source_has_nowhere_to_count(session: Session) -> None:
    a_source(session)
    session.execute(text("DELETE FROM sources"))
    instance = session.scalar(text("SELECT max(id) FROM instances")) or 0

    note_elsewhere(session, instance, ErrorKind.UNAVAILABLE, "502", pattern="acme/*")

    assert errors(session, EVERYTHING, limit=10) == []


def test_errors_of_one_instant_are_paged_without_a_repeat_or_a_hole(session: Session) -> None:
    for source in (a_source(session, "a"), a_source(session, "b")):
        for kind in ErrorKind:
            note(session, source, kind, "x")
    session.execute(text("UPDATE collector_errors SET last_seen_at = :noon"), {"noon": NOON})
    seen: list[Any] = []
    after: tuple[datetime, str] | None = None

    while page := errors(session, EVERYTHING, limit=5, after=after):
        seen += [(row["source_id"], row["kind"]) for row in page]
        after = (NOON, str(page[-1]["place"]))

    assert len(seen) == len(set(seen)) == 2 * len(ErrorKind)


def test_errors_are_narrowed_to_installations_and_to_what_was_seen_since(session: Session) -> None:
    note(session, a_source(session), ErrorKind.OTHER, "x")
    now = session.execute(text("SELECT clock_timestamp()")).scalar_one()

    assert len(errors(session, Scope(instance=("github.com",)), limit=10)) == 1
    assert errors(session, Scope(provider=("gitlab",)), limit=10) == []
    assert errors(session, EVERYTHING, limit=10, since=now) == []
