"""Keys: what is shown once, what is kept, and when one stops working."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.keys import LiveKey, Scope, authenticate, create_key, create_session, revoke_key, still_live
from tests.factories import NOON, minutes


def found(session: Session, presented: str, *, now_after: timedelta = timedelta()) -> LiveKey:
    key = authenticate(session, presented, NOON + now_after)
    assert key is not None
    return key


def test_a_key_is_recognised_with_its_name_and_scopes(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ, Scope.COLLECT], NOON)

    key = found(session, printed)

    assert (key.name, key.scopes, key.is_session) == ("ci", frozenset({"read", "collect"}), False)
    assert re.fullmatch(r"bo_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", printed)


def test_nothing_kept_in_the_database_opens_anything(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON)

    dump = str(session.execute(text("SELECT * FROM keys")).mappings().all())

    secret = printed.split("_")[3]
    assert secret not in dump
    assert printed not in dump


@pytest.mark.parametrize("place", [0, 8, 12, 17, 40, 59, 61, 66])
def test_one_wrong_character_anywhere_makes_it_another_key(session: Session, place: int) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON)
    other = "A" if printed[place] != "A" else "B"

    assert authenticate(session, printed[:place] + other + printed[place + 1 :], NOON) is None


@pytest.mark.parametrize("presented", ["", "bo_live_", "x" * 10_000, "bo_live_\0", "ключ", "bo_live_١٢٣"])
def test_what_is_no_key_at_all_is_no_key(session: Session, presented: str) -> None:
    assert authenticate(session, presented, NOON) is None


def test_an_unknown_id_with_a_right_checksum_is_no_key(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON)
    session.execute(text("DELETE FROM keys"))

    assert authenticate(session, printed, NOON) is None


def test_a_revoked_key_stops_at_once(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON)
    key = found(session, printed)

    assert revoke_key(session, key.id, NOON)

    assert authenticate(session, printed, NOON) is None
    assert not revoke_key(session, key.id, NOON)


def test_an_expired_key_stops_when_it_says(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON, expires_at=NOON + minutes(5))

    assert authenticate(session, printed, NOON + minutes(4.9)) is not None
    assert authenticate(session, printed, NOON + minutes(5)) is None


def test_using_a_key_is_written_down_once_a_minute_at_most(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON)
    last_used = text("SELECT last_used_at FROM keys")

    authenticate(session, printed, NOON)
    authenticate(session, printed, NOON + minutes(0.9))
    assert session.scalar(last_used) == NOON

    authenticate(session, printed, NOON + minutes(1.1))
    assert session.scalar(last_used) == NOON + minutes(1.1)


def test_a_session_may_what_its_key_may_and_ends_with_it(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON)
    key = found(session, printed)
    cookie, end = create_session(session, key, NOON)

    opened = found(session, cookie)
    assert (opened.scopes, opened.is_session, end) == (key.scopes, True, NOON + timedelta(hours=12))

    revoke_key(session, key.id, NOON)
    assert authenticate(session, cookie, NOON) is None


def test_ending_a_session_leaves_its_key_alone(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON)
    cookie, _ = create_session(session, found(session, printed), NOON)

    revoke_key(session, found(session, cookie).id, NOON)

    assert authenticate(session, cookie, NOON) is None
    assert authenticate(session, printed, NOON) is not None


def test_a_session_never_outlives_its_key(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON, expires_at=NOON + minutes(30))

    cookie, end = create_session(session, found(session, printed), NOON)

    assert end == NOON + minutes(30)
    assert authenticate(session, cookie, NOON + minutes(31)) is None


def test_sessions_that_ended_are_forgotten_when_the_next_begins(session: Session) -> None:
    printed = create_key(session, "ci", [Scope.READ], NOON)
    create_session(session, found(session, printed), NOON)

    create_session(session, found(session, printed), NOON + timedelta(days=1))

    assert session.scalar(text("SELECT count(*) FROM keys WHERE parent_id IS NOT NULL")) == 1


def test_the_keys_still_live_are_those_neither_revoked_nor_expired_nor_gone(session: Session) -> None:
    kept, revoked = (found(session, create_key(session, name, [Scope.READ], NOON)) for name in ("kept", "revoked"))
    expiring = found(session, create_key(session, "expiring", [Scope.READ], NOON, expires_at=NOON + minutes(1)))
    below = found(session, create_session(session, revoked, NOON)[0])
    revoke_key(session, revoked.id, NOON)

    live = still_live(session, {kept.id, revoked.id, expiring.id, below.id, "unknown0"}, NOON + minutes(2))

    assert live == {kept.id}
