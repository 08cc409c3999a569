"""Cursors: a position survives the round trip, and nothing else is taken for one."""

import base64
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from api.paging import BIGGEST_ID, decode_cursor, encode_cursor
from api.problems import Problem
from tests.api.serving import World, many_builds

INSTANTS = st.datetimes(timezones=st.just(UTC))
IDS = st.integers(0, BIGGEST_ID)


@given(INSTANTS, IDS)
def test_a_position_among_builds_survives_the_round_trip(instant: datetime, identity: int) -> None:
    cursor = encode_cursor("builds", (instant, identity))

    assert decode_cursor("builds", (datetime, int), cursor) == (instant, identity)


@given(IDS, st.text().filter(lambda text: "\0" not in text))
def test_a_position_among_names_survives_the_round_trip(identity: int, name: str) -> None:
    assert decode_cursor("branches", (int, str), encode_cursor("branches", (identity, name))) == (identity, name)


@given(st.text(max_size=100) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(Problem):
        decode_cursor("builds", (datetime, int), cursor)


@pytest.mark.parametrize("key", [(1, 2, 3), (1,), ("x", 1), (1, "x"), (1, 2**70), (2**62, 1), (1, -1), (1, None)])
def test_a_position_of_another_shape_is_refused(key: tuple[object, ...]) -> None:
    with pytest.raises((Problem, TypeError)):
        decode_cursor("builds", (datetime, int), encode_cursor("builds", key))


def test_no_cursor_is_the_beginning() -> None:
    assert decode_cursor("builds", (datetime, int), None) is None


def test_a_cursor_of_another_list_is_refused_in_words(world: World, client: FlaskClient) -> None:
    world.record(*many_builds(3))
    cursor = client.get("/api/builds?limit=1").get_json()["next_cursor"]

    answer = client.get(f"/api/pipelines?cursor={cursor}")

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "cursor"
    assert "next_cursor" in answer.get_json()["detail"]
