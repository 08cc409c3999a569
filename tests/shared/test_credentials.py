"""How a credential rests: as told, or twice as long each time that nobody told."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import credentials
from shared.clock import utc_now
from shared.http.rate_limit import Budget
from tests.factories import minutes

NAME = "i:abc"


@pytest.fixture
def instance(session: Session) -> int:
    made = text("INSERT INTO instances (name, provider, base_url) VALUES ('i', 'github', 'x') RETURNING id")
    return int(str(session.scalar(made)))


def rests_for(session: Session) -> float:
    seconds = session.scalar(text("SELECT extract(epoch FROM blocked_until - clock_timestamp()) FROM credentials"))
    return round(float(str(seconds)))


def end_the_pause(session: Session, seconds_ago: float = 1) -> None:
    session.execute(
        text("UPDATE credentials SET blocked_until = clock_timestamp() - make_interval(secs => :ago)"),
        {"ago": seconds_ago},
    )


def test_a_pause_nobody_told_the_length_of_doubles_while_it_repeats(session: Session, instance: int) -> None:
    pauses = []
    for _ in range(8):
        credentials.block(session, NAME, instance, utc_now(), is_told=False)
        pauses.append(rests_for(session))
        end_the_pause(session)

    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_refusal_met_during_the_pause_is_the_same_refusal(session: Session, instance: int) -> None:
    credentials.block(session, NAME, instance, utc_now(), is_told=False)
    credentials.block(session, NAME, instance, utc_now(), is_told=False)

    assert rests_for(session) == 60


def test_a_quarter_of_an_hour_without_a_refusal_begins_anew(session: Session, instance: int) -> None:
    credentials.block(session, NAME, instance, utc_now(), is_told=False)
    end_the_pause(session)
    credentials.block(session, NAME, instance, utc_now(), is_told=False)
    end_the_pause(session, seconds_ago=900)

    credentials.block(session, NAME, instance, utc_now(), is_told=False)

    assert rests_for(session) == 60


def test_a_told_pause_is_kept_to_and_never_shortened(session: Session, instance: int) -> None:
    credentials.block(session, NAME, instance, utc_now() + minutes(10))
    credentials.block(session, NAME, instance, utc_now() + minutes(1))

    assert rests_for(session) == 600


def test_a_budget_keeps_the_length_of_its_window(session: Session, instance: int) -> None:
    gitlabs = Budget(2000, 1999, utc_now() + minutes(1), window_seconds=60)

    credentials.note_budget(session, NAME, instance, gitlabs)

    assert credentials.standing(session, NAME).budget == gitlabs
